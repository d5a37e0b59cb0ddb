//! The applications that commands have created so far, in memory.

use std::time::SystemTime;

use indexmap::IndexMap;
use indexmap::map::Entry;
use uuid::Uuid;

use super::command_line::{AT, CommandLine, Request};
use super::refusal::{Code, Refusal};
use certificate_lifecycle::{
    AnyApplication, Application, ApplicationDetails, Command, Event, Timestamp, Transition,
};

/// All applications, by their identity.
///
/// The map keeps its entries in one growing array: a table that holds the entries itself needs
/// twice their memory whenever it grows.
#[derive(Default)]
pub(super) struct Applications {
    /// `None` only while a command is being applied.
    by_uuid: IndexMap<Uuid, Option<AnyApplication>>,
}

impl Applications {
    /// Carries out one command, or changes nothing.
    pub(super) fn execute(&mut self, line: CommandLine) -> Result<Event, Refusal> {
        let at = line.at.unwrap_or_else(now);
        match line.request {
            Request::Submit(details) => self.create(details, |details| {
                Application::submit(details, at.into()).map(Into::into)
            }),
            Request::Upload(details, upload) => self.create(details, |details| {
                Application::upload(details, upload, at.into()).map(Into::into)
            }),
            Request::Act(command) => self.act(line.uuid, command, at, line.at.is_some()),
        }
    }

    fn create(
        &mut self,
        details: ApplicationDetails,
        begin: impl FnOnce(ApplicationDetails) -> Transition<AnyApplication>,
    ) -> Result<Event, Refusal> {
        match self.by_uuid.entry(details.uuid()) {
            Entry::Occupied(entry) => Err(Refusal::new(
                Code::AlreadyExists,
                format!("application {} exists already", entry.key()),
            )),
            Entry::Vacant(entry) => {
                let Transition { application, event } = begin(details);
                entry.insert(Some(application));
                Ok(event)
            }
        }
    }

    fn act(
        &mut self,
        uuid: Uuid,
        command: Command,
        at: Timestamp,
        is_given: bool,
    ) -> Result<Event, Refusal> {
        let unknown = || {
            let message = format!("no submit or upload has created application {uuid}");
            Refusal::new(Code::UnknownApplication, message)
        };
        let slot = self.by_uuid.get_mut(&uuid).ok_or_else(unknown)?;
        let application = slot.take().ok_or_else(unknown)?;
        if application.can(command.action()) && at.to_datetime() < application.updated_at() {
            let refusal = backwards(at, is_given, &application);
            *slot = Some(application);
            return Err(refusal);
        }
        match application.apply(command, at.into()) {
            Ok(Transition { application, event }) => {
                *slot = Some(application);
                Ok(event)
            }
            Err(illegal) => {
                let refusal = Refusal::from(&illegal);
                *slot = Some(illegal.application);
                Err(refusal)
            }
        }
    }
}

/// Histories never run backwards; the core would count an earlier time as that of the last event.
fn backwards(at: Timestamp, is_given: bool, application: &AnyApplication) -> Refusal {
    let last = Timestamp::saturating(application.updated_at());
    let found = if is_given {
        format!("is {at}")
    } else {
        format!("is absent and so now, {at}")
    };
    let message = format!(
        "field {AT} must not be before the application's last event at {last}, but {found}"
    );
    Refusal::field(AT, message)
}

fn now() -> Timestamp {
    Timestamp::saturating(SystemTime::now().into())
}
