//! The options of `serve` as variables of the environment.

use clap::{Arg, ArgAction, Command};

/// The name of the command.
pub(super) const NAME: &str = "serve";

/// The program, with a variable `CERTLIFE_…` for each option of `serve`.
pub(in crate::cli) fn with_variables(program: Command) -> Command {
    program.mut_subcommand(NAME, |serve| serve.mut_args(with_variable))
}

fn with_variable(option: Arg) -> Arg {
    let Some(long) = option.get_long().filter(|it| *it != "check") else {
        return option;
    };
    let variable = format!("CERTLIFE_{}", long.to_uppercase().replace('-', "_"));
    // Commands and their arguments have commas in them.
    let is_list = matches!(option.get_action(), ArgAction::Append) && long != "process";
    let option = if is_list {
        option.value_delimiter(',')
    } else {
        option
    };
    // clap keeps borrowed text; it is made once.
    let variable: &'static str = Box::leak(variable.into_boxed_str());
    option.env(variable).hide_env_values(true)
}
