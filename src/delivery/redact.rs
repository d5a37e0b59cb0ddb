//! What is kept of an attempt: nothing secret, nothing personal.

use std::ops::Range;

use http::HeaderValue;

use super::escapes::{Readings, needles, of_form};
use super::transport::Response;
use crate::lifecycle::event::{Event, EventBody};
use crate::webhook::Endpoint;

/// What stands for what was taken out.
const REDACTED: &str = "[redacted]";

/// What stands for the rest of an error.
const ELLIPSIS: &str = "…";

/// How much of it must stand at the end for it to be taken for the beginning of what is cut off
/// there, in bytes.
const SHORTEST_CUT: usize = 4;

/// The shortest text that is looked for, in bytes. What is shorter tells nothing and stands in many
/// words, so that taking it out would leave none of them.
const SHORTEST: usize = 3;

/// The shortest part of a header's value or of a URL's path that is taken out by itself, in bytes.
const SHORTEST_PART: usize = 8;

/// How long an error is that is kept, in bytes.
const LONGEST_ERROR: usize = 512;

/// What an attempt tells its server, and what nothing that is kept of the attempt repeats: a server
/// may well send it back.
pub(super) struct Private<'a> {
    pub(super) event: &'a Event,
    pub(super) endpoint: &'a Endpoint,
    pub(super) signatures: &'a [HeaderValue],
}

impl Private<'_> {
    /// The beginning of a response's body as text, without what is private. None where there is
    /// nothing.
    pub(super) fn excerpt(&self, bytes: &[u8]) -> Option<String> {
        let text = String::from_utf8_lossy(whole(bytes));
        if text.is_empty() {
            return None;
        }
        let rest = self.find_in(&text).taken_out(&text);
        Some(shortened(rest, Response::EXCERPT, ""))
    }

    /// What went wrong, without what is private: words of ours, and who knows whose.
    pub(super) fn error(&self, text: &str) -> String {
        // What is far beyond its end need not be looked at.
        let text = text.get(..boundary(text, Response::EXCERPT));
        let text = text.unwrap_or_default();
        let rest = self.find_in(text).taken_out(text);
        shortened(rest, LONGEST_ERROR, ELLIPSIS)
    }

    /// Where it stands in a text.
    fn find_in(&self, text: &str) -> Told {
        let mut told = Told::of(text);
        let endpoint = self.endpoint;
        let secrets = endpoint.secrets.old().iter().map(|old| &old.secret);
        for secret in secrets.chain([endpoint.secrets.current()]) {
            told.find(secret.expose());
            told.find(secret.expose().trim_start_matches("whsec_"));
        }
        let custom = endpoint.headers.iter().map(|(_, value)| value);
        for value in custom.chain(self.signatures) {
            let value = value.to_str().unwrap_or_default();
            told.find(value);
            // The token without its scheme, the password without its user.
            let parts = value.split([' ', ',', ';', ':', '=']);
            for part in parts.filter(|it| it.len() >= SHORTEST_PART) {
                told.find(part);
            }
        }
        let uri = endpoint.url.uri();
        let segments = uri.path().split('/').filter(|it| it.len() >= SHORTEST_PART);
        let query = uri.query().unwrap_or_default().split('&');
        let values = query.map(|it| it.split_once('=').map_or(it, |(_, value)| value));
        for part in segments.chain(values.filter(|it| it.len() >= SHORTEST_CUT)) {
            told.find(part);
            // A server may tell what it has understood.
            told.find(&of_form(part));
        }
        let details = self.event.details();
        told.find(details.applicant_email().as_str());
        told.find(details.certificate_title().as_str());
        match self.event.body() {
            EventBody::Rejected { rejection_reason } => told.find(rejection_reason.as_str()),
            EventBody::Failed { error, .. } => told.find(error.as_str()),
            _ => {}
        }
        told
    }
}

/// The end of the last character within so many bytes. (`str::floor_char_boundary` is newer than
/// our `rust-version`.)
fn boundary(text: &str, most: usize) -> usize {
    let mut ends = (0..=most.min(text.len())).rev();
    ends.find(|&it| text.is_char_boundary(it)).unwrap_or(0)
}

/// The text, or so many bytes of it at most, with that for the rest.
fn shortened(mut text: String, most: usize, rest: &str) -> String {
    if text.len() > most {
        text.truncate(boundary(&text, most - rest.len()));
        text.push_str(rest);
    }
    text
}

/// The bytes without the part of a letter at their end: what stands before it may be the beginning
/// of what is cut off there. Bytes that begin no letter stay.
fn whole(bytes: &[u8]) -> &[u8] {
    let last = bytes.utf8_chunks().last();
    let end = last.map(|it| it.invalid()).unwrap_or_default();
    let is_cut = std::str::from_utf8(end).is_err_and(|it| it.error_len().is_none());
    let cut = if is_cut { end.len() } else { 0 };
    bytes.get(..bytes.len() - cut).unwrap_or_default()
}

/// Where a text has what it was told. All is found in the text as it came, so that nothing is
/// looked for in what stands for something else.
struct Told {
    readings: Readings,
    end: usize,
    places: Vec<Range<usize>>,
}

impl Told {
    fn of(text: &str) -> Self {
        let readings = Readings::of(text);
        // What is escaped without end could hold anything.
        let all = (!readings.are_complete).then_some(0..text.len());
        Self {
            readings,
            end: text.len(),
            places: all.into_iter().collect(),
        }
    }

    /// In whatever case and whatever it is escaped for, and where the end of the excerpt cuts it
    /// short.
    fn find(&mut self, what: &str) {
        for what in needles(what).iter().filter(|it| it.len() >= SHORTEST) {
            for reading in &self.readings.all {
                let text = &reading.text;
                let found = text.match_indices(what);
                let found = found.map(|(at, _)| reading.place(at..at + what.len()));
                self.places.extend(found);
                let starts = what.char_indices().map(|(at, _)| at).rev();
                let mut starts = starts.filter(|at| *at >= SHORTEST_CUT);
                let is_cut = |at: &usize| what.get(..*at).is_some_and(|it| text.ends_with(it));
                if let Some(cut) = starts.find(is_cut) {
                    let from = reading.place(text.len() - cut..text.len()).start;
                    self.places.push(from..self.end);
                }
            }
        }
    }

    /// The text without all that.
    fn taken_out(mut self, text: &str) -> String {
        self.places.sort_by_key(|it| it.start);
        let mut rest = String::with_capacity(text.len());
        let mut from = 0;
        for place in self.places {
            if place.start > from || rest.is_empty() {
                rest.push_str(text.get(from..place.start).unwrap_or_default());
                rest.push_str(REDACTED);
            }
            from = from.max(place.end);
        }
        rest.push_str(text.get(from..).unwrap_or_default());
        rest
    }
}

#[cfg(test)]
mod tests;
