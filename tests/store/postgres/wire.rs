//! Connections that are lost or hang: an answer can be relied on, and a caller that has a
//! key need not care.

use std::time::Duration;

use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::store::{
    Actor, ExecuteError, InstitutionId, PostgresOptions, PostgresStore, Receipt, Request,
    StoreError,
};
use certificate_lifecycle::{Action, Command};

use super::{engine, impatient};
use crate::harness::{Harness, Postgres};
use crate::proxy::{Fault, Proxy};
use crate::server::server;
use crate::world::{act, check, id, key, ours, submit, upload};

/// Who sends the message that meets with the fault.
const MARKED: &str = "the-marked-one";

/// Longer than anything here may take. Only a failing test waits so long.
const FOREVER: Duration = Duration::from_secs(60);

/// A schema behind a wire, a command sent over it, and an engine before the wire and one beside it.
async fn over_a_wire() -> (Proxy, Engine<PostgresStore>, Engine<PostgresStore>) {
    over_a_wire_with(impatient()).await
}

async fn over_a_wire_with(
    options: PostgresOptions,
) -> (Proxy, Engine<PostgresStore>, Engine<PostgresStore>) {
    let schema = Postgres::fresh().await;
    let proxy = Proxy::start(server().socket()).await;
    let (_, query) = schema.url().split_once('?').unwrap();
    let url = format!(
        "postgres://tests@127.0.0.1:{}/postgres?{query}",
        proxy.port()
    );
    let far = engine(&url, options).await;
    let near = engine(schema.url(), PostgresOptions::default()).await;
    // The statements are prepared, the connections open.
    let _ = far.execute(upload(0)).await.unwrap();
    let _ = far.execute(upload(1)).await.unwrap();
    (proxy, far, near)
}

/// The command that meets with the fault.
fn marked(number: u64) -> Request {
    let actor = Actor::system(MARKED).unwrap();
    Request::transition(ours(), actor, id(number), Command::Approve)
}

async fn in_time<T>(answer: impl Future<Output = T>) -> T {
    let answer = tokio::time::timeout(FOREVER, answer).await;
    answer.expect("there must be some answer")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_key_a_command_is_carried_out_once_whatever_the_wire_does() {
    for fault in Fault::ALL {
        for times in [1, 3] {
            let (proxy, far, near) = over_a_wire().await;
            // Given a wire that fails, once or several times
            proxy.arm(MARKED, fault, times);
            // When a command with a key is sent
            let request = marked(0).with_key(key("approve"));
            let receipt = in_time(far.execute(request.clone())).await;
            // Then it is carried out, once
            let receipt = receipt.unwrap_or_else(|error| panic!("{fault:?}: {error}"));
            assert_eq!(proxy.left(), 0);
            assert_eq!(receipt.event.version(), 2);
            let again = near.execute(request).await.unwrap();
            assert_eq!((again.replayed, again.event), (true, receipt.event));
            assert_eq!(check(&near).await.feed.len(), 3);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_key_the_outcome_is_unknown_and_all_or_nothing() {
    for fault in Fault::ALL {
        let (proxy, far, near) = over_a_wire().await;
        proxy.arm(MARKED, fault, 1);
        let answer = in_time(far.execute(marked(0))).await;
        // Then the outcome is reported as unknown, unless nothing can have happened
        let unknown = matches!(
            answer,
            Err(ExecuteError::Store(StoreError::UnknownOutcome { .. }))
        );
        let nothing = matches!(
            answer,
            Err(ExecuteError::Store(StoreError::Unavailable { .. }))
        );
        let never_arrived = matches!(fault, Fault::CutBeforeRequest | Fault::HangBeforeRequest);
        assert!(
            unknown || (nothing && never_arrived),
            "{fault:?}: {answer:?}"
        );
        // And it has happened or not
        let version = settled(&near).await;
        match fault {
            Fault::CutBeforeRequest | Fault::HangBeforeRequest => assert_eq!(version, 1),
            Fault::CutBeforeAnswer | Fault::HangBeforeAnswer => assert_eq!(version, 2),
            Fault::CutAfterRequest => assert!(version == 1 || version == 2),
        }
        // And the next one goes through
        let _ = far.execute(act(1, Action::Approve)).await.unwrap();
        check(&near).await;
    }
}

/// The version of application 0, when nothing is under way any more: the server may yet read what
/// was sent before the wire was cut, and neither end can see that it has not.
async fn settled(engine: &Engine<PostgresStore>) -> u64 {
    let version = async || {
        let application = engine.load(&ours(), id(0)).await.unwrap().unwrap();
        application.version()
    };
    let mut before = version().await;
    loop {
        tokio::time::sleep(Duration::from_millis(250)).await;
        let now = version().await;
        if now == before {
            break;
        }
        before = now;
    }
    check(engine).await.lists[0][0].version()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_or_none_holds_wherever_the_wire_is_cut() {
    for fault in Fault::ALL {
        for marker in [MARKED, "COMMIT"] {
            for keyed in [false, true] {
                let (proxy, far, near) = over_a_wire().await;
                let mut requests = vec![submit(10), marked(0), submit(11), act(10, Action::Reject)];
                if keyed {
                    let keys = (0..).map(|number| key(&format!("key {number}")));
                    requests = requests
                        .into_iter()
                        .zip(keys)
                        .map(|(it, key)| it.with_key(key))
                        .collect();
                }
                proxy.arm(marker, fault, 1);
                let answers = in_time(far.execute_all(requests)).await;
                assert_eq!(proxy.left(), 0);
                settled(&near).await;
                let events = check(&near).await.feed.len() - 2;
                let case = format!("{fault:?} at {marker}, keyed: {keyed}: {answers:?}");
                // As long as the commit was not sent, nothing can have happened: it is repeated.
                if keyed || marker == MARKED {
                    assert!(answers.iter().all(Result::is_ok), "{case}");
                    assert_eq!(events, 4, "{case}");
                } else {
                    let failed =
                        |it: &Result<Receipt, _>| matches!(it, Err(ExecuteError::Store(_)));
                    assert!(answers.iter().all(failed), "{case}");
                    assert!(events == 0 || events == 4, "{case}");
                    // An answer that nothing was changed can be relied on.
                    let nothing = |it: &Result<Receipt, _>| {
                        matches!(it, Err(ExecuteError::Store(StoreError::Unavailable { .. })))
                    };
                    assert!(!answers.iter().any(nothing) || events == 0, "{case}");
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_shares_a_statement_with_others_shares_no_harm() {
    for fault in Fault::ALL {
        let (proxy, far, near) = over_a_wire().await;
        proxy.arm(MARKED, fault, 1);
        // Given many commands at once, all with keys
        let calls: Vec<_> = (100..150)
            .map(submit)
            .chain([marked(0)])
            .zip(0..)
            .map(|(request, number)| {
                let (far, key) = (far.clone(), key(&format!("key {number}")));
                tokio::spawn(async move { far.execute(request.with_key(key)).await })
            })
            .collect();
        for call in calls {
            let receipt = in_time(call).await.unwrap();
            assert!(receipt.is_ok(), "{fault:?}: {receipt:?}");
        }
        assert_eq!(check(&near).await.feed.len(), 53);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_that_is_lost_has_some_answer() {
    for fault in Fault::ALL {
        let (proxy, far, _) = over_a_wire().await;
        let marked = InstitutionId::new(MARKED).unwrap();
        // The statement is prepared.
        assert_eq!(far.load(&marked, id(0)).await.unwrap(), None);
        proxy.arm(MARKED, fault, 1);
        match in_time(far.load(&marked, id(0))).await {
            Ok(found) => assert_eq!(found, None),
            Err(StoreError::Unavailable { .. }) => {}
            Err(error) => panic!("{fault:?}: {error:?}"),
        }
        // And the next one is answered
        assert_eq!(far.load(&marked, id(0)).await.unwrap(), None);
    }
}

#[tokio::test]
async fn where_no_server_is_the_store_is_unavailable() {
    // A port that was free a moment ago.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    for url in [
        format!("postgres://tests@127.0.0.1:{port}/postgres"),
        "postgres://tests@%2Fnowhere/postgres".to_owned(),
    ] {
        let error = in_time(PostgresStore::connect(&url)).await.unwrap_err();
        assert!(
            matches!(error, StoreError::Unavailable { .. }),
            "{url}: {error:?}"
        );
        let begin = "the store is not available: cannot connect to PostgreSQL: error connecting to server: ";
        assert!(error.to_string().starts_with(begin), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_away_for_too_long_is_unavailable_and_nothing_happened() {
    let options = impatient().with_patience(Some(Duration::from_millis(300)));
    let (proxy, far, near) = over_a_wire_with(options).await;
    // Given a wire that loses every connection
    proxy.go_away();
    // The first sender may find that the connection is lost while it is used.
    let first = in_time(far.execute(act(1, Action::Approve).with_key(key("first")))).await;
    assert!(matches!(first, Err(ExecuteError::Store(_))));
    let answer = in_time(far.execute(act(0, Action::Approve))).await;
    assert!(
        matches!(
            answer,
            Err(ExecuteError::Store(StoreError::Unavailable { .. }))
        ),
        "{answer:?}"
    );
    assert_eq!(settled(&near).await, 1);
    // When it is back, so is the store
    proxy.come_back();
    let _ = far.execute(act(0, Action::Approve)).await.unwrap();
    check(&near).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_that_is_cut_off_changed_nothing_and_says_so() {
    for fault in [
        Fault::CutBeforeRequest,
        Fault::CutAfterRequest,
        Fault::CutBeforeAnswer,
    ] {
        let (proxy, far, near) = over_a_wire().await;
        let reported = check(&near).await.feed;
        let end = reported.last().unwrap().cursor;
        // Given that the wire is cut at the second question of a page that is empty
        proxy.arm("FROM certlife_feed LIMIT", fault, 1);
        let answer = far.feed(end, 10).await;
        assert_eq!(proxy.left(), 0);
        // Then a follower may wait and go on
        let unavailable = matches!(answer, Err(StoreError::Unavailable { .. }));
        assert!(unavailable, "{fault:?}: {answer:?}");
        assert_eq!(far.feed(end, 10).await.unwrap(), []);
    }
}
