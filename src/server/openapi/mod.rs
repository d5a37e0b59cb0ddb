//! The `OpenAPI` document, made from the routes: names, limits and codes are those of the crate.

mod common;
mod document;
mod guard;
mod methods;
mod parameters;
mod values;

pub(super) use document::{base, finished};
pub(super) use guard::describe_guard;
pub(super) use methods::Methods;
pub(super) use parameters::{
    ApplicationParameter, Counts, History, IdempotencyKeyHeader, IfMatchHeader, NewApplication,
    Reason, TransitionParameters, WhatFailed,
};
pub(super) use values::{
    ActionsValue, ActorValue, ApplicationIdValue, CheckResultValue, CursorValue,
    DeliveryStatusValue, EmailValue, EventKindsValue, EventNameValue, OptionalTimeValue,
    OrderValue, PayloadValue, PendingValue, ProblemCodeValue, ReasonValue, RevisionValue,
    RoleValue, ScopesValue, SourceValue, StatusValue, TimeValue, TitleValue, TokenIdValue,
    TriggerContextValue, VersionValue, WaitValue, WorkValue,
};
