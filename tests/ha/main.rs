//! PostgreSQL that fails over, under load: nothing that was acknowledged is lost, nothing is
//! skipped, and work goes on.
//!
//! The campaign (`campaign`) has one fault in each round, the rest (`rows`) one scenario in each
//! test. `HA_ROUNDS` says how many rounds, `HA_FAULT` names the only fault that there is to be,
//! `SEED` repeats the chance of a run as far as it can be repeated, and `HA_STRICT=1` holds the
//! load to the time that it may take.

mod campaign;
mod faults;
mod follower;
#[path = "../support/http_request.rs"]
mod http_request;
#[path = "../support/pair.rs"]
mod pair;
mod process;
#[path = "../support/proxy.rs"]
mod proxy;
#[path = "../support/random.rs"]
mod random;
mod receiver;
mod round;
mod rows;
#[path = "../support/postgres.rs"]
mod server;
mod verify;
mod work;
mod writer;
