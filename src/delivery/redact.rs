//! What is kept of a response: nothing secret, nothing personal.

use crate::lifecycle::event::{Event, EventBody};
use crate::webhook::{Endpoint, platform_signature};

/// What stands for what was taken out.
const REDACTED: &str = "[redacted]";

/// How much of it must stand at the end for it to be taken for the beginning of what is cut off there, in
/// bytes.
const SHORTEST_CUT: usize = 4;

/// The beginning of a response's body as text, without what the request told it: a server may well send that
/// back. None where there is nothing.
pub(super) fn excerpt(
    bytes: &[u8],
    event: &Event,
    endpoint: &Endpoint,
    body: &[u8],
) -> Option<String> {
    if bytes.is_empty() {
        return None;
    }
    let mut text = String::from_utf8_lossy(bytes).into_owned();
    let details = event.details();
    let secrets = endpoint.secrets.old().iter().map(|old| &old.secret);
    for secret in secrets.chain([endpoint.secrets.current()]) {
        take_out(&mut text, secret.expose());
        take_out(&mut text, secret.expose().trim_start_matches("whsec_"));
        take_out(&mut text, &platform_signature(secret, body));
    }
    for (_, value) in endpoint.headers.iter() {
        take_out(&mut text, value.to_str().unwrap_or_default());
    }
    take_out(&mut text, details.applicant_email().as_str());
    take_out(&mut text, details.certificate_title().as_str());
    match event.body() {
        EventBody::Rejected { rejection_reason } => take_out(&mut text, rejection_reason.as_str()),
        EventBody::Failed { error, .. } => take_out(&mut text, error.as_str()),
        _ => {}
    }
    Some(text)
}

/// Takes it out, also as JSON writes it, and where the end of the excerpt cuts it short.
fn take_out(text: &mut String, what: &str) {
    let quoted = serde_json::to_string(what).unwrap_or_default();
    let escaped = quoted.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
    let escaped = escaped.unwrap_or_default();
    for form in [what, escaped] {
        if !form.is_empty() && text.contains(form) {
            *text = text.replace(form, REDACTED);
        }
        let starts = form.char_indices().map(|(at, _)| at).rev();
        let mut starts = starts.filter(|at| *at >= SHORTEST_CUT);
        let cut = starts.find_map(|at| {
            let start = form.get(..at)?;
            text.ends_with(start).then_some(start.len())
        });
        if let Some(cut) = cut {
            text.truncate(text.len() - cut);
            text.push_str(REDACTED);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::take_out;

    fn without(text: &str, what: &str) -> String {
        let mut text = text.to_owned();
        take_out(&mut text, what);
        text
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
        assert_eq!(without("äöüäö", "äöüä"), "[redacted]ö");
        assert_eq!(without("unchanged", ""), "unchanged");
    }
}
