//! Lines become requests, within what the caller may do.

use super::lines::Line;
use crate::command_json::{CommandJsonError, Defaults, ParsedCommand, parse};
use crate::lifecycle::action::Action;
use crate::server::applications::create::NewUuid;
use crate::server::principal::{Principal, lacks};
use crate::server::problem::{FieldProblem, Problem, ProblemCode};
use crate::server::request::LARGEST;
use crate::store::{Clock, Operation, Request, Scope, SystemClock};

/// Reads lines for one caller.
pub(super) struct Reader {
    caller: Principal,
    defaults: Defaults,
    /// Whether a transition has to say what version it expects.
    needs_version: bool,
}

impl Reader {
    pub(super) fn new(caller: Principal, needs_version: bool) -> Self {
        let defaults = Defaults::new(caller.institution.clone(), caller.actor.clone());
        let defaults = defaults.with_new_uuids(|institution, key| {
            let milliseconds = SystemClock.now().timestamp_millis();
            NewUuid {
                institution,
                key,
                milliseconds,
            }
            .make()
        });
        Self {
            caller,
            defaults,
            needs_version,
        }
    }

    /// The request of a line.
    ///
    /// # Errors
    /// Why it makes none, or is not the caller's to make.
    pub(super) fn read(&self, line: &Line) -> Result<Request, Problem> {
        let Line::Text(text) = line else {
            let detail = format!("the line is longer than {LARGEST} bytes (1 MiB)");
            return Err(Problem::new(ProblemCode::TooLarge, detail));
        };
        let ParsedCommand {
            request,
            institution,
            actor,
            ..
        } = parse(text, &self.defaults)?;
        if institution.is_some_and(|it| it != self.caller.institution) {
            let detail = "the token is for another institution than the line names";
            return Err(Problem::new(ProblemCode::Forbidden, detail));
        }
        let acts_for_another = actor.is_some_and(|it| it != self.caller.actor);
        if acts_for_another && !self.caller.scopes.contains(Scope::ActorAny) {
            return Err(lacks(Scope::ActorAny));
        }
        let needed = scope_of(&request.operation);
        if !self.caller.scopes.contains(needed) {
            return Err(lacks(needed));
        }
        let expects_nothing = matches!(
            request.operation,
            Operation::Act {
                expected_version: None,
                ..
            }
        );
        if self.needs_version && expects_nothing {
            let detail = "this server takes a transition only with expected_version, the version of the \
                          application";
            return Err(Problem::new(ProblemCode::PreconditionRequired, detail));
        }
        Ok(request)
    }
}

/// The scope that an operation needs.
const fn scope_of(operation: &Operation) -> Scope {
    match operation {
        Operation::Submit(_) => Scope::ApplicationsSubmit,
        Operation::Upload(..) => Scope::ApplicationsUpload,
        Operation::Act { command, .. } => match command.action() {
            Action::BeginProcessing | Action::Reject => Scope::ApplicationsDecide,
            Action::Retry => Scope::ApplicationsRetry,
            Action::Approve | Action::Fail => Scope::ApplicationsProcess,
        },
    }
}

impl From<CommandJsonError> for Problem {
    fn from(error: CommandJsonError) -> Self {
        if error.code() == ProblemCode::InvalidJson.as_str() {
            return Self::new(ProblemCode::InvalidJson, error.to_string());
        }
        let pointer = error.field().map(|it| format!("/{it}"));
        FieldProblem::at(pointer.unwrap_or_default(), error).into()
    }
}
