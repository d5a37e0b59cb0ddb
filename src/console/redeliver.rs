//! Deliveries that are sent again: counted first, then due.

use askama::Template;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use chrono::{SecondsFormat, TimeDelta};
use http::StatusCode;

use super::deliveries::Given;
use super::frame::Frame;
use super::language::counted;
use super::page::{go_to, page};
use super::refused::Refused;
use super::site::Console;
use super::visit::Visit;
use crate::server::{Administration, Chosen, delivery_id};
use crate::store::{DeliveryFilter, ListOrder, Scope};

#[derive(Template)]
#[template(path = "redeliver.html")]
struct Ask {
    frame: Frame,
    given: Given,
    query: String,
    count: u64,
    question: String,
}

/// Sends them again, or only counts those that would be; how many there were.
async fn redeliver(
    console: &Console,
    visit: &Visit,
    chosen: &Chosen,
    is_dry_run: bool,
) -> Result<u64, Refused> {
    let (engine, options) = (&console.engine, &console.options.server);
    let administration = Administration::new(engine, options, &visit.principal);
    let count = administration.redeliver(chosen, is_dry_run).await;
    count.map_err(|problem| Refused::problem(&visit.frame, &problem))
}

/// The filter, from the first delivery on: what is made due meanwhile is not seen twice.
fn filter(visit: &Visit, given: &Given) -> Result<DeliveryFilter, Refused> {
    let (filter, faults) = given.filter();
    if faults.is_empty() {
        return Ok(filter.with_order(ListOrder::OldestFirst));
    }
    let detail = format!("{} {}", visit.frame.texts.wrong_filter, faults.join("; "));
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    Err(Refused::new(&visit.frame, status, detail))
}

/// How many there are, and whether they are to be sent again.
pub(super) async fn ask(
    State(console): State<Console>,
    visit: Visit,
    RawQuery(query): RawQuery,
) -> Result<Response, Refused> {
    visit.require(&[Scope::DeliveriesWrite])?;
    let mut given = Given::read(query.unwrap_or_default().as_bytes());
    let back = given.with(None);
    if given.to.is_empty() {
        // What is recorded after the count is not sent again. Times are kept in milliseconds, and
        // those of this one count.
        let end = visit.frame.now + TimeDelta::milliseconds(1);
        given.to = end.to_rfc3339_opts(SecondsFormat::Millis, true);
    }
    let chosen = Chosen::Filter(filter(&visit, &given)?);
    let count = redeliver(&console, &visit, &chosen, true).await?;
    let texts = visit.frame.texts;
    Ok(page(&Ask {
        question: counted(count, texts.redeliver_ask_one, texts.redeliver_ask_many),
        frame: visit.frame,
        query: back,
        given,
        count,
    }))
}

/// All that the filter lets through.
pub(super) async fn all(
    State(console): State<Console>,
    visit: Visit,
    body: Bytes,
) -> Result<Response, Refused> {
    visit.require(&[Scope::DeliveriesWrite])?;
    let given = Given::read(&body);
    let chosen = Chosen::Filter(filter(&visit, &given)?);
    let count = redeliver(&console, &visit, &chosen, false).await?;
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
    let count = redeliver(&console, &visit, &chosen, false).await?;
    let base = &visit.frame.base;
    Ok(go_to(&format!(
        "{base}/deliveries/{id}?redelivered={count}"
    )))
}
