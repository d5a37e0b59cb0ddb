//! The lifecycle as a picture, with the way that an application has gone.

use crate::lifecycle::event::EventKind;
use crate::lifecycle::source::Source;
use crate::lifecycle::state::Status;
use crate::store::RecordedEvent;

/// What of the lifecycle an application has seen. Each field is a class of the picture's style.
pub(super) struct Picture {
    now: Status,
    seen: Vec<(Option<EventKind>, EventKind)>,
    pub(super) is_customer: bool,
}

impl Picture {
    pub(super) fn of(history: &[RecordedEvent], now: Status, source: Source) -> Self {
        let mut seen = Vec::new();
        let mut before = None;
        for recorded in history {
            let kind = recorded.event.kind();
            seen.push((before, kind));
            before = Some(kind);
        }
        Self {
            now,
            seen,
            is_customer: source == Source::Customer,
        }
    }

    /// The class of a state.
    pub(super) fn state(&self, name: &str) -> &'static str {
        let was = self.seen.iter().any(|(_, it)| it.status().as_str() == name);
        match (self.now.as_str() == name, was) {
            (true, _) => "now",
            (false, true) => "seen",
            (false, false) => "open",
        }
    }

    /// The class of a way between two states.
    pub(super) fn way(&self, from: &str, to: &str) -> &'static str {
        let is_it = |(before, kind): &(Option<EventKind>, EventKind)| {
            before.is_some_and(|it| it.status().as_str() == from) && kind.status().as_str() == to
        };
        if self.seen.iter().any(is_it) {
            "seen"
        } else {
            "open"
        }
    }
}
