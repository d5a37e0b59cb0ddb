//! The `OpenAPI` document, made from the routes: names, limits and codes are those of the crate.

mod document;
mod guard;
mod parameters;
mod values;

pub(super) use document::{base, finished};
pub(super) use guard::describe_guard;
pub(super) use parameters::{
    ApplicationParameter, Counts, History, IdempotencyKeyHeader, IfMatchHeader, NewApplication,
    Reason, TransitionParameters, WhatFailed,
};
pub(super) use values::{
    actions, actor, applicant_email, application_id, certificate_title, check_results, cursor,
    delivery_statuses, event_kinds, event_names, optional_time, order, payload, pending,
    problem_codes, reason, revision, roles, scopes, sources, statuses, time, token_id,
    trigger_contexts, version, wait, work,
};
