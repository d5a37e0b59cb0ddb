//! The console, as browsers see it: the router in this process, over the store in memory.

mod decide;
mod deliveries;
mod hooks;
mod pages;
mod safe;
mod session;
mod support;
mod webhooks;
