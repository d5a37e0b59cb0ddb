//! The schemas of values, from the rules of the crate.

use utoipa::openapi::schema::{
    ArrayBuilder, KnownFormat, ObjectBuilder, Schema, SchemaFormat, SchemaType, Type,
};
use utoipa::openapi::{Ref, RefOr};

use crate::lifecycle::action::Action;
use crate::lifecycle::any::AnyApplication;
use crate::lifecycle::event::EventKind;
use crate::lifecycle::source::{Source, TriggerContext};
use crate::lifecycle::state::Status;
use crate::lifecycle::value::ApplicationId;
use crate::server::problem::ProblemCode;
use crate::store::{DeliveryStatus, Role, Scope};

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::Type(Type::String))
}

pub(super) fn one_of<'a>(names: impl IntoIterator<Item = &'a str>) -> Schema {
    let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
    text().enum_values(Some(names)).build().into()
}

fn integer(least: u64, most: u64) -> Schema {
    let whole = ObjectBuilder::new()
        .schema_type(SchemaType::Type(Type::Integer))
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
        .minimum(Some(number(least)))
        .maximum(Some(number(most)));
    whole.build().into()
}

fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

pub(in crate::server) fn statuses() -> Schema {
    one_of(Status::NAMES)
}

pub(in crate::server) fn sources() -> Schema {
    one_of(Source::NAMES)
}

pub(in crate::server) fn trigger_contexts() -> Schema {
    one_of(TriggerContext::NAMES)
}

pub(in crate::server) fn actions() -> Schema {
    ArrayBuilder::new()
        .items(RefOr::T(one_of(Action::NAMES)))
        .build()
        .into()
}

pub(in crate::server) fn event_names() -> Schema {
    one_of(EventKind::ALL.iter().map(|it| it.name()))
}

pub(in crate::server) fn problem_codes() -> Schema {
    one_of(ProblemCode::ALL.iter().map(|it| it.as_str()))
}

pub(in crate::server) fn wait() -> Schema {
    one_of(["final"])
}

pub(in crate::server) fn order() -> Schema {
    one_of(["newest", "oldest"])
}

pub(in crate::server) fn version() -> Schema {
    integer(1, AnyApplication::MAX_VERSION)
}

/// 0 until a webhook's settings are replaced; the versions of applications lie within it.
pub(in crate::server) fn revision() -> Schema {
    integer(0, AnyApplication::MAX_VERSION)
}

pub(in crate::server) fn application_id() -> Schema {
    integer(1, ApplicationId::MAX)
}

/// 1 to 255 characters, not only white space.
pub(in crate::server) fn certificate_title() -> Schema {
    let title = text().min_length(Some(1)).max_length(Some(255));
    title.pattern(Some(r"\S")).build().into()
}

pub(in crate::server) fn applicant_email() -> Schema {
    let email = text().min_length(Some(3)).max_length(Some(255));
    let format = SchemaFormat::Custom("email".to_owned());
    email.format(Some(format)).build().into()
}

/// 1 to 1,000 characters, not only white space.
pub(in crate::server) fn reason() -> Schema {
    let reason = text().min_length(Some(1)).max_length(Some(1000));
    reason.pattern(Some(r"\S")).build().into()
}

/// RFC 3339, UTC, in whole seconds where the API answers.
pub(in crate::server) fn time() -> Schema {
    let format = SchemaFormat::KnownFormat(KnownFormat::DateTime);
    text().format(Some(format)).build().into()
}

/// `kind:id`.
pub(in crate::server) fn actor() -> Schema {
    let actor = text().pattern(Some("^(customer|administrator|system):"));
    actor.examples(["administrator:jane"]).build().into()
}

pub(in crate::server) fn token_id() -> Schema {
    text().pattern(Some("^[0-9a-f]{16}$")).build().into()
}

/// A lease as one word.
pub(in crate::server) fn work() -> Schema {
    text().pattern(Some("^[0-9a-f]{64}$")).build().into()
}

/// Opaque.
pub(in crate::server) fn cursor() -> Schema {
    let cursor = text().pattern(Some("^[0-9]+(-[0-9]+)?$"));
    cursor.examples(["17-3"]).build().into()
}

/// Any of the six events.
pub(in crate::server) fn payload() -> RefOr<Schema> {
    Ref::from_schema_name("EventPayload").into()
}

pub(in crate::server) fn scopes() -> Schema {
    ArrayBuilder::new()
        .items(RefOr::T(one_of(Scope::NAMES)))
        .build()
        .into()
}

pub(in crate::server) fn roles() -> Schema {
    one_of(Role::NAMES)
}

/// The short names of events, as webhooks choose them.
pub(in crate::server) fn event_kinds() -> Schema {
    ArrayBuilder::new()
        .items(RefOr::T(one_of(EventKind::NAMES)))
        .min_items(Some(1))
        .build()
        .into()
}

pub(in crate::server) fn delivery_statuses() -> Schema {
    one_of(DeliveryStatus::NAMES)
}

/// A time, or null.
pub(in crate::server) fn optional_time() -> Schema {
    let format = SchemaFormat::KnownFormat(KnownFormat::DateTime);
    let types = SchemaType::Array(vec![Type::String, Type::Null]);
    let time = ObjectBuilder::new().schema_type(types).format(Some(format));
    time.build().into()
}

pub(in crate::server) fn pending() -> Schema {
    one_of(["resume", "drop"])
}

pub(in crate::server) fn check_results() -> Schema {
    one_of(["ok", "failed"])
}
