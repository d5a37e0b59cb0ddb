//! The console, as browsers see it: the router in this process, over the store in memory.

mod acts;
mod bulk;
mod decide;
mod deliveries;
mod events;
mod export;
mod hooks;
mod live;
mod pages;
mod replay;
mod roles;
mod safe;
mod session;
mod support;
mod tokens;
mod webhook_settings;
mod webhooks;
