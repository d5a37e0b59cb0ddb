//! The languages of the pages, and which one a reader wants.

mod names;
mod texts;

use http::{HeaderMap, header};

pub(super) use texts::Texts;
use texts::{ENGLISH, GERMAN};

impl Texts {
    /// The language that the browser asks for most (RFC 9110, 12.5.4); otherwise English.
    pub(super) fn wanted(headers: &HeaderMap) -> &'static Self {
        let given = headers.get(header::ACCEPT_LANGUAGE);
        let given = given.and_then(|it| it.to_str().ok()).unwrap_or_default();
        let mut best: (&'static Self, u32) = (&ENGLISH, 0);
        for range in given.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let tag = parts.next().unwrap_or_default().to_ascii_lowercase();
            let primary = tag.split('-').next().unwrap_or_default();
            let texts = match primary {
                "en" | "*" => &ENGLISH,
                "de" => &GERMAN,
                _ => continue,
            };
            let weight = parts
                .find_map(|it| it.strip_prefix("q="))
                .map_or(Some(1000), thousandths);
            // The first of equals: browsers list what is wanted most first.
            if let Some(weight) = weight
                && weight > best.1
            {
                best = (texts, weight);
            }
        }
        best.0
    }
}

/// A weight, in thousandths.
fn thousandths(text: &str) -> Option<u32> {
    let weight: f32 = text.trim().parse().ok()?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it lies between 0 and 1"
    )]
    (0.0..=1.0)
        .contains(&weight)
        .then_some((weight * 1000.0) as u32)
}

/// A number with its noun: `{}` in the sentence is the number.
pub(super) fn counted(count: u64, one: &str, many: &str) -> String {
    let sentence = if count == 1 { one } else { many };
    sentence.replace("{}", &count.to_string())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn the_language_is_the_one_that_is_wanted_most() {
        for (wanted, code) in [
            ("", "en"),
            ("de", "de"),
            ("de-AT,en;q=0.5", "de"),
            ("fr, en;q=0.8, de;q=0.9", "de"),
            ("en-GB,en;q=0.9,de;q=0.8", "en"),
            ("de;q=0", "en"),
            ("de;q=x,en;q=0.1", "en"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_static(wanted));
            assert_eq!(Texts::wanted(&headers).code, code, "{wanted}");
        }
    }
}
