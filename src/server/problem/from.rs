//! The problems that the errors of the crate make.

use super::{FieldProblem, Problem, ProblemCode};
use crate::json::NotAnObject;
use crate::store::{ExecuteError, Refusal, StoreError};

/// What is answered in place of a detail that may name servers, files or rows.
const IN_THE_LOG: &str = "the server's log has the cause, under the request's id";

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let code = ProblemCode::from_word(error.code()).unwrap_or(ProblemCode::Internal);
        let detail = match &error {
            // It names what the client sent.
            StoreError::CursorBeyondEnd { .. } => error.to_string(),
            StoreError::Unavailable { .. } => {
                "the store is not available; nothing was changed, try again later".to_owned()
            }
            StoreError::UnknownOutcome { .. } => {
                "it is unknown whether it was carried out: repeat it with the same idempotency key, or look"
                    .to_owned()
            }
            _ => format!("{}; {IN_THE_LOG}", code.title()),
        };
        Self::new(code, detail).caused_by(error)
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let code = ProblemCode::from_word(refusal.code()).unwrap_or(ProblemCode::Internal);
        let mut problem = Self::new(code, refusal.to_string());
        problem.status = refusal.http_status();
        match refusal {
            Refusal::Forbidden { .. } => problem.detail.push_str(
                "; the header Certlife-Actor names another actor, which needs the scope actor:any",
            ),
            Refusal::Conflict {
                version, status, ..
            } => {
                problem.current_status = Some(status);
                problem.current_version = Some(version);
            }
            Refusal::Illegal(illegal) => {
                problem.current_status = Some(illegal.status());
                problem.current_version = Some(illegal.application.version());
                problem.legal = Some(illegal.legal_actions().to_vec());
            }
            Refusal::IdempotencyMismatch { differing, .. } => {
                problem.differing = differing.into_iter().map(Into::into).collect();
            }
            // The same words as the first time.
            Refusal::Repeated { message, then, .. } => {
                problem.is_replayed = true;
                problem.detail = message;
                problem.current_status = then.map(|it| it.status);
                problem.current_version = then.map(|it| it.version);
                let legal = then.and_then(|it| it.legal_actions());
                problem.legal = legal.map(<[_]>::to_vec);
            }
            _ => {}
        }
        problem
    }
}

impl From<ExecuteError> for Problem {
    fn from(error: ExecuteError) -> Self {
        match error {
            ExecuteError::Refused(refusal) => refusal.into(),
            ExecuteError::Store(error) => error.into(),
            ExecuteError::Abandoned { .. } => Self::new(ProblemCode::Abandoned, error.to_string()),
        }
    }
}

impl From<NotAnObject> for Problem {
    fn from(error: NotAnObject) -> Self {
        match error {
            NotAnObject::OtherValue { .. } => FieldProblem::at("", error).into(),
            _ => Self::new(ProblemCode::InvalidJson, error.to_string()),
        }
    }
}
