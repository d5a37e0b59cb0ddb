//! Which of its two forms a client wants the feed in (RFC 9110, 12.5.1).

use std::cmp::Ordering;

use http::{HeaderMap, header};

const STREAM: [&str; 3] = ["text/event-stream", "text/*", "*/*"];
const JSON: [&str; 3] = ["application/json", "application/*", "*/*"];

/// Whether the client prefers server-sent events to JSON. Of two that it likes as much, it is the
/// one that it names first.
pub(super) fn wants_stream(headers: &HeaderMap) -> bool {
    let lists = headers.get_all(header::ACCEPT).iter();
    let lists = lists.filter_map(|it| it.to_str().ok());
    let ranges: Vec<_> = lists
        .flat_map(|it| it.split(','))
        .map(Range::read)
        .collect();
    match (liked(&ranges, STREAM), liked(&ranges, JSON)) {
        (Some(stream), Some(json)) => match stream.quality.total_cmp(&json.quality) {
            Ordering::Less => false,
            Ordering::Equal => stream.place < json.place,
            Ordering::Greater => true,
        },
        (stream, _) => stream.is_some(),
    }
}

/// A media range, and how much the client likes it.
struct Range {
    name: String,
    quality: f32,
}

impl Range {
    fn read(text: &str) -> Self {
        let mut parts = text.split(';').map(|it| it.trim().to_ascii_lowercase());
        let name = parts.next().unwrap_or_default();
        let quality = parts.find_map(|it| it.strip_prefix("q=")?.trim().parse().ok());
        let quality = quality.filter(|it| (0.0..=1.0).contains(it)).unwrap_or(1.0);
        Self { name, quality }
    }
}

struct Liked {
    quality: f32,
    place: usize,
}

/// How much the client likes what has these names, the most specific first; none, where it does not
/// take it.
fn liked(ranges: &[Range], names: [&str; 3]) -> Option<Liked> {
    let place = names
        .into_iter()
        .find_map(|name| ranges.iter().position(|it| it.name == name))?;
    let quality = ranges.get(place)?.quality;
    (quality > 0.0).then_some(Liked { quality, place })
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, header};

    use super::wants_stream;

    fn wants(accept: &[&'static str]) -> bool {
        let mut headers = HeaderMap::new();
        for value in accept {
            headers.append(header::ACCEPT, HeaderValue::from_static(value));
        }
        wants_stream(&headers)
    }

    #[test]
    fn the_form_that_is_liked_more_is_sent() {
        for stream in [
            "text/event-stream",
            "Text/Event-Stream;charset=utf-8",
            "application/json;q=0.2, text/event-stream",
            "text/event-stream, application/json",
            "text/event-stream;q=0.5, application/json;q=0.4",
            "text/event-stream, */*",
            "*/*;q=0.8, text/event-stream",
            "text/event-stream;q=0.001",
            "text/*",
            "application/json;q=0, */*;q=0.1",
        ] {
            assert!(wants(&[stream]), "{stream}");
        }
        for page in [
            "*/*",
            "",
            "text/html",
            "application/*, text/event-stream",
            "application/json, text/event-stream",
            "text/event-stream;q=0.5, application/json",
            "text/event-stream; q=0.5, application/json; q=0.7",
            "text/event-stream;q=0",
            "text/event-stream;q=0, */*",
            "text/event-stream;q=0.000, application/json;q=0",
            "text/html, application/xml;q=0.9, */*;q=0.8",
            "text/*;q=0.1, */*;q=0.2",
        ] {
            assert!(!wants(&[page]), "{page}");
        }
        assert!(!wants(&[]));
        assert!(wants(&["application/json;q=0.1", "text/event-stream"]));
    }
}
