//! Webhooks are kept as they were registered, replaced by a caller that has seen the newest, and go
//! as a whole.

use certificate_lifecycle::store::{
    DeliveryFilter, DeliveryId, Health, InstitutionId, Outbox, Outcome, Put, Queries, Webhook,
};
use certificate_lifecycle::webhook::{CustomHeaders, Description, Disabled, DisabledReason};
use certificate_lifecycle::{Action, EventKind};
use uuid::Uuid;

use crate::harness::Harness;
use crate::outbox_world::{
    Post, at_ms, disabled, endpoint, hook, in_theirs, of_ours, of_theirs, retry, sick,
};
use crate::support::at;
use crate::world::{OURS, act, key, ours, submit, theirs};

/// A text with what is easily lost.
const TEXT: &str = " \u{0}a\u{1}\r\n\t'\"\\%_{}\u{7f}ä\u{feff}\u{202e}\u{1f600}\u{0} ";

/// The same without control characters, and as long as a description may be.
fn description() -> Description {
    let text: String = TEXT.chars().filter(|it| !it.is_control()).collect();
    let rest = Description::MAX_CHARS - text.chars().count();
    Description::new(text + &"\u{1f600}".repeat(rest)).unwrap()
}

/// A webhook with something in every field.
fn with_everything() -> Webhook {
    let mut webhook = Webhook::new(hook(1), theirs(), endpoint(1), at_ms(1_234));
    let endpoint = &mut webhook.endpoint;
    endpoint.url = "http://[::1]:8080/hook%20?a='b'&c=%00".parse().unwrap();
    endpoint.kinds = [EventKind::Created, EventKind::Retried]
        .into_iter()
        .collect();
    endpoint.description = description();
    let headers = [("authorization", "Bearer a'b\"c\\d {}"), ("x-empty", "")];
    endpoint.headers = CustomHeaders::new(headers).unwrap();
    for (seconds, byte) in (0..).zip([b'a', b'b', b'c']) {
        let secret = certificate_lifecycle::webhook::Secret::from_key(&[byte; 32]).unwrap();
        let until = at_ms(100_000 + seconds);
        let secrets = &mut endpoint.secrets;
        secrets.rotate(secret, at_ms(seconds), at_ms(50_000 + seconds), until);
    }
    endpoint.disabled =
        Some(Disabled::new(DisabledReason::Failing, at_ms(999)).with_detail(description()));
    webhook
}

pub async fn a_webhook_is_registered_with_revision_0_whatever_it_has<H: Harness<Store: Outbox>>() {
    let post = Post::<H>::new().await;
    let revisions = [1, i64::MAX.cast_unsigned(), 1 << 63, u64::MAX];
    for (number, revision) in (1..).zip(revisions) {
        post.register(of_ours(number).with_revision(revision)).await;
        // Then it is read with 0, and replaced by its settings with 0
        let found = post.store.webhook(&ours(), hook(number)).await.unwrap();
        assert_eq!(found, Some(of_ours(number)), "{revision}");
        let put = post.store.put_webhook(of_ours(number)).await.unwrap();
        assert!(put.is_done(), "{revision}");
    }
    // And each can be listed
    let all = post.store.webhooks(None).await.unwrap();
    assert!(all.iter().all(|it| it.revision == 1));
    assert_eq!(all.len(), 4);
}

pub async fn a_webhook_comes_back_to_the_byte<H: Harness<Store: Outbox>>() {
    let post = Post::<H>::new().await;
    assert_eq!(post.store.webhook(&ours(), hook(1)).await.unwrap(), None);
    let mut webhook = with_everything();
    post.register(webhook.clone()).await;
    let another = post.harness.open().await;
    for store in [&post.store, &another] {
        let found = store.webhook(&theirs(), hook(1)).await.unwrap().unwrap();
        assert_eq!(found, webhook);
        // Secrets are in no `Debug`.
        let (found, expected) = (&found.endpoint.secrets, &webhook.endpoint.secrets);
        assert_eq!(found.current().expose(), expected.current().expose());
        let exposed = |it: &certificate_lifecycle::webhook::Secrets| -> Vec<String> {
            let old = it.old().iter();
            old.map(|it| it.secret.expose().to_owned()).collect()
        };
        assert_eq!(exposed(found), exposed(expected));
        assert_eq!(store.webhooks(None).await.unwrap(), [webhook.clone()]);
    }
    // And so it does when it was replaced
    webhook.endpoint = endpoint(2);
    assert!(
        another
            .put_webhook(webhook.clone())
            .await
            .unwrap()
            .is_done()
    );
    webhook.endpoint = with_everything().endpoint;
    webhook.revision = 1;
    assert!(
        post.store
            .put_webhook(webhook.clone())
            .await
            .unwrap()
            .is_done()
    );
    webhook.revision = 2;
    assert_eq!(
        another.webhook(&theirs(), hook(1)).await.unwrap(),
        Some(webhook)
    );
}

pub async fn an_id_is_registered_once<H: Harness<Store: Outbox>>() {
    let post = Post::<H>::with([of_ours(1)]).await;
    let mut second = of_ours(1);
    second.endpoint = endpoint(2);
    assert!(!post.store.add_webhook(second).await.unwrap());
    // An id is taken in every institution.
    let another = post.harness.open().await;
    assert!(!another.add_webhook(of_theirs(1)).await.unwrap());
    assert_eq!(post.store.webhooks(None).await.unwrap(), [of_ours(1)]);
}

pub async fn webhooks_are_listed_in_the_order_of_creation<H: Harness<Store: Outbox>>() {
    let post = Post::<H>::new().await;
    assert_eq!(post.count_of(None).await, 0);
    assert_eq!(post.count_of(Some(&ours())).await, 0);
    // Given webhooks whose ids and times are in another order
    let numbers = [3, 1, 4, 8, 5, 9, 2, 6];
    let mut all = Vec::new();
    for (place, number) in (0..).zip(numbers) {
        let institution = if place % 3 == 0 { theirs() } else { ours() };
        let webhook = Webhook::new(hook(number), institution, endpoint(number), at(-place));
        all.push(webhook.clone());
        post.register(webhook).await;
    }
    // Then they are listed as they came, also after one was replaced
    post.put(4, |it| it.description = "replaced".parse().unwrap())
        .await;
    all[2] = post.webhook(4).await;
    assert_eq!(post.store.webhooks(None).await.unwrap(), all);
    for institution in [ours(), theirs()] {
        let found = post.store.webhooks(Some(&institution)).await.unwrap();
        let of = all.iter().filter(|it| it.institution == institution);
        assert_eq!(found, of.cloned().collect::<Vec<_>>());
    }
}

pub async fn a_webhook_is_replaced_only_as_it_was_seen<H: Harness<Store: Outbox>>() {
    let post = Post::<H>::with([of_ours(1), of_ours(2)]).await;
    let health = Health::default()
        .with_failing_since(Some(at_ms(5)))
        .with_not_before(Some(at_ms(7)));
    let settled = post
        .store
        .settle(at(0), Vec::new(), vec![(hook(1), sick(health))]);
    assert_eq!(settled.await.unwrap(), Vec::<bool>::new());
    // When it is replaced, with all else different as well
    let mut webhook = Webhook::new(hook(1), ours(), endpoint(9), at(9));
    webhook.endpoint.description = description();
    let put = async |webhook: &Webhook| post.store.put_webhook(webhook.clone()).await.unwrap();
    assert_eq!(put(&webhook).await, Put::Done);
    // Then the settings are new, and all else as it was
    let expected = webhook
        .clone()
        .with_created_at(at(0))
        .with_revision(1)
        .with_health(health);
    assert_eq!(post.webhook(1).await, expected);
    // And a caller that has seen another revision replaces nothing
    webhook.endpoint = endpoint(3);
    for revision in [0, 2, u64::from(u32::MAX), u64::MAX] {
        webhook.revision = revision;
        assert_eq!(put(&webhook).await, Put::Conflict);
        assert_eq!(post.webhook(1).await, expected);
    }
    // Nor does it become a new one, or another
    assert_eq!(put(&of_ours(3)).await, Put::Unknown);
    assert_eq!(post.store.webhook(&ours(), hook(3)).await.unwrap(), None);
    assert_eq!(post.webhook(2).await, of_ours(2));
    // And once it is gone, it is distinguished from one that was changed
    assert!(post.store.remove_webhook(&ours(), hook(1)).await.unwrap());
    assert_eq!(put(&expected).await, Put::Unknown);
}

pub async fn what_belongs_to_another_institution_is_unknown<H: Harness<Store: Outbox>>() {
    let post = Post::<H>::with([of_ours(1), of_theirs(2)]).await;
    post.done(submit(1)).await;
    post.done(in_theirs(submit(2))).await;
    let claimed = post.claim_one(1, 0).await;
    post.settle(0, &claimed, retry(60)).await;
    let before = (post.webhook(1).await, post.deliveries().await);
    let [delivery] = &post
        .filtered(Some(&ours()), DeliveryFilter::default())
        .await[..]
    else {
        panic!("one is ours");
    };
    let (store, id) = (&post.store, delivery.id);
    // Given another institution, and one that has nothing at all
    for of in [theirs(), InstitutionId::new("unknown").unwrap()] {
        assert_eq!(store.webhook(&of, hook(1)).await.unwrap(), None);
        let mut webhook = post.webhook(1).await;
        webhook.institution = of.clone();
        assert_eq!(store.put_webhook(webhook).await.unwrap(), Put::Unknown);
        assert!(!store.remove_webhook(&of, hook(1)).await.unwrap());
        assert_eq!(store.delivery(&of, id).await.unwrap(), None);
        assert_eq!(store.attempts(&of, id).await.unwrap(), []);
        assert_eq!(store.redeliver(&of, at(1), vec![id]).await.unwrap(), 0);
        let abandoned = store.abandon(&of, at(1), vec![id], "no".to_owned());
        assert_eq!(abandoned.await.unwrap(), 0);
        let to_ours = DeliveryFilter::default().with_webhook(Some(hook(1)));
        assert_eq!(post.filtered(Some(&of), to_ours).await, []);
        let backlog = store.backlog(Some(&of)).await.unwrap();
        assert!(backlog.iter().all(|it| it.webhook != hook(1)));
        let webhooks = store.webhooks(Some(&of)).await.unwrap();
        assert!(webhooks.iter().all(|it| it.id != hook(1)));
    }
    // Then nothing has changed, and its own one finds it
    assert_eq!((post.webhook(1).await, post.deliveries().await), before);
    let found = store.delivery(&ours(), id).await.unwrap();
    assert_eq!(found.as_ref(), Some(delivery));
    assert_eq!(store.attempts(&ours(), id).await.unwrap().len(), 1);
    assert_eq!(store.backlog(Some(&ours())).await.unwrap().len(), 1);
    assert_eq!(store.backlog(None).await.unwrap().len(), 2);
    assert_eq!(store.redeliver(&ours(), at(1), vec![id]).await.unwrap(), 1);
    let abandoned = store.abandon(&OURS, at(1), vec![id], "no".to_owned());
    assert_eq!(abandoned.await.unwrap(), 1);
    // Nor is there what was never made
    for unknown in [DeliveryId(i64::MAX), DeliveryId(i64::MIN)] {
        assert_eq!(store.delivery(&ours(), unknown).await.unwrap(), None);
    }
    // And what a removed webhook has had is gone with it
    assert!(store.remove_webhook(&ours(), hook(1)).await.unwrap());
    assert_eq!(store.delivery(&ours(), id).await.unwrap(), None);
}

pub async fn of_those_who_saw_the_same_revision_one_replaces_it<H: Harness<Store: Outbox>>() {
    let post = Post::<H>::with([of_ours(1)]).await;
    let mut handles = vec![post.store.clone()];
    for _ in 0..3 {
        handles.push(post.harness.open().await);
    }
    for revision in 0..50 {
        let calls = (0..8).map(|caller: usize| {
            let store = handles[caller % handles.len()].clone();
            let mut webhook = of_ours(1);
            webhook.revision = revision;
            webhook.endpoint.description =
                Description::new(format!("{revision} {caller}")).unwrap();
            tokio::spawn(async move {
                let is_put = store.put_webhook(webhook.clone()).await.unwrap().is_done();
                is_put.then_some(webhook)
            })
        });
        let mut won = Vec::new();
        for call in calls.collect::<Vec<_>>() {
            won.extend(call.await.unwrap());
        }
        assert_eq!(won.len(), 1, "{won:?}");
        let found = post.webhook(1).await;
        assert_eq!(found.revision, revision + 1);
        assert_eq!(found.endpoint, won[0].endpoint);
    }
}

pub async fn who_is_enabled_again_begins_in_good_health<H: Harness<Store: Outbox>>() {
    let post = Post::<H>::with([of_ours(1)]).await;
    let health = Health::default()
        .with_failing_since(Some(at(1)))
        .with_not_before(Some(at(2)));
    let fails = || {
        post.store
            .settle(at(0), Vec::new(), vec![(hook(1), sick(health))])
    };
    fails().await.unwrap();
    // Given one that fails, its health stays when it is replaced or disabled
    post.put(1, |it| it.description = "still".parse().unwrap())
        .await;
    assert_eq!(post.webhook(1).await.health, health);
    post.disable(1).await;
    assert_eq!(post.webhook(1).await.health, health);
    post.disable(1).await;
    assert_eq!(post.webhook(1).await.health, health);
    // And is forgotten when it is enabled
    post.enable(1).await;
    assert_eq!(post.webhook(1).await.health, Health::default());
    // Which says nothing of later failures
    fails().await.unwrap();
    post.put(1, |it| it.description = "again".parse().unwrap())
        .await;
    assert_eq!(post.webhook(1).await.health, health);
}

pub async fn a_removed_webhook_goes_with_all_that_belongs_to_it<H: Harness<Store: Outbox>>() {
    // Given two webhooks, each with something new, claimed, delivered and dead
    let post = Post::<H>::with([of_ours(1), of_ours(2)]).await;
    for number in 0..4 {
        post.done(submit(number)).await;
    }
    let mut held = Vec::new();
    for number in [1, 2] {
        let claimed = post.claim(number, 1).await;
        let verdicts = [Outcome::Delivered, crate::outbox_world::dead()];
        for (claimed, outcome) in claimed.iter().zip(verdicts) {
            post.settle(1, claimed, outcome).await;
        }
        held.push(claimed);
    }
    post.done(submit(4)).await;
    let before = post.deliveries().await;
    assert_eq!(before.len(), 10);
    // When one is removed
    assert!(post.store.remove_webhook(&ours(), hook(1)).await.unwrap());
    // Then it is gone, with deliveries and attempts
    assert!(!post.store.remove_webhook(&ours(), hook(1)).await.unwrap());
    assert_eq!(post.store.webhook(&ours(), hook(1)).await.unwrap(), None);
    assert_eq!(post.count_of(None).await, 1);
    let rest: Vec<_> = before
        .iter()
        .filter(|it| it.webhook == hook(2))
        .cloned()
        .collect();
    assert_eq!(post.deliveries().await, rest);
    for delivery in &before {
        let kept = post
            .store
            .attempts(&ours(), delivery.id)
            .await
            .unwrap()
            .len();
        let expected = [held[1][0].id, held[1][1].id].contains(&delivery.id);
        assert_eq!(kept, usize::from(expected));
    }
    let due = post.store.due().await.unwrap();
    assert!(due.iter().all(|it| it.webhook == hook(2)));
    let backlog = post.store.backlog(None).await.unwrap();
    assert!(backlog.iter().all(|it| it.webhook == hook(2)));
    // And nothing can be done with what it had
    for claimed in &held[0] {
        assert!(!post.settled(2, claimed, Outcome::Delivered).await);
    }
    let ids: Vec<_> = held[0].iter().map(|it| it.id).collect();
    assert_eq!(
        post.store
            .redeliver(&ours(), at(2), ids.clone())
            .await
            .unwrap(),
        0
    );
    let abandoned = post.store.abandon(&OURS, at(2), ids, "no".to_owned());
    assert_eq!(abandoned.await.unwrap(), 0);
    assert_eq!(post.claim(1, 200).await, []);
    // Nor do new events make deliveries for it
    post.done(submit(5)).await;
    assert_eq!(post.made(1).await, []);
    assert_eq!(post.made(2).await.len(), 6);
}

pub async fn the_id_of_a_removed_webhook_is_free_again<H: Harness<Store: Outbox>>() {
    let post = Post::<H>::with([of_ours(1)]).await;
    post.done(submit(0)).await;
    let old = post.claim_one(1, 0).await;
    assert!(post.store.remove_webhook(&ours(), hook(1)).await.unwrap());
    // When another institution registers it
    post.register(of_theirs(1)).await;
    // Then it has what is new, and nothing of the old one
    assert_eq!(post.deliveries().await, []);
    post.done(submit(1)).await;
    post.done(in_theirs(submit(2))).await;
    assert_eq!(post.made(1).await, [(2, 1)]);
    assert!(!post.settled(1, &old, Outcome::Delivered).await);
    assert_eq!(post.claims(1, 1).await, [(2, 1)]);
    // Numbers are not given out twice
    assert!(post.deliveries().await.iter().all(|it| it.id > old.id));
}

pub async fn a_webhook_with_thousands_of_deliveries_is_removed<H: Harness<Store: Outbox>>() {
    let post = Post::<H>::with([of_ours(1), of_ours(2)]).await;
    let submitted = post.engine.execute_many((0..2_500).map(submit).collect());
    assert!(submitted.await.iter().all(Result::is_ok));
    assert!(post.store.remove_webhook(&ours(), hook(2)).await.unwrap());
    let of = |webhook: Uuid| DeliveryFilter::default().with_webhook(Some(webhook));
    assert_eq!(post.filtered(None, of(hook(2))).await, []);
    assert_eq!(post.filtered(None, of(hook(1))).await.len(), 2_500);
}

pub async fn an_unknown_webhook_has_nothing<H: Harness<Store: Outbox>>() {
    let post = Post::<H>::new().await;
    let unknown = Uuid::nil();
    assert_eq!(post.store.webhook(&ours(), unknown).await.unwrap(), None);
    assert!(!post.store.remove_webhook(&ours(), unknown).await.unwrap());
    let mut webhook = of_ours(1);
    webhook.endpoint = disabled(webhook.endpoint);
    assert!(!post.store.put_webhook(webhook).await.unwrap().is_done());
    assert_eq!(post.store.due().await.unwrap(), []);
    assert_eq!(post.store.backlog(None).await.unwrap(), []);
    assert_eq!(post.deliveries().await, []);
}

pub async fn institutions_are_those_with_an_application_or_a_webhook<H>()
where
    H: Harness<Store: Outbox + Queries>,
{
    let post = Post::<H>::new().await;
    let named = |name: &str| InstitutionId::new(name).unwrap();
    let institutions = async || post.engine.institutions().await.unwrap();
    assert_eq!(institutions().await, []);
    // Who only tries, has none, also where a key remembers that
    let mut refused = act(7, Action::Approve).with_key(key("k"));
    refused.institution = named("unknown");
    let _ = post.engine.execute(refused).await.unwrap_err();
    assert_eq!(institutions().await, []);
    for number in 0..30 {
        post.done(submit(number)).await;
        post.done(in_theirs(submit(number + 100))).await;
    }
    assert_eq!(institutions().await, [ours(), theirs()]);
    let others = ["École", "a", "Z", "z"].map(named);
    for (number, institution) in others.iter().enumerate() {
        let number = u64::try_from(number).unwrap() + 1;
        let webhook = Webhook::new(hook(number), institution.clone(), endpoint(number), at(0));
        post.register(webhook).await;
    }
    let expected = ["Z", "a", "our-university", "their-university", "z", "École"];
    assert_eq!(institutions().await, expected.map(named));
    assert!(
        post.store
            .remove_webhook(&others[1], hook(2))
            .await
            .unwrap()
    );
    assert_eq!(institutions().await.len(), 5);
}
