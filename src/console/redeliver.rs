//! Deliveries that are sent again: counted first, then due.

use askama::Template;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;

use super::delivery_query::Given;
use super::frame::Frame;
use super::language::{Texts, counted};
use super::page::{go_to, page};
use super::refused::Refused;
use super::site::Console;
use super::visit::Visit;
use crate::server::{Change, Chosen, Found, delivery_id};
use crate::store::Scope;

#[derive(Template)]
#[template(path = "redeliver.html")]
struct Ask {
    frame: Frame,
    given: Given,
    query: String,
    count: Found,
    question: String,
    /// Where all of them are counted, if they are not.
    to_count: Option<String>,
}

/// Sends them again; how many there were.
async fn redeliver(console: &Console, visit: &Visit, chosen: &Chosen) -> Result<u64, Refused> {
    let administration = console.administration(&visit.principal);
    let count = administration.redeliver(chosen).await;
    count.map_err(|problem| Refused::problem(&visit.frame, &problem))
}

/// How many there are, and whether they are to be sent again.
pub(super) async fn ask(
    State(console): State<Console>,
    visit: Visit,
    RawQuery(query): RawQuery,
) -> Result<Response, Refused> {
    visit.require(&[Scope::DeliveriesWrite])?;
    let given = Given::read(query.unwrap_or_default().as_bytes());
    let back = given.with(None);
    let given = given.up_to(visit.frame.now);
    let chosen = given.chosen(&visit.frame)?;
    let administration = console.administration(&visit.principal);
    let count = administration.count(&chosen, Change::Redelivered, given.extent());
    let count = count.await;
    let count = count.map_err(|problem| Refused::problem(&visit.frame, &problem))?;
    let texts = visit.frame.texts;
    Ok(page(&Ask {
        question: question(
            texts,
            count,
            [texts.redeliver_ask_one, texts.redeliver_ask_many],
        ),
        to_count: given.to_count(count),
        frame: visit.frame,
        query: back,
        given,
        count,
    }))
}

/// The question, with what was found.
pub(super) fn question(texts: &Texts, found: Found, [one, many]: [&str; 2]) -> String {
    let question = counted(found.number, one, many);
    if found.is_all {
        return question;
    }
    format!("{} {question}", texts.more_than)
}

/// All that the filter lets through.
pub(super) async fn all(
    State(console): State<Console>,
    visit: Visit,
    body: Bytes,
) -> Result<Response, Refused> {
    visit.require(&[Scope::DeliveriesWrite])?;
    let given = Given::read(&body);
    let chosen = given.chosen(&visit.frame)?;
    let count = redeliver(&console, &visit, &chosen).await?;
    // They are pending now: a filter for another status would not show them.
    let shown = given.with_any_status();
    let query = shown.with(Some(("redelivered", &count.to_string())));
    Ok(go_to(&format!("{}/deliveries?{query}", visit.frame.base)))
}

/// One delivery.
pub(super) async fn one(
    State(console): State<Console>,
    visit: Visit,
    Path(id): Path<String>,
) -> Result<Response, Refused> {
    visit.require(&[Scope::DeliveriesWrite])?;
    let id = delivery_id(&id).map_err(|_| Refused::not_found(&visit.frame))?;
    let chosen = Chosen::Ids(vec![id]);
    let count = redeliver(&console, &visit, &chosen).await?;
    let base = &visit.frame.base;
    Ok(go_to(&format!(
        "{base}/deliveries/{id}?redelivered={count}"
    )))
}
