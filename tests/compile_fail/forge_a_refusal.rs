//! A refusal that no rule made, of a command that is legal.

use certificate_lifecycle::{AnyApplication, Command, IllegalTransition};

fn refuse(application: AnyApplication) -> IllegalTransition {
    let command = Command::Approve;
    IllegalTransition { application, command }
}

fn main() {}
