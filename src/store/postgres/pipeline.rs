//! Statements that are sent before the ones before them are answered.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use futures_util::future::maybe_done;

/// Begins with `first` and then with `second`, and waits for both. What a connection sends is sent
/// in the order in which it is begun.
pub(super) async fn in_turn<A: Future, B: Future>(first: A, second: B) -> (A::Output, B::Output) {
    let (mut first, mut second) = (pin!(maybe_done(first)), pin!(maybe_done(second)));
    let outputs = poll_fn(|context| {
        let is_first_done = first.as_mut().poll(context).is_ready();
        let is_second_done = second.as_mut().poll(context).is_ready();
        let are_done = is_first_done && is_second_done;
        if !are_done {
            return Poll::Pending;
        }
        let outputs = (first.as_mut().take_output(), second.as_mut().take_output());
        match outputs {
            (Some(first), Some(second)) => Poll::Ready((first, second)),
            // Neither is taken twice.
            _ => Poll::Pending,
        }
    });
    outputs.await
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[tokio::test]
    async fn both_have_begun_before_either_is_over() {
        let steps = RefCell::new(Vec::new());
        let step = async |begin, end| {
            steps.borrow_mut().push(begin);
            tokio::task::yield_now().await;
            steps.borrow_mut().push(end);
            end
        };
        let outputs = in_turn(step("BEGIN", "begun"), step("SELECT", "selected")).await;
        assert_eq!(outputs, ("begun", "selected"));
        assert_eq!(*steps.borrow(), ["BEGIN", "SELECT", "begun", "selected"]);
    }
}
