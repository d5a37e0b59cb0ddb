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

/// Values as types. utoipa drops the description of what has its schema by `schema_with`.
macro_rules! values {
    ($($(#[$about:meta])* $name:ident = $schema:expr;)+) => {$(
        $(#[$about])*
        pub(in crate::server) struct $name;

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                $schema.into()
            }
        }

        impl utoipa::ToSchema for $name {}
    )+};
}

pub(super) use values;

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::Type(Type::String))
}

pub(super) fn one_of<'a>(names: impl IntoIterator<Item = &'a str>) -> Schema {
    let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
    text().enum_values(Some(names)).build().into()
}

fn array_of(items: Schema) -> ArrayBuilder {
    ArrayBuilder::new().items(RefOr::T(items))
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

values! {
    StatusValue = one_of(Status::NAMES);

    SourceValue = one_of(Source::NAMES);

    TriggerContextValue = one_of(TriggerContext::NAMES);

    ActionsValue = array_of(one_of(Action::NAMES)).build();

    EventNameValue = one_of(EventKind::ALL.iter().map(|it| it.name()));

    ProblemCodeValue = one_of(ProblemCode::ALL.iter().map(|it| it.as_str()));

    WaitValue = one_of(["final"]);

    OrderValue = one_of(["newest", "oldest"]);

    VersionValue = integer(1, AnyApplication::MAX_VERSION);

    /// 0 until a webhook's settings are replaced; the versions of applications lie within it.
    RevisionValue = integer(0, AnyApplication::MAX_VERSION);

    ApplicationIdValue = integer(1, ApplicationId::MAX);

    /// 1 to 255 characters, not only white space.
    TitleValue = {
        let title = text().min_length(Some(1)).max_length(Some(255));
        title.pattern(Some(r"\S")).build()
    };

    EmailValue = {
        let email = text().min_length(Some(3)).max_length(Some(255));
        let format = SchemaFormat::Custom("email".to_owned());
        email.format(Some(format)).build()
    };

    /// 1 to 1,000 characters, not only white space.
    ReasonValue = {
        let reason = text().min_length(Some(1)).max_length(Some(1000));
        reason.pattern(Some(r"\S")).build()
    };

    /// RFC 3339, UTC, in whole seconds where the API answers.
    TimeValue = {
        let format = SchemaFormat::KnownFormat(KnownFormat::DateTime);
        text().format(Some(format)).build()
    };

    /// `kind:id`.
    ActorValue = {
        let actor = text().pattern(Some("^(customer|administrator|system):"));
        actor.examples(["administrator:jane"]).build()
    };

    TokenIdValue = text().pattern(Some("^[0-9a-f]{16}$")).build();

    /// A lease as one word.
    WorkValue = text().pattern(Some("^[0-9a-f]{64}$")).build();

    /// Opaque.
    CursorValue = {
        let cursor = text().pattern(Some("^[0-9]+(-[0-9]+)?$"));
        cursor.examples(["17-3"]).build()
    };

    /// Any of the six events.
    PayloadValue = Ref::from_schema_name("EventPayload");

    ScopesValue = array_of(one_of(Scope::NAMES)).build();

    RoleValue = one_of(Role::NAMES);

    /// The short names of events, as webhooks choose them.
    EventKindsValue = array_of(one_of(EventKind::NAMES)).min_items(Some(1)).build();

    DeliveryStatusValue = one_of(DeliveryStatus::NAMES);

    /// A time, or null.
    OptionalTimeValue = {
        let format = SchemaFormat::KnownFormat(KnownFormat::DateTime);
        let types = SchemaType::Array(vec![Type::String, Type::Null]);
        let time = ObjectBuilder::new().schema_type(types).format(Some(format));
        time.build()
    };

    PendingValue = one_of(["resume", "drop"]);

    CheckResultValue = one_of(["ok", "failed"]);
}
