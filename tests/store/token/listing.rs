//! Lists of tokens.

use certificate_lifecycle::store::{InstitutionId, Tokens};

use crate::harness::Harness;
use crate::token_world::{our_token, token_id, token_of, token_pages};
use crate::world::{ours, theirs};

pub async fn institutions_are_apart<H: Harness<Store: Tokens>>() {
    let harness = H::fresh().await;
    let store = harness.open().await;
    let star = InstitutionId::new("*").unwrap();
    // Not in the order of their ids
    for (institution, number) in [
        (None, 9),
        (Some(ours()), 8),
        (Some(theirs()), 7),
        (Some(star.clone()), 6),
        (Some(ours()), 5),
        (None, 4),
    ] {
        let token = token_of(institution, number);
        assert!(store.add_token(token).await.unwrap());
    }
    let nowhere = InstitutionId::new("OUR-university").unwrap();
    for (institution, expected) in [
        (None, &[9, 8, 7, 6, 5, 4][..]),
        (Some(ours()), &[8, 5]),
        (Some(theirs()), &[7]),
        // It is an institution of that name, and none that stands for all.
        (Some(star), &[6]),
        (Some(nowhere), &[]),
    ] {
        let (found, reported) = token_pages(&store, institution.as_ref(), 100).await;
        let expected: Vec<_> = expected.iter().map(|it| token_id(*it)).collect();
        assert_eq!((found, reported), (expected, vec![]), "{institution:?}");
    }
}

pub async fn pages_of_any_size_tell_the_same<H: Harness<Store: Tokens>>() {
    let harness = H::fresh().await;
    let store = harness.open().await;
    for number in 1..=12 {
        let institution = (number % 3 > 0).then(ours);
        let token = token_of(institution, number);
        assert!(store.add_token(token).await.unwrap());
    }
    for institution in [None, Some(ours())] {
        let whole = token_pages(&store, institution.as_ref(), u32::MAX).await;
        assert_eq!(whole.0.len(), if institution.is_none() { 12 } else { 8 });
        for limit in 0..14 {
            let pages = token_pages(&store, institution.as_ref(), limit).await;
            assert_eq!(pages, whole, "{limit}");
        }
    }
}

pub async fn tokens_that_come_and_go_shift_no_page<H: Harness<Store: Tokens>>() {
    let harness = H::fresh().await;
    let store = harness.open().await;
    for number in 1..=6 {
        assert!(store.add_token(our_token(number)).await.unwrap());
    }
    let ours = ours();
    let first = store.tokens(Some(&ours), None, 3).await.unwrap();
    let ids = |page: &certificate_lifecycle::store::TokenPage| -> Vec<_> {
        page.tokens.iter().map(|it| it.id).collect()
    };
    assert_eq!(ids(&first), [1, 2, 3].map(token_id));
    // When some before the end of the page go, and the last of it, and others come
    for number in [1, 3, 6] {
        let removed = store.remove_token(Some(&ours), token_id(number)).await;
        assert!(removed.unwrap());
    }
    for number in [3, 7] {
        assert!(store.add_token(our_token(number)).await.unwrap());
    }
    // Then the next page begins where the first one ended, and what came is at the end
    let second = store.tokens(Some(&ours), first.next, 10).await.unwrap();
    assert_eq!(ids(&second), [4, 5, 3, 7].map(token_id));
    assert_eq!(second.next, None);
    // And what comes after the last row has gone is not behind a key of before
    let page = store.tokens(Some(&ours), None, 4).await.unwrap();
    assert!(store.remove_token(None, token_id(7)).await.unwrap());
    assert!(store.add_token(our_token(8)).await.unwrap());
    let rest = store.tokens(Some(&ours), page.next, 4).await.unwrap();
    assert_eq!(ids(&rest), [8].map(token_id));
}
