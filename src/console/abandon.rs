//! Pending deliveries that are made dead by hand: counted first, and with a reason.

use askama::Template;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use http::StatusCode;

use super::command::Form;
use super::deliveries::{Said, show};
use super::delivery_query::Given;
use super::frame::Frame;
use super::page::{go_to, page_with};
use super::redeliver::question as asked;
use super::refused::{Refused, fault};
use super::site::Console;
use super::visit::Visit;
use crate::server::{Change, Chosen, FieldProblem, Found, Problem, delivery_id, reason_to_abandon};
use crate::store::{DeliveryStatus, Scope};

#[derive(Template)]
#[template(path = "abandon.html")]
struct Ask {
    frame: Frame,
    given: Given,
    query: String,
    count: Found,
    question: String,
    /// Where all of them are counted, if they are not.
    to_count: Option<String>,
    fault: Option<String>,
    /// What was typed as a reason.
    typed: String,
}

/// The question, how many there are; after a fault, with what was typed.
async fn question(
    console: &Console,
    visit: Visit,
    given: Given,
    refused: Option<(Problem, String)>,
) -> Result<Response, Refused> {
    let query = given.with(None);
    let mut given = given.up_to(visit.frame.now);
    if given.status.is_empty() {
        DeliveryStatus::Pending
            .as_str()
            .clone_into(&mut given.status);
    }
    let frame = visit.frame;
    let chosen = given.chosen(&frame)?;
    let administration = console.administration(&visit.principal);
    let count = administration.count(&chosen, Change::Abandoned, given.extent());
    let count = count.await;
    let count = count.map_err(|problem| Refused::problem(&frame, &problem))?;
    let texts = frame.texts;
    let (mut status, mut detail, mut typed) = (StatusCode::OK, None, String::new());
    if let Some((problem, reason)) = refused {
        let (why, words) = fault(&frame, &problem);
        (status, detail, typed) = (why, Some(words), reason);
    }
    let page = Ask {
        question: asked(
            texts,
            count,
            [texts.abandon_ask_one, texts.abandon_ask_many],
        ),
        to_count: given.to_count(count),
        frame,
        given,
        query,
        count,
        fault: detail,
        typed,
    };
    Ok(page_with(status, &page))
}

/// How many there are, and whether they are to be abandoned.
pub(super) async fn ask(
    State(console): State<Console>,
    visit: Visit,
    RawQuery(query): RawQuery,
) -> Result<Response, Refused> {
    visit.require(&[Scope::DeliveriesWrite])?;
    let given = Given::read(query.unwrap_or_default().as_bytes());
    question(&console, visit, given, None).await
}

/// Makes what is chosen dead; how many there were.
async fn abandon(
    console: &Console,
    visit: &Visit,
    chosen: &Chosen,
    reason: &str,
) -> Result<u64, Problem> {
    let reason = reason_to_abandon(reason.trim());
    let reason = reason.map_err(|error| FieldProblem::at("/reason", error))?;
    let administration = console.administration(&visit.principal);
    administration.abandon(chosen, reason.as_str()).await
}

/// All that are pending and that the filter lets through.
pub(super) async fn all(
    State(console): State<Console>,
    visit: Visit,
    form: Form,
) -> Result<Response, Refused> {
    visit.require(&[Scope::DeliveriesWrite])?;
    let given = Given::of(form.0.iter().map(|(name, value)| (&**name, &**value)));
    let chosen = given.chosen(&visit.frame)?;
    let reason = form.field("reason");
    match abandon(&console, &visit, &chosen, reason).await {
        Ok(count) => {
            // They are dead now: a filter for those that are pending would not show them.
            let shown = given.with_any_status();
            let query = shown.with(Some(("abandoned", &count.to_string())));
            Ok(go_to(&format!("{}/deliveries?{query}", visit.frame.base)))
        }
        Err(problem) => {
            let refused = Some((problem, reason.to_owned()));
            question(&console, visit, given, refused).await
        }
    }
}

/// One delivery.
pub(super) async fn one(
    State(console): State<Console>,
    visit: Visit,
    Path(id): Path<String>,
    form: Form,
) -> Result<Response, Refused> {
    visit.require(&[Scope::DeliveriesWrite])?;
    let id = delivery_id(&id).map_err(|_| Refused::not_found(&visit.frame))?;
    let reason = form.field("reason");
    match abandon(&console, &visit, &Chosen::Ids(vec![id]), reason).await {
        Ok(count) => {
            let base = &visit.frame.base;
            Ok(go_to(&format!("{base}/deliveries/{id}?abandoned={count}")))
        }
        Err(problem) if visit.frame.may_see_deliveries() => {
            let (status, detail) = fault(&visit.frame, &problem);
            let said = Said {
                fault: Some(detail),
                typed: reason.to_owned(),
                ..Said::default()
            };
            show(&console, visit, id, status, said).await
        }
        Err(problem) => Err(Refused::problem(&visit.frame, &problem)),
    }
}
