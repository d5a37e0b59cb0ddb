//! The console: what administrators and operators see and do, in the browser.
//!
//! [`router`] has its pages, for a backend that mounts them, and for `certlife serve --console`.
//! They are made by the server, and every control is a link or a form: they work without
//! JavaScript.

mod abandon;
mod acts;
mod application;
mod applications;
mod assets;
mod attempts;
mod bulk;
mod chart;
mod command;
mod counting;
mod decide;
mod deliveries;
mod delivery_query;
mod entry;
mod events;
mod export;
mod frame;
mod language;
mod lifecycle_picture;
mod list;
mod live;
mod options;
mod overview;
mod page;
mod query;
mod queue;
mod redeliver;
mod refused;
mod reports;
mod routes;
mod safe;
mod session;
mod shown;
mod sign_in;
mod site;
mod tasks;
mod tokens;
mod visit;
mod webhooks;

pub use options::ConsoleOptions;
pub use routes::router;
