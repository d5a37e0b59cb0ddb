//! What is kept of an attempt: nothing secret, nothing personal.

use std::ops::Range;

use http::HeaderValue;

use super::escapes::Plain;
use super::transport::Response;
use crate::lifecycle::event::{Event, EventBody};
use crate::webhook::Endpoint;

/// What stands for what was taken out.
const REDACTED: &str = "[redacted]";

/// What stands for the rest of an error.
const ELLIPSIS: &str = "…";

/// How much of it must stand at the end for it to be taken for the beginning of what is cut off there, in
/// bytes.
const SHORTEST_CUT: usize = 4;

/// The shortest text that is looked for, in bytes. What is shorter tells nothing and stands in many words, so that
/// taking it out would leave none of them.
const SHORTEST: usize = 3;

/// The shortest part of a header's value or of a URL's path that is taken out by itself, in bytes.
const SHORTEST_PART: usize = 8;

/// How long an error is that is kept, in bytes.
const LONGEST_ERROR: usize = 512;

/// What an attempt tells its server, and what nothing that is kept of the attempt repeats: a server may well send
/// it back.
pub(super) struct Private<'a> {
    pub(super) event: &'a Event,
    pub(super) endpoint: &'a Endpoint,
    pub(super) signatures: &'a [HeaderValue],
}

impl Private<'_> {
    /// The beginning of a response's body as text, without what is private. None where there is nothing.
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
            told.find(&Plain::of(part, true).text);
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

/// The end of the last character within so many bytes. (`str::floor_char_boundary` is newer than our
/// `rust-version`.)
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

/// The bytes without the part of a letter at their end: what stands before it may be the beginning of what is cut
/// off there. Bytes that begin no letter stay.
fn whole(bytes: &[u8]) -> &[u8] {
    let last = bytes.utf8_chunks().last();
    let end = last.map(|it| it.invalid()).unwrap_or_default();
    let is_cut = std::str::from_utf8(end).is_err_and(|it| it.error_len().is_none());
    let cut = if is_cut { end.len() } else { 0 };
    bytes.get(..bytes.len() - cut).unwrap_or_default()
}

/// Where a text has what it was told. All is found in the text as it came, so that nothing is looked for in
/// what stands for something else.
struct Told {
    /// As it is, and without its escapes, if it has any.
    readings: Vec<Plain>,
    end: usize,
    places: Vec<Range<usize>>,
}

impl Told {
    fn of(text: &str) -> Self {
        let mut readings = vec![Plain::unescaped(text)];
        if text.contains(['\\', '&', '%']) {
            readings.push(Plain::of(text, false));
        }
        if text.contains('+') {
            readings.push(Plain::of(text, true));
        }
        Self {
            readings,
            end: text.len(),
            places: Vec::new(),
        }
    }

    /// In whatever case and whatever it is escaped for, and where the end of the excerpt cuts it short.
    fn find(&mut self, what: &str) {
        if what.len() < SHORTEST {
            return;
        }
        let what = what.to_ascii_lowercase();
        for reading in &self.readings {
            let text = &reading.text;
            let found = text.match_indices(&what);
            let found = found.map(|(at, _)| reading.place(at)..reading.place(at + what.len()));
            self.places.extend(found);
            let starts = what.char_indices().map(|(at, _)| at).rev();
            let mut starts = starts.filter(|at| *at >= SHORTEST_CUT);
            let is_cut = |at: &usize| what.get(..*at).is_some_and(|it| text.ends_with(it));
            if let Some(cut) = starts.find(is_cut) {
                let from = reading.place(text.len() - cut);
                self.places.push(from..self.end);
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
mod tests {
    use super::{ELLIPSIS, LONGEST_ERROR, Response, Told, shortened, whole};

    fn without(text: &str, what: &str) -> String {
        without_all(text, &[what])
    }

    fn without_all(text: &str, what: &[&str]) -> String {
        let mut told = Told::of(text);
        for what in what {
            told.find(what);
        }
        shortened(told.taken_out(text), Response::EXCERPT, "")
    }

    #[test]
    fn an_error_is_cut_between_letters_and_says_so() {
        for (length, text) in [(512, "é".repeat(256)), (512, "e".repeat(512))] {
            assert_eq!(shortened(text.clone(), LONGEST_ERROR, ELLIPSIS), text);
            assert_eq!(text.len(), length);
        }
        let cut = shortened("é".repeat(257), LONGEST_ERROR, ELLIPSIS);
        assert_eq!(cut, format!("{}…", "é".repeat(254)));
        let cut = shortened("e".repeat(5000), LONGEST_ERROR, ELLIPSIS);
        assert_eq!(cut, format!("{}…", "e".repeat(509)));
    }

    #[test]
    fn it_grows_no_longer_than_an_excerpt() {
        let text = without_all(&"eee".repeat(1365), &["eee", "eee"]);
        assert_eq!(text, "[redacted]");
        let text = without_all(&"é eee ".repeat(580), &["eee", "acted", "redacted"]);
        assert!(text.starts_with("é [redacted] é [redacted] "), "{text}");
        assert!((4090..=Response::EXCERPT).contains(&text.len()));
        assert_eq!(without_all("abcdefghi", &["bcdef", "efg"]), "a[redacted]hi");
        assert_eq!(
            without_all("abcdefghijkl", &["def", "abc", "jkl"]),
            "[redacted]ghi[redacted]"
        );
    }

    #[test]
    fn what_is_shorter_than_words_leaves_them_whole() {
        assert_eq!(
            without_all("status 400", &["t", "T", "at", ""]),
            "status 400"
        );
        assert_eq!(without("an MBA, please", "MBA"), "an [redacted], please");
    }

    #[test]
    fn what_is_cut_within_a_letter_is_taken_out_as_well() {
        for title in ["Jos titlé", "文凭文凭文凭", "grad 🎓🎓"] {
            for end in 5..title.len() {
                let cut = whole(title.as_bytes().get(..end).unwrap_or_default());
                let shown = without(&String::from_utf8_lossy(cut), title);
                assert!(cut.len() < 4 || shown == "[redacted]", "{end}: {shown}");
                assert!(end - cut.len() < 4);
            }
        }
        for all in [&b"whole"[..], b"no letter: \xff", b"nor this: \xe6\x96x"] {
            assert_eq!(whole(all), all);
        }
        assert_eq!(whole(b""), b"");
    }

    #[test]
    fn nothing_of_it_is_left() {
        let mail = "john@example.com";
        assert_eq!(
            without("no john@example.com, john@example.com", mail),
            "no [redacted], [redacted]"
        );
        assert_eq!(without("cut off: john@exam", mail), "cut off: [redacted]");
        assert_eq!(without("harmless: jo", mail), "harmless: jo");
        assert_eq!(
            without(r#"{"t":"say \"hi\""}"#, r#"say "hi""#),
            r#"{"t":"[redacted]"}"#
        );
        assert_eq!(without("äöüäö", "äöüä"), "[redacted]");
        assert_eq!(without("unchanged", ""), "unchanged");
        assert_eq!(without("JOHN@Example.com", mail), "[redacted]");
        assert_eq!(without("to=john%40example.com&", mail), "to=[redacted]&");
        assert_eq!(
            without(r"J\u00f6rg, J\u00F6rg", "Jörg"),
            "[redacted], [redacted]"
        );
        assert_eq!(without(r"a\/b\/c", "a/b/c"), "[redacted]");
    }

    #[test]
    fn nothing_of_it_is_left_whatever_it_is_escaped_for() {
        let title = r#"R&D <"Jörg's" 1+1> 🎓"#;
        for escaped in [
            "R&amp;D &lt;&quot;Jörg&#39;s&quot; 1+1&gt; 🎓",
            "R&#38;D &#x3C;&#34;J&#246;rg&#x27;s&quot; 1&#43;1&#x3e; &#x1f393;",
            "R&amp;D &lt;&quot;Jörg&apos;s&quot; 1+1&gt; &#127891;",
            r#"R&D <\"Jörg's\" 1+1> 🎓"#,
            r"R\u0026D \u003C\u0022J\u00F6rg\u0027s\u0022 1\u002B1\u003E \uD83C\uDF93",
            r"r\u0026d \u003c\u0022j\u00f6rg\u0027s\u0022 1\u002b1\u003e \ud83c\udf93",
            r#"R\x26D <\"J\xf6rg\'s\" 1+1> 🎓"#,
            "R%26D%20%3C%22J%C3%B6rg%27s%22%201%2B1%3E%20%F0%9F%8E%93",
            "R%26D+%3C%22J%c3%b6rg's%22+1%2b1%3e+%f0%9f%8e%93",
            // By more than one hand.
            r#"R&amp;D \u003c\"J%C3%B6rg&#39;s\" 1+1> 🎓"#,
        ] {
            let text = without(&format!("<{escaped}>"), title);
            assert_eq!(text, "<[redacted]>", "{escaped}");
            // Also where it is cut short, even within an escape.
            for end in (0..escaped.len()).filter(|it| escaped.is_char_boundary(*it)) {
                let cut = escaped.get(..end).unwrap_or_default();
                let text = without(&format!("<{cut}"), title);
                let is_told = cut.contains("rg") || cut.contains("RG");
                assert!(!is_told || text == "<[redacted]", "{cut}: {text}");
            }
        }
        // What is no escape stays what it is.
        for harmless in [
            r"100 % & \ more",
            "&bogus; %zz \\u12",
            "1 + 1",
            "&#xffffff;",
            "%ff%fe",
        ] {
            assert_eq!(without(harmless, title), harmless);
            assert_eq!(without(harmless, harmless), "[redacted]");
        }
    }
}
