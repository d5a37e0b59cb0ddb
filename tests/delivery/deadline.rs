//! The one timeout of a request: the transport gets it as a deadline.

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use certificate_lifecycle::delivery::*;
use certificate_lifecycle::webhook::RetrySchedule;
use tokio::time::Instant;
use uuid::Uuid;

use crate::sending::{SHORT, outgoing, transport};
use crate::stage::{Stage, status};

/// A transport that ignores its deadline, and notes it.
#[derive(Clone, Default)]
struct Disobedient(Arc<Mutex<Vec<(Instant, std::time::Instant)>>>);

impl Transport for Disobedient {
    async fn send(
        &self,
        _: OutgoingRequest,
        deadline: std::time::Instant,
    ) -> Result<Response, SendError> {
        self.0.lock().unwrap().push((Instant::now(), deadline));
        pending().await
    }
}

/// A transport that waits for its deadline as the documentation of [`Transport`] shows.
struct Obedient;

impl Transport for Obedient {
    async fn send(
        &self,
        _: OutgoingRequest,
        deadline: std::time::Instant,
    ) -> Result<Response, SendError> {
        let answer = pending::<Result<Response, SendError>>();
        let answer = tokio::time::timeout_at(deadline.into(), answer).await;
        answer.unwrap_or(Err(SendError::Timeout("pretending")))
    }
}

fn options() -> DispatcherOptions {
    DispatcherOptions::default()
        .with_schedule(RetrySchedule::new(vec![Duration::ZERO]).unwrap())
        .with_timeout(Duration::from_secs(7))
        .with_margin(Duration::from_secs(2))
}

/// Sends one event, and returns the error of its attempt and how long it took.
async fn attempt<T: Transport>(transport: T) -> (Option<String>, u64) {
    let stage = Stage::new(|_, _| status(204));
    let webhook = stage.webhook("/a").await;
    let dispatcher =
        Dispatcher::new(stage.store.clone(), transport, options()).with_clock(stage.clock());
    let sent = dispatcher.send_test(&stage.institution, webhook, Uuid::new_v4());
    let sent = sent.await.unwrap();
    stage.submit().await;
    dispatcher.run_until_idle(pending()).await.unwrap();
    let [delivery] = &stage.deliveries().await[..] else {
        panic!("one delivery")
    };
    let attempts = certificate_lifecycle::store::Outbox::attempts(
        &stage.store,
        &stage.institution,
        delivery.id,
    );
    let [attempt] = &attempts.await.unwrap()[..] else {
        panic!("one attempt")
    };
    assert_eq!(attempt.error, sent.error);
    assert_eq!(attempt.milliseconds, sent.milliseconds);
    (attempt.error.clone(), attempt.milliseconds)
}

#[tokio::test(start_paused = true)]
async fn the_deadline_is_the_timeout_after_the_beginning_of_the_attempt() {
    let transport = Disobedient::default();
    attempt(transport.clone()).await;
    let noted = transport.0.lock().unwrap().clone();
    assert_eq!(noted.len(), 2);
    for (begun, deadline) in noted {
        assert_eq!(deadline - begun.into_std(), Duration::from_secs(7));
    }
}

#[tokio::test(start_paused = true)]
async fn a_transport_that_keeps_its_deadline_fails_at_it() {
    let (error, milliseconds) = attempt(Obedient).await;
    let expected = "no response within the deadline, while pretending";
    assert_eq!(error.as_deref(), Some(expected));
    assert!((7_000..7_010).contains(&milliseconds), "{milliseconds}");
}

#[tokio::test(start_paused = true)]
async fn a_transport_that_misses_its_deadline_is_cancelled_half_a_margin_later() {
    let (error, milliseconds) = attempt(Disobedient::default()).await;
    let expected = "no response within the deadline, while sending";
    assert_eq!(error.as_deref(), Some(expected));
    assert!((8_000..8_010).contains(&milliseconds), "{milliseconds}");
}

#[tokio::test]
async fn the_transport_obeys_the_deadline_of_each_request() {
    let server = crate::receiver::Receiver::start(|mut connection, _| async move {
        crate::receiver::closed(&mut connection).await;
    })
    .await;
    let transport = transport();
    for timeout in [Duration::ZERO, SHORT] {
        let start = std::time::Instant::now();
        let sending = transport.send(outgoing(&server.url()), start + timeout);
        let error = sending.await.unwrap_err();
        assert!(matches!(error, SendError::Timeout(_)), "{error}");
        let took = start.elapsed();
        assert!((timeout..timeout + SHORT).contains(&took), "{took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn lengths_without_bounds_are_taken_for_the_longest() {
    let stage = Stage::new(|_, count| status(if count == 0 { 500 } else { 204 }));
    stage.webhook("/a").await;
    stage.submit().await;
    let options = DispatcherOptions::default()
        .with_timeout(Duration::MAX)
        .with_margin(Duration::MAX)
        .with_disable_after(Duration::MAX)
        .with_retention(Duration::MAX)
        .with_housekeeping_every(Duration::MAX);
    let dispatcher = stage.dispatcher_with(options, stage.transport.clone());
    let summary = dispatcher.run_until_idle(pending()).await.unwrap();
    assert_eq!((summary.delivered, summary.failed), (1, 1));
}
