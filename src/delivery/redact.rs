//! Removes secrets and personal data from the record of an attempt.

use std::ops::Range;

use http::HeaderValue;

use super::escapes::{Readings, needles, of_form};
use super::transport::Response;
use crate::lifecycle::event::{Event, EventBody};
use crate::webhook::Endpoint;

/// Replaces each part that was removed.
const REDACTED: &str = "[redacted]";

/// Replaces the rest of an error that is too long.
const ELLIPSIS: &str = "…";

/// The shortest end of an excerpt that is taken for the beginning of a private text which is cut
/// off there, in bytes.
const SHORTEST_CUT: usize = 4;

/// The shortest text that is removed, in bytes. A shorter one reveals nothing and is part of many
/// words, so removing it would leave few of them whole.
const SHORTEST: usize = 3;

/// The shortest part of a header's value or of a URL's path that is removed by itself, in bytes.
const SHORTEST_PART: usize = 8;

/// The longest error that is recorded, in bytes.
const LONGEST_ERROR: usize = 512;

/// The private parts of a request. A server may send them back, and the record of the attempt must
/// not repeat them.
pub(super) struct Private<'a> {
    pub(super) event: &'a Event,
    pub(super) endpoint: &'a Endpoint,
    pub(super) signatures: &'a [HeaderValue],
}

impl Private<'_> {
    /// The beginning of a response's body as text, without private parts. None if it is empty.
    pub(super) fn excerpt(&self, bytes: &[u8]) -> Option<String> {
        let text = String::from_utf8_lossy(whole(bytes));
        if text.is_empty() {
            return None;
        }
        let rest = self.find_in(&text).taken_out(&text);
        Some(shortened(rest, Response::EXCERPT, ""))
    }

    /// The error without private parts: it may quote the words of a server or a library.
    pub(super) fn error(&self, text: &str) -> String {
        // The rest is far beyond the end of what is kept.
        let text = text.get(..boundary(text, Response::EXCERPT));
        let text = text.unwrap_or_default();
        let rest = self.find_in(text).taken_out(text);
        shortened(rest, LONGEST_ERROR, ELLIPSIS)
    }

    /// Where the private parts are in a text.
    fn find_in(&self, text: &str) -> Found {
        let mut places = Found::of(text);
        let endpoint = self.endpoint;
        let secrets = endpoint.secrets.old().iter().map(|old| &old.secret);
        for secret in secrets.chain([endpoint.secrets.current()]) {
            places.find(secret.expose());
            places.find(secret.expose().trim_start_matches("whsec_"));
        }
        let custom = endpoint.headers.iter().map(|(_, value)| value);
        for value in custom.chain(self.signatures) {
            let value = value.to_str().unwrap_or_default();
            places.find(value);
            // The token without its scheme, the password without its user.
            let parts = value.split([' ', ',', ';', ':', '=']);
            for part in parts.filter(|it| it.len() >= SHORTEST_PART) {
                places.find(part);
            }
        }
        let uri = endpoint.url.uri();
        let segments = uri.path().split('/').filter(|it| it.len() >= SHORTEST_PART);
        let query = uri.query().unwrap_or_default().split('&');
        let values = query.map(|it| it.split_once('=').map_or(it, |(_, value)| value));
        for part in segments.chain(values.filter(|it| it.len() >= SHORTEST_CUT)) {
            places.find(part);
            // A server may repeat it as it has decoded it.
            places.find(&of_form(part));
        }
        let details = self.event.details();
        places.find(details.applicant_email().as_str());
        places.find(details.certificate_title().as_str());
        match self.event.body() {
            EventBody::Rejected { rejection_reason } => places.find(rejection_reason.as_str()),
            EventBody::Failed { error, .. } => places.find(error.as_str()),
            _ => {}
        }
        places
    }
}

/// The end of the last character within this number of bytes. (`str::floor_char_boundary` is newer
/// than our `rust-version`.)
fn boundary(text: &str, most: usize) -> usize {
    let mut ends = (0..=most.min(text.len())).rev();
    ends.find(|&it| text.is_char_boundary(it)).unwrap_or(0)
}

/// The text; if it is longer than this number of bytes, its beginning and a replacement for the
/// rest.
fn shortened(mut text: String, most: usize, rest: &str) -> String {
    if text.len() > most {
        text.truncate(boundary(&text, most - rest.len()));
        text.push_str(rest);
    }
    text
}

/// The bytes without an incomplete letter at their end: the text before it may be the beginning of
/// a private text that is cut off there. Bytes that begin no letter stay.
fn whole(bytes: &[u8]) -> &[u8] {
    let last = bytes.utf8_chunks().last();
    let end = last.map(|it| it.invalid()).unwrap_or_default();
    let is_cut = std::str::from_utf8(end).is_err_and(|it| it.error_len().is_none());
    let cut = if is_cut { end.len() } else { 0 };
    bytes.get(..bytes.len() - cut).unwrap_or_default()
}

/// The places of private parts in a text. All are found in the original text, so that no
/// replacement is searched.
struct Found {
    readings: Readings,
    end: usize,
    places: Vec<Range<usize>>,
}

impl Found {
    fn of(text: &str) -> Self {
        let readings = Readings::of(text);
        // A text with endless layers of escapes could hold anything.
        let all = (!readings.are_complete).then_some(0..text.len());
        Self {
            readings,
            end: text.len(),
            places: all.into_iter().collect(),
        }
    }

    /// Finds a text in any case and with any escapes, also if the end of the excerpt cuts it short.
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

    /// The text without the private parts.
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
