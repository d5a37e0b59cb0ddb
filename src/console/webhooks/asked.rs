//! The form of an action on a webhook.

use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::response::Response;
use http::StatusCode;
use uuid::Uuid;

use super::one::{Said, show};
use crate::console::command::Form;
use crate::console::page::go_to;
use crate::console::refused::{Refused, fault};
use crate::console::site::Console;
use crate::console::visit::Visit;
use crate::server::{Administration, Problem};
use crate::store::Scope;

/// The form of an action: which webhook, and at which revision the page has shown it.
pub(in crate::console) struct Asked {
    pub(super) console: Console,
    pub(super) visit: Visit,
    pub(super) form: Form,
    pub(super) id: Uuid,
    pub(super) revision: u64,
}

impl FromRequest<Console> for Asked {
    type Rejection = Refused;

    async fn from_request(request: Request, console: &Console) -> Result<Self, Refused> {
        let (mut parts, body) = request.into_parts();
        let visit = Visit::from_request_parts(&mut parts, console).await?;
        visit.require(&[Scope::WebhooksWrite])?;
        let id = Path::<Uuid>::from_request_parts(&mut parts, console).await;
        let Path(id) = id.map_err(|_| Refused::not_found(&visit.frame))?;
        let form = Form::from_request(Request::from_parts(parts, body), console).await?;
        let revision = form.field("revision").parse();
        let revision = revision.map_err(|_| {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            Refused::new(&visit.frame, status, visit.frame.texts.bad_request)
        })?;
        Ok(Self {
            console: console.clone(),
            visit,
            form,
            id,
            revision,
        })
    }
}

impl Asked {
    /// What is done is refused if the webhook has another revision by now.
    pub(super) fn administration(&self) -> Administration<'_> {
        let administration = self.console.administration(&self.visit.principal);
        administration.at(self.revision)
    }

    /// This answer if it was done; otherwise the webhook's page, with why nothing was.
    pub(super) async fn answer<T>(
        self,
        done: Result<T, Problem>,
        answer: impl FnOnce(Self, T) -> Response,
    ) -> Result<Response, Refused> {
        match done {
            Ok(done) => Ok(answer(self, done)),
            Err(problem) => self.refuse(&problem).await,
        }
    }

    /// The page of the webhook, with why nothing was done.
    pub(super) async fn refuse(self, problem: &Problem) -> Result<Response, Refused> {
        let frame = &self.visit.frame;
        if problem.status == 404 || !frame.may_see_webhooks() {
            return Err(Refused::problem(frame, problem));
        }
        let (status, detail) = fault(frame, problem);
        let said = Said {
            fault: Some(detail),
            ..Said::default()
        };
        self.show(status, said).await
    }

    /// The page of the webhook, with this beside it.
    pub(super) async fn show(self, status: StatusCode, said: Said) -> Result<Response, Refused> {
        show(&self.console, self.visit, self.id, status, said).await
    }

    /// Sends the browser to the webhook's page.
    pub(super) fn back(&self, notice: &str) -> Response {
        let (base, id) = (&self.visit.frame.base, self.id);
        go_to(&format!("{base}/webhooks/{id}?notice={notice}"))
    }
}
