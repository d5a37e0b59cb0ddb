//! Tokens are kept as they are, until they are removed.

use certificate_lifecycle::store::{
    Actor, ActorKind, InstitutionId, Scope, Scopes, Token, TokenName, Tokens,
};

use crate::harness::Harness;
use crate::outbox_world::at_ms;
use crate::support::at;
use crate::token_world::{our_token, token_id, token_of, token_pages};
use crate::world::{ours, theirs};

pub async fn a_token_comes_back_as_it_was<H: Harness<Store: Tokens>>() {
    let harness = H::fresh().await;
    let store = harness.open().await;
    assert_eq!(store.token(token_id(1)).await.unwrap(), None);
    // Given tokens with everything, with nothing, and at the limits
    let longest = Token::new(
        token_id(3),
        [0; 32],
        TokenName::new("\u{10ffff}ẞ'\"\\%_".repeat(14)).unwrap(),
        Some(InstitutionId::new("\u{10ffff}*".repeat(32)).unwrap()),
        Actor::customer("*".repeat(255)).unwrap(),
        at_ms(-1),
    );
    let longest = longest
        .with_scopes(Scopes::all())
        .with_expires_at(Some(at_ms(i64::from(u32::MAX))));
    let added = [our_token(1), our_token(2), longest, token_of(None, 5)];
    for token in &added {
        assert!(store.add_token(token.clone()).await.unwrap());
    }
    // Then they are the same through another handle
    let other = harness.open().await;
    for token in added {
        assert_eq!(other.token(token.id).await.unwrap(), Some(token));
    }
}

pub async fn every_scope_and_kind_of_actor_comes_back<H: Harness<Store: Tokens>>() {
    let harness = H::fresh().await;
    let store = harness.open().await;
    for (scope, number) in Scope::ALL.into_iter().zip(1..) {
        let kind = ActorKind::ALL[usize::from(number) % ActorKind::ALL.len()];
        let mut token = our_token(number).with_scopes(Scopes::none().with(scope));
        token.actor.kind = kind;
        assert!(store.add_token(token.clone()).await.unwrap());
        assert_eq!(store.token(token.id).await.unwrap(), Some(token));
    }
}

pub async fn an_id_is_taken_in_every_institution<H: Harness<Store: Tokens>>() {
    let harness = H::fresh().await;
    let store = harness.open().await;
    assert!(store.add_token(our_token(1)).await.unwrap());
    for institution in [Some(ours()), Some(theirs()), None] {
        let mut again = token_of(institution, 1);
        again.secret_hash = [9; 32];
        assert!(!store.add_token(again).await.unwrap());
    }
    assert_eq!(store.token(token_id(1)).await.unwrap(), Some(our_token(1)));
}

pub async fn of_those_who_add_one_id_at_once_one_does<H: Harness<Store: Tokens>>() {
    let harness = H::fresh().await;
    let mut adding = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let store = harness.open().await;
        adding.spawn(async move { store.add_token(our_token(1)).await.unwrap() });
    }
    let added = adding.join_all().await;
    assert_eq!(added.iter().filter(|it| **it).count(), 1);
}

pub async fn another_institutions_token_is_unknown<H: Harness<Store: Tokens>>() {
    let harness = H::fresh().await;
    let store = harness.open().await;
    for token in [our_token(1), token_of(Some(theirs()), 2), token_of(None, 3)] {
        assert!(store.add_token(token).await.unwrap());
    }
    // Neither another's, nor one that is good for all, nor one that is not there is removed
    for number in 2..5 {
        let removed = store.remove_token(Some(&ours()), token_id(number)).await;
        assert!(!removed.unwrap(), "{number}");
    }
    let (all, _) = token_pages(&store, None, 10).await;
    assert_eq!(all, [1, 2, 3].map(token_id));
    // The own is, once, and the others by who names no institution
    assert!(
        store
            .remove_token(Some(&ours()), token_id(1))
            .await
            .unwrap()
    );
    assert!(
        !store
            .remove_token(Some(&ours()), token_id(1))
            .await
            .unwrap()
    );
    assert!(store.remove_token(None, token_id(2)).await.unwrap());
    assert!(store.remove_token(None, token_id(3)).await.unwrap());
    assert!(!store.remove_token(None, token_id(3)).await.unwrap());
    let (none, _) = token_pages(&store, None, 10).await;
    assert_eq!(none, []);
    for number in 1..4 {
        assert_eq!(store.token(token_id(number)).await.unwrap(), None);
    }
}

pub async fn the_last_use_is_recorded_once_a_minute<H: Harness<Store: Tokens>>() {
    let harness = H::fresh().await;
    let store = harness.open().await;
    assert!(store.add_token(our_token(2)).await.unwrap());
    assert!(store.add_token(our_token(4)).await.unwrap());
    // Each use, and what is recorded afterwards
    for (used, recorded) in [
        (at_ms(5), at_ms(5)),
        (at_ms(6), at_ms(5)),
        (at_ms(60_004), at_ms(5)),
        (at_ms(60_005), at_ms(60_005)),
        (at(100), at_ms(60_005)),
        (at(0), at_ms(60_005)),
        (at(100_000), at(100_000)),
    ] {
        store.used_token(token_id(2), used).await.unwrap();
        let expected = our_token(2).with_last_used_at(Some(recorded));
        assert_eq!(store.token(token_id(2)).await.unwrap(), Some(expected));
    }
    // Another's use is its own, and one that is not there has none
    store.used_token(token_id(9), at(0)).await.unwrap();
    assert_eq!(store.token(token_id(9)).await.unwrap(), None);
    assert_eq!(store.token(token_id(4)).await.unwrap(), Some(our_token(4)));
}
