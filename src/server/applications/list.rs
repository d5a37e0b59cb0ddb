//! `GET /v1/applications` and `GET /v1/counts`.

use axum::extract::{OriginalUri, State};
use axum::response::{IntoResponse, Response};
use utoipa::IntoParams;

use super::trigger_context;
use crate::lifecycle::source::Source;
use crate::lifecycle::state::Status;
use crate::lifecycle::value::{ApplicantEmail, ApplicationId};
use crate::server::answer::Json;
use crate::server::api::Api;
use crate::server::openapi as schema;
use crate::server::principal::Caller;
use crate::server::problem::Problem;
use crate::server::request::Parameters;
use crate::server::view::{ApplicationView, CountView, Data, LIMIT, List, MOST};
use crate::store::{Filter, ListOrder, ListQuery, PageKey, TitlePart};

/// Which applications, in which order.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "it describes the parameters")]
pub(in crate::server) struct Which {
    /// Only those in this state.
    #[param(required = false, inline, value_type = schema::StatusValue)]
    status: Option<String>,
    /// Only those from this source.
    #[param(required = false, inline, value_type = schema::SourceValue)]
    source: Option<String>,
    /// Only those of this applicant, the address taken letter for letter.
    #[param(required = false, inline, value_type = schema::EmailValue)]
    email: Option<String>,
    /// Only those whose title has this part, ignoring case.
    #[param(required = false, inline, value_type = schema::TitleValue)]
    title: Option<String>,
    /// Only those with this number of the backend's.
    #[param(required = false, inline, value_type = schema::ApplicationIdValue)]
    application_id: Option<u64>,
    /// `true`: only those that background work owns.
    #[param(required = false)]
    in_progress: Option<bool>,
    /// Only those whose last event happened at this time or later.
    #[param(required = false, inline, value_type = schema::TimeValue)]
    updated_after: Option<String>,
    /// Only those whose last event happened before this time.
    #[param(required = false, inline, value_type = schema::TimeValue)]
    updated_before: Option<String>,
    /// `newest`: the last that was created comes first; `oldest`, the default: the first.
    #[param(required = false, inline, value_type = schema::OrderValue)]
    order: Option<String>,
    /// The most applications on the page.
    #[param(required = false, minimum = 1, maximum = 100, default = 20)]
    limit: Option<u32>,
    /// `next` of the page before.
    #[param(required = false)]
    after: Option<String>,
}

/// A page of applications.
#[utoipa::path(
    get,
    path = "/v1/applications",
    operation_id = "listApplications",
    tag = "applications",
    summary = "The applications of the institution",
    description = "A page may be short or empty although `next` says that there are more: a search looks \
                   at a limited number of applications at a time.",
    params(Which),
    responses(
        (status = 200, description = "A page.", body = inline(List<ApplicationView<'static>>),
            headers(("Link" = String, description = "The next page (`rel=\"next\"`)."))),
    ),
)]
pub(in crate::server) async fn list(
    State(api): State<Api>,
    Caller(caller): Caller,
    uri: OriginalUri,
    mut parameters: Parameters,
) -> Result<Response, Problem> {
    let query = read(ListQuery::new(caller.institution.clone()), &mut parameters);
    parameters.finish()?;
    let page = api.engine.list(query).await?;
    for corrupt in &page.corrupt {
        tracing::error!(error = %corrupt, "left out of a list");
    }
    let mut data = Vec::with_capacity(page.applications.len());
    for application in &page.applications {
        let created_by = trigger_context(&api, &caller.institution, application).await?;
        data.push(ApplicationView::of(application, created_by));
    }
    let next = page.next.map(|it| it.to_string());
    Ok(List { data, next }.answer(&uri))
}

fn read(query: ListQuery, parameters: &mut Parameters) -> ListQuery {
    let mut filter = Filter::all();
    if let Some(status) = parameters.optional("status", str::parse::<Status>) {
        filter = filter.status(status);
    }
    if let Some(source) = parameters.optional("source", str::parse::<Source>) {
        filter = filter.source(source);
    }
    if let Some(email) = parameters.optional("email", |it| ApplicantEmail::new(it)) {
        filter = filter.email(email);
    }
    if let Some(part) = parameters.optional("title", |it| TitlePart::new(it)) {
        filter = filter.title(part);
    }
    if let Some(id) = parameters.optional("application_id", application_id) {
        filter = filter.application_id(id);
    }
    if parameters.flag("in_progress") {
        filter = filter.in_progress();
    }
    if let Some(time) = parameters.time("updated_after") {
        filter = filter.updated_after(time);
    }
    if let Some(time) = parameters.time("updated_before") {
        filter = filter.updated_before(time);
    }
    let order = parameters.optional("order", |text| match text {
        "newest" => Ok(ListOrder::NewestFirst),
        "oldest" => Ok(ListOrder::OldestFirst),
        _ => Err("expected newest or oldest"),
    });
    let limit = parameters.number("limit", 1..=MOST, LIMIT);
    let after: Option<PageKey> = parameters.optional("after", str::parse);
    query
        .filter(filter)
        .order(order.unwrap_or_default())
        .limit(limit)
        .after(after)
}

fn application_id(text: &str) -> Result<ApplicationId, String> {
    let is_number = text.bytes().all(|it| it.is_ascii_digit());
    let number = text.parse().ok().filter(|_| is_number);
    let id = number.and_then(|it| ApplicationId::new(it).ok());
    id.ok_or_else(|| format!("expected {}", ApplicationId::RULE))
}

/// How many applications the institution has, by state and source.
#[utoipa::path(
    get,
    path = "/v1/counts",
    operation_id = "getCounts",
    tag = "applications",
    summary = "How many applications there are, by state and source",
    responses(
        (status = 200, description = "The counts.", body = inline(schema::Counts)),
    ),
)]
pub(in crate::server) async fn counts(
    State(api): State<Api>,
    Caller(caller): Caller,
    parameters: Parameters,
) -> Result<Response, Problem> {
    parameters.finish()?;
    let counts = api.engine.counts(&caller.institution).await?;
    let data = counts.into_iter().map(CountView::of).collect();
    Ok(Json(Data { data }).into_response())
}
