//! The HTTP API: the engine for backends in any language.
//!
//! [`router`] has all of its routes, for a backend that mounts them under an authentication of its
//! own ([`Principal`]), and for the program `certlife serve`. `docs/api.md` describes them, and so
//! does the `OpenAPI` document that the router serves at `/openapi.json`.

mod acts;
mod answer;
mod api;
mod applications;
mod authentication;
mod commands;
mod committed;
mod events;
mod header_names;
mod health;
mod layers;
mod openapi;
mod options;
mod principal;
mod problem;
mod request;
mod routes;
pub mod telemetry;
mod tokens;
mod view;
mod waiting;
mod webhooks;
mod work;

#[cfg(feature = "console")]
pub(crate) use acts::{add_token, remove_token};
#[cfg(feature = "console")]
pub(crate) use applications::application_json;
#[cfg(feature = "console")]
pub(crate) use authentication::Authentication;
#[cfg(feature = "console")]
pub(crate) use events::{Seen, Tail};
#[cfg(feature = "console")]
pub(crate) use layers::outermost;
pub use options::ServerOptions;
pub use principal::Principal;
#[cfg(feature = "console")]
pub(crate) use principal::one_institution;
pub use problem::{FieldProblem, LineProblem, Problem, ProblemCode, ProblemDetails};
pub use routes::{openapi, router};
#[cfg(feature = "console")]
pub(crate) use waiting::{Slot, Waiting};
#[cfg(feature = "console")]
pub(crate) use webhooks::{
    administration::{Administration, times},
    chosen::{Change, Chosen, Extent, Found},
    deliveries::{delivery_id, kind},
    reason::{reason, reason_to_abandon},
    replay::Wanted,
};
