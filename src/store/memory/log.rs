//! Events in memory: those of their facts that their applications do not have.

use chrono::DateTime;

use super::applications::Row;
use super::pieces::widened;
use super::texts::{Address, Texts};
use crate::lifecycle::details::SharedDetails;
use crate::lifecycle::event::{Event, EventBody, EventKind};
use crate::lifecycle::timestamp::Timestamp;
use crate::lifecycle::value::{ProcessingError, RejectionReason};

/// An event, in 28 bytes.
#[derive(Debug)]
pub(super) struct Entered {
    pub(super) application: u32,
    pub(super) version: u32,
    pub(super) actor: u32,
    /// The place of the application's event before; its own for the first.
    pub(super) previous: u32,
    /// The reason or the error.
    text: Address,
    at: Seconds,
    pub(super) kind: EventKind,
}

impl Entered {
    pub(super) fn new(
        event: &Event,
        application: u32,
        actor: u32,
        previous: u32,
        texts: &mut Texts,
    ) -> Self {
        let text = text_of(event.body());
        Self {
            application,
            version: u32::try_from(event.version()).unwrap_or(u32::MAX),
            actor,
            previous,
            text: text.map_or(Address::NONE, |it| texts.push(it)),
            at: event.at().into(),
            kind: event.kind(),
        }
    }

    pub(super) fn at(&self) -> Timestamp {
        self.at.into()
    }

    /// The event of the application `row`, which has these details.
    pub(super) fn event(&self, row: &Row, details: SharedDetails, texts: &Texts) -> Option<Event> {
        let body = self.body(row, texts)?;
        // What was entered came out of a transition.
        Event::restore_shared(details, self.version.into(), self.at(), body).ok()
    }

    /// The reason or the error.
    pub(super) fn text<'t>(&self, texts: &'t Texts) -> Option<&'t str> {
        texts.get(self.text)
    }

    fn body(&self, row: &Row, texts: &Texts) -> Option<EventBody> {
        let trigger_context = row.trigger_context;
        let source = trigger_context.source();
        let text = || texts.share(self.text);
        Some(match self.kind {
            EventKind::Created => EventBody::Created { trigger_context },
            EventKind::Processing => EventBody::Processing,
            EventKind::Approved => EventBody::Approved { source },
            EventKind::Rejected => EventBody::Rejected {
                rejection_reason: RejectionReason::from_checked(text()?),
            },
            EventKind::Failed => EventBody::Failed {
                source,
                error: ProcessingError::from_checked(text()?),
            },
            EventKind::Retried => EventBody::Retried { source },
        })
    }

    /// Takes back the text of the last event.
    pub(super) fn take_back(&self, texts: &mut Texts) {
        if self.text != Address::NONE {
            texts.truncate(self.text);
        }
    }
}

fn text_of(body: &EventBody) -> Option<&str> {
    match body {
        EventBody::Rejected { rejection_reason } => Some(rejection_reason.as_str()),
        EventBody::Failed { error, .. } => Some(error.as_str()),
        _ => None,
    }
}

/// A timestamp in five bytes: the seconds since the earliest one.
#[derive(Debug, Clone, Copy)]
struct Seconds([u8; 5]);

impl Seconds {
    /// The earliest timestamp, in seconds of Unix time.
    const START: i64 = -62_167_219_200;
}

impl From<Timestamp> for Seconds {
    fn from(at: Timestamp) -> Self {
        let since_start = at.to_datetime().timestamp() - Self::START;
        // There are fewer than 2⁴⁰, and no timestamp is earlier.
        let [bytes @ .., _, _, _] = since_start.to_le_bytes();
        Self(bytes)
    }
}

impl From<Seconds> for Timestamp {
    fn from(seconds: Seconds) -> Self {
        // Never above 2⁴⁰.
        let since_start = i64::try_from(widened(seconds.0)).unwrap_or(i64::MAX);
        let at = DateTime::from_timestamp(Seconds::START.saturating_add(since_start), 0);
        at.map_or(Self::MAX, Self::saturating)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_takes_twenty_eight_bytes_beside_its_text() {
        assert_eq!(size_of::<Entered>(), 28);
    }

    #[test]
    fn every_timestamp_fits_five_bytes() {
        let earliest = Timestamp::MIN.to_datetime().timestamp();
        assert_eq!(earliest, Seconds::START);
        let days = (0..=3_652_424).step_by(997).map(|day| day * 86_400 + day);
        let all = days.filter_map(|it| DateTime::from_timestamp(earliest + it, 0));
        let all = all.map(Timestamp::saturating);
        for at in all.chain([Timestamp::MIN, Timestamp::MAX]) {
            assert_eq!(Timestamp::from(Seconds::from(at)), at);
        }
    }
}
