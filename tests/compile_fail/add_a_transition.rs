//! The table of legal transitions is not open to additions.

use certificate_lifecycle::{CanRetry, Customer, Rejected, State, Status};

struct Revived;

impl State for Revived {
    const STATUS: Status = Status::Created;
}

impl CanRetry<Customer> for Rejected {}

fn main() {}
