//! How long a webhook is left alone whose server is overloaded, and does not say for how long.

use std::time::Duration;

use certificate_lifecycle::delivery::*;
use certificate_lifecycle::webhook::RetrySchedule;

use crate::stage::{Came, Stage, status};

/// How long a server of these tests takes to answer.
const ANSWER: Duration = Duration::from_millis(5);

/// The waits between an answer and the next request, in milliseconds; the scheduler is as exact as
/// one.
fn waits(came: &[Came]) -> Vec<i64> {
    let pairs = came.windows(2);
    let waits = pairs.map(|pair| (pair[1].at - ANSWER - pair[0].at).num_milliseconds());
    waits.collect()
}

/// Sends to a server that answers so, more than enough, one request at a time; what it got in the
/// first minutes.
async fn sent_to(
    answers: impl Fn(usize) -> u16 + Send + Sync + 'static,
    second: Duration,
) -> Vec<Came> {
    let stage = Stage::new(move |_, count| status(answers(count)));
    stage.webhook("/a").await;
    for _ in 0..100 {
        stage.submit().await;
    }
    let running = stage.start(
        DispatcherOptions::default()
            .with_concurrency(1)
            // What has failed is not tried again in these minutes.
            .with_schedule(
                RetrySchedule::new(vec![Duration::ZERO, second, Duration::from_secs(60 * 60)])
                    .unwrap(),
            ),
    );
    tokio::time::sleep(Duration::from_secs(5 * 60)).await;
    running.kill().await;
    stage.came()
}

fn are_about(waits: &[i64], expected: &[i64]) -> bool {
    let pairs = waits.iter().zip(expected);
    waits.len() == expected.len() && { pairs }.all(|(wait, it)| (*it..=*it + 3).contains(wait))
}

#[tokio::test(start_paused = true)]
async fn it_is_a_second_and_doubles_while_the_circuit_is_opened_again_and_again() {
    for code in [429, 502, 503, 504] {
        // Given a server that is overloaded 15 times, well once, and overloaded again
        let answers = move |count| if count == 15 { 204 } else { code };
        let came = sent_to(answers, Duration::from_secs(30 * 60)).await;
        let waits = waits(&came[..19]);
        // Ten failures open the circuit; then each failed probe opens it again
        let expected = [
            &[1_000; 10][..],
            &[2_000, 4_000, 5_000, 5_000, 5_000],
            // A webhook that is well again is sent the next at once
            &[0],
            // And begins anew
            &[1_000, 1_000],
        ];
        assert!(are_about(&waits, &expected.concat()), "{code}: {waits:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn it_is_not_longer_than_the_second_delay_of_the_schedule() {
    let came = sent_to(|_| 503, Duration::from_millis(300)).await;
    let waits = waits(&came[..14]);
    assert!(are_about(&waits, &[300; 13]), "{waits:?}");
}

#[tokio::test(start_paused = true)]
async fn a_webhook_that_is_not_overloaded_but_wrong_is_not_left_alone() {
    for code in [400, 404, 500, 501] {
        let came = sent_to(move |_| code, Duration::from_secs(30 * 60)).await;
        let waits = waits(&came[..10]);
        assert!(are_about(&waits, &[0; 9]), "{code}: {waits:?}");
    }
}
