//! What no request may do: each is refused with what was wrong and where, and nothing changes.

mod bodies;
mod deep;
mod forms;
mod paths;

use crate::support::{Answer, World};

/// That a request was refused as a problem, and not by a fault of the server.
#[track_caller]
fn is_refused(answer: &Answer, case: &str) {
    assert!((400..500).contains(&answer.status), "{case}: {answer:?}");
    let problem = answer.json();
    let code = problem["code"].as_str().unwrap();
    answer.problem(answer.status, code);
}

/// What there is, before requests and after them.
async fn unchanged(world: &World, before: &[String]) {
    assert_eq!(world.everything(&world.ours).await, before);
}
