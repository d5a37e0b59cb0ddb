//! All commands of a body, or none.

use axum::body::Body;
use tokio::time::{Instant, timeout_at};

use super::limits::deadline;
use super::lines::{Line, Lines, Next};
use super::read::Reader;
use super::stream::write;
use crate::server::api::Api;
use crate::server::problem::{LineProblem, Problem, ProblemCode};
use crate::store::ExecuteError;

/// The largest body whose commands stand or fall together.
const MOST_LINES: usize = 100_000;
const MOST_BYTES: usize = 64 << 20;

/// Carries out all commands of a body, and answers each; or none.
///
/// # Errors
/// 408 for a body that comes too slowly, 409 with the problem of each refused line, 413 for a body
/// that is too large, 429 where too much is being sent at the same time.
pub(super) async fn all_or_none(api: &Api, reader: Reader, body: Body) -> Result<Body, Problem> {
    let mut lines = Lines::new(body);
    let (mut numbers, mut requests, mut problems) = (Vec::new(), Vec::new(), Vec::new());
    let (began, mut share) = (Instant::now(), api.held.share());
    loop {
        match lines.next_ready() {
            Next::Line(number, line) => {
                if let Line::Text(text) = &line {
                    share.add(text.len())?;
                }
                if numbers.len() + problems.len() >= MOST_LINES || share.bytes() > MOST_BYTES {
                    let detail = "an atomic stream has at most 100,000 lines and 64 MiB";
                    return Err(Problem::new(ProblemCode::TooLarge, detail));
                }
                match reader.read(&line) {
                    Ok(request) => {
                        numbers.push(number);
                        requests.push(request);
                    }
                    Err(problem) => problems.push(LineProblem::new(number, problem)),
                }
            }
            Next::Wait => {
                let until = deadline(began, share.bytes());
                let came = timeout_at(until, lines.wait()).await;
                if !came.map_err(|_| too_slow())? {
                    return Err(broken_off());
                }
            }
            Next::Broken => return Err(broken_off()),
            Next::End => break,
        }
    }
    let total = numbers.len() + problems.len();
    if !problems.is_empty() {
        return Err(none(total, problems));
    }
    let answers = api.engine.execute_all(requests).await;
    let mut out = Vec::with_capacity(total * 512);
    for (number, answer) in numbers.into_iter().zip(answers) {
        match answer {
            Ok(receipt) => write(&mut out, number, &Ok(receipt)),
            Err(ExecuteError::Abandoned { .. }) => {}
            Err(ExecuteError::Store(error)) => return Err(error.into()),
            Err(error) => problems.push(LineProblem::new(number, error.into())),
        }
    }
    if problems.is_empty() {
        Ok(Body::from(out))
    } else {
        Err(none(total, problems))
    }
}

fn broken_off() -> Problem {
    Problem::new(
        ProblemCode::InvalidJson,
        "the body ended before it was complete; nothing was carried out",
    )
}

fn too_slow() -> Problem {
    let detail = "the body was not complete in time: 30 s, and one more for each 256 KiB; nothing was carried out";
    Problem::new(ProblemCode::RequestTimeout, detail)
}

fn none(total: usize, problems: Vec<LineProblem>) -> Problem {
    let refused = problems.len();
    let detail =
        format!("none of {total} commands was carried out, because {refused} were refused");
    let mut problem = Problem::new(ProblemCode::Abandoned, detail);
    problem.problems = problems;
    problem
}
