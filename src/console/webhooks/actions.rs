//! What is done to a webhook: enabled, disabled, tested, given a new secret.

use axum::response::Response;
use http::StatusCode;

use super::asked::Asked;
use super::one::Said;
use super::secret::secret_page;
use crate::console::refused::Refused;
use crate::server::{FieldProblem, reason, times};

pub(in crate::console) async fn enable(asked: Asked) -> Result<Response, Refused> {
    let drops = match asked.form.field("pending") {
        "resume" => Some(false),
        "drop" => Some(true),
        _ => None,
    };
    let done = asked.administration().enable(asked.id, drops).await;
    asked.answer(done, |it, _| it.back("enabled")).await
}

pub(in crate::console) async fn disable(asked: Asked) -> Result<Response, Refused> {
    let done = match reason(asked.form.field("reason").trim()) {
        Ok(reason) => asked.administration().disable(asked.id, reason).await,
        Err(error) => Err(FieldProblem::at("/reason", error).into()),
    };
    asked.answer(done, |it, _| it.back("disabled")).await
}

/// Answers with the new secret, and nothing else ever does.
pub(in crate::console) async fn rotate(asked: Asked) -> Result<Response, Refused> {
    let is_revoked = asked.form.field("revoke") == "yes";
    let times = (!is_revoked).then(|| times(None, None));
    let done = asked.administration().rotate(asked.id, times).await;
    let answer = |it: Asked, (webhook, secret): (_, _)| {
        let frame = it.visit.frame;
        let said = frame.texts.webhook_rotated;
        secret_page(frame, StatusCode::OK, &webhook, &secret, said)
    };
    asked.answer(done, answer).await
}

pub(in crate::console) async fn test(asked: Asked) -> Result<Response, Refused> {
    match asked.administration().send_test(asked.id).await {
        Ok(attempt) => {
            let said = Said {
                tested: Some(attempt),
                ..Said::default()
            };
            asked.show(StatusCode::OK, said).await
        }
        Err(problem) => asked.refuse(&problem).await,
    }
}
