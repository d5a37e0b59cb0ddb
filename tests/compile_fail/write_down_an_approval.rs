//! An approved application out of thin air.

use certificate_lifecycle::{Approved, Created, VaultApplication};

fn main() {
    let _ = Approved;
    let _ = Created {};
    let _ = |application| VaultApplication::Rejected(application);
}
