//! How callers wait for their answers.
//!
//! This is a module of `src/store/callers.rs`: no public item leads to what it tests.

#![allow(
    clippy::unwrap_used,
    reason = "it is a test, although a module of the library"
)]

use std::task::{Context, Waker};

use tokio::sync::oneshot::{Sender, channel};

use super::*;

const PATIENCE: Duration = Duration::from_micros(250);

/// Gives an answer after so long.
fn after(time: Duration) -> Receiver<u32> {
    let (sender, answer) = channel();
    thread::spawn(move || {
        thread::sleep(time);
        sender.send(7)
    });
    answer
}

#[tokio::test]
async fn an_answer_comes_whether_or_not_the_caller_has_gone_to_sleep() {
    let callers = Callers::new(PATIENCE);
    let slow = PATIENCE * 20;
    for time in [Duration::ZERO, PATIENCE / 2, slow, Duration::ZERO] {
        assert_eq!(callers.wait(after(time)).await, Some(7), "{time:?}");
    }
    // It is there before anyone waits, and never comes
    let (sender, answer) = channel();
    sender.send(8).unwrap();
    assert_eq!(callers.wait(answer).await, Some(8));
    let (sender, answer): (Sender<u32>, _) = channel();
    drop(sender);
    assert_eq!(callers.wait(answer).await, None);
    assert_eq!(callers.waiting.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn others_run_while_a_caller_is_awake() {
    let callers = Callers::new(PATIENCE);
    let (sender, answer) = channel();
    // On one thread, the answer only comes if the caller lets the other task run
    let other = async { sender.send(10).unwrap() };
    let (answered, ()) = tokio::join!(callers.wait(answer), other);
    assert_eq!(answered, Some(10));
    let (sender, answer) = channel();
    let task = tokio::spawn(async move { sender.send(11).unwrap() });
    assert_eq!(callers.wait(answer).await, Some(11));
    task.await.unwrap();
}

#[tokio::test]
async fn who_gives_up_is_not_waited_for() {
    let callers = Callers::new(PATIENCE);
    let (_sender, answer): (Sender<u32>, _) = channel();
    let mut given_up = Box::pin(callers.wait(answer));
    let mut context = Context::from_waker(Waker::noop());
    assert!(given_up.as_mut().poll(&mut context).is_pending());
    assert_eq!(callers.waiting.load(Ordering::Relaxed), 1);
    drop(given_up);
    assert_eq!(callers.waiting.load(Ordering::Relaxed), 0);
}
