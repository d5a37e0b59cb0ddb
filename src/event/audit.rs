//! The audit of a log: events in order, each against the state of its application so far.

use uuid::Uuid;

use super::payload::EventPayload;
use super::problem::Finding;
use super::replay;
use crate::lifecycle::any::AnyApplication;
use crate::lifecycle::event::EventKind;
use crate::lifecycle::state::Status;
use crate::places::Places;

/// Follows a log of events, application by application.
///
/// The log has each event once: as it happened, or as one webhook would receive it without a
/// retry. A second delivery of an event is a second event to it.
///
/// ```
/// use certificate_lifecycle::audit::Audit;
///
/// let mut audit = Audit::default();
/// let findings = audit.check(br#"{"event":"certificate_application.approved",
///     "webhook_id":"a1b2c3d4-e5f6-7890-abcd-ef1234567890","timestamp":"2026-06-04T10:30:00Z",
///     "application_id":42,"uuid":"9e7860f0-05d1-4fd0-b3e0-e98e19f1cf15",
///     "certificate_title":"Certificate of Achievement","applicant_email":"john@example.com",
///     "source":"vault"}"#);
/// assert_eq!(findings[0].problem.code(), "unknown_application");
/// ```
#[derive(Debug, Default)]
pub struct Audit {
    /// Where each application stands in the list.
    places: Places,
    /// `None` only while an event is being applied.
    applications: Vec<Option<AnyApplication>>,
    events: [u64; EventKind::ALL.len()],
    statuses: [u64; Status::ALL.len()],
}

impl Audit {
    /// Takes the next event of the log, and says all that is wrong with it.
    ///
    /// An illegal event leaves its application as it was. One with a changed field or an earlier
    /// time moves it on all the same, so that one wrong field is not reported again with every
    /// later event.
    pub fn check(&mut self, payload: &[u8]) -> Vec<Finding> {
        match EventPayload::parse(payload) {
            Ok(payload) => self.observe(&payload),
            Err(error) => vec![Finding {
                uuid: error.uuid,
                problem: error.problem.into(),
            }],
        }
    }

    /// As [`check`](Self::check), for a payload that has been read.
    pub fn observe(&mut self, payload: &EventPayload<'_>) -> Vec<Finding> {
        if let Some(count) = self.events.get_mut(payload.kind() as usize) {
            *count += 1;
        }
        let mut problems = Vec::new();
        let place = self.place(payload.uuid());
        if let Some(slot) = place.and_then(|it| self.applications.get_mut(it)) {
            if let Some(application) = slot.take() {
                let was = application.status();
                let application = replay::follow(application, payload, &mut problems);
                if let Some(count) = self.statuses.get_mut(was as usize) {
                    *count -= 1;
                }
                if let Some(count) = self.statuses.get_mut(application.status() as usize) {
                    *count += 1;
                }
                *slot = Some(application);
            }
        } else {
            match replay::begin(payload) {
                Ok(application) => {
                    if let Some(count) = self.statuses.get_mut(application.status() as usize) {
                        *count += 1;
                    }
                    let before = self.applications.iter().flatten();
                    let _ = self
                        .places
                        .push(payload.uuid(), before.map(AnyApplication::uuid));
                    self.applications.push(Some(application));
                }
                Err(problem) => problems.push(problem),
            }
        }
        let uuid = Some(payload.uuid());
        let finding = |problem| Finding { uuid, problem };
        problems.into_iter().map(finding).collect()
    }

    /// The application as the log has it so far.
    #[must_use]
    pub fn application(&self, uuid: Uuid) -> Option<&AnyApplication> {
        self.applications.get(self.place(uuid)?)?.as_ref()
    }

    /// Where the application stands in the list.
    fn place(&self, uuid: Uuid) -> Option<usize> {
        let at = |place: u32| self.applications.get(place as usize)?.as_ref();
        let is = |place| at(place).is_some_and(|it| it.uuid() == uuid);
        self.places.find(uuid, is).map(|place| place as usize)
    }

    /// How many well-formed events of each kind there were, legal or not.
    #[must_use]
    pub fn events_by_kind(&self) -> Vec<(EventKind, u64)> {
        EventKind::ALL.iter().copied().zip(self.events).collect()
    }

    /// How many applications are in each state now.
    #[must_use]
    pub fn applications_by_status(&self) -> Vec<(Status, u64)> {
        Status::ALL.iter().copied().zip(self.statuses).collect()
    }
}
