//! Events to bytes: the contract's, compact, the same every time.

use uuid::Uuid;

use super::payload::EventPayload;
use crate::lifecycle::event::{Event, EventBody};
use crate::lifecycle::timestamp::Timestamp;

/// The length of a hyphenated UUID in bytes.
const UUID_LEN: usize = uuid::fmt::Hyphenated::LENGTH;

impl Event {
    /// The payload for one webhook: the contract's bytes, compact.
    ///
    /// For several webhooks of one event, [`render`](Self::render) once and patch.
    #[must_use]
    pub fn to_json(&self, webhook_id: Uuid) -> String {
        let mut json = String::new();
        self.write_json(webhook_id, &mut json);
        json
    }

    /// Appends the payload for one webhook to a buffer of the caller's.
    pub fn write_json(&self, webhook_id: Uuid, out: &mut String) {
        let details = self.details();
        write(
            out,
            &Wire {
                webhook_id,
                at: self.at(),
                application_id: details.application_id().get(),
                uuid: details.uuid(),
                certificate_title: details.certificate_title().as_str(),
                applicant_email: details.applicant_email().as_str(),
                body: self.body(),
            },
        );
    }

    /// The payload as bytes that can be turned to one webhook after the other.
    ///
    /// ```
    /// # use certificate_lifecycle::*;
    /// # fn main() -> Result<(), InvalidValue> {
    /// # let at = chrono::DateTime::UNIX_EPOCH;
    /// # let details = ApplicationDetails::new(ApplicationId::new(42)?,
    /// #     uuid::uuid!("9e7860f0-05d1-4fd0-b3e0-e98e19f1cf15"),
    /// #     CertificateTitle::new("Certificate of Achievement")?,
    /// #     ApplicantEmail::new("john@example.com")?);
    /// let event = Application::submit(details, at).event;
    /// let mut rendered = event.render();
    /// for webhook_id in [uuid::Uuid::from_u128(1), uuid::Uuid::from_u128(2)] {
    ///     assert_eq!(rendered.for_webhook(webhook_id), event.to_json(webhook_id).as_bytes());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn render(&self) -> RenderedEvent {
        RenderedEvent {
            webhook_id_at: head(self.body()).len(),
            json: self.to_json(Uuid::nil()).into_bytes(),
        }
    }
}

impl EventPayload<'_> {
    /// The same payload as the contract's bytes, compact.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut json = String::new();
        write(
            &mut json,
            &Wire {
                webhook_id: self.webhook_id(),
                at: self.at(),
                application_id: self.application_id().get(),
                uuid: self.uuid(),
                certificate_title: self.certificate_title(),
                applicant_email: self.applicant_email(),
                body: self.body(),
            },
        );
        json
    }
}

/// An event's payload, rendered once: webhooks differ only in `webhook_id`, which has one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderedEvent {
    json: Vec<u8>,
    webhook_id_at: usize,
}

impl RenderedEvent {
    /// The payload for this webhook, until the next call.
    pub fn for_webhook(&mut self, webhook_id: Uuid) -> &[u8] {
        let place = self.webhook_id_at..self.webhook_id_at + UUID_LEN;
        if let Some(place) = self.json.get_mut(place) {
            webhook_id.hyphenated().encode_lower(place);
        }
        &self.json
    }
}

/// All that one payload says.
struct Wire<'a> {
    webhook_id: Uuid,
    at: Timestamp,
    application_id: u64,
    uuid: Uuid,
    certificate_title: &'a str,
    applicant_email: &'a str,
    body: &'a EventBody,
}

/// The wire form up to the place of the webhook's id.
const fn head(body: &EventBody) -> &'static str {
    match body {
        EventBody::Created { .. } => r#"{"event":"certificate_application.created","webhook_id":""#,
        EventBody::Processing => r#"{"event":"certificate_application.processing","webhook_id":""#,
        EventBody::Approved { .. } => {
            r#"{"event":"certificate_application.approved","webhook_id":""#
        }
        EventBody::Rejected { .. } => {
            r#"{"event":"certificate_application.rejected","webhook_id":""#
        }
        EventBody::Failed { .. } => r#"{"event":"certificate_application.failed","webhook_id":""#,
        EventBody::Retried { .. } => r#"{"event":"certificate_application.retried","webhook_id":""#,
    }
}

/// Appends the wire form. The names and their order are those of `super::wire`; a test compares.
fn write(out: &mut String, wire: &Wire<'_>) {
    // One allocation: everything but the texts is shorter than this.
    const FIXED: usize = 352;
    let text = match wire.body {
        EventBody::Rejected { rejection_reason } => rejection_reason.as_str().len(),
        EventBody::Failed { error, .. } => error.as_str().len(),
        _ => 0,
    };
    out.reserve(FIXED + wire.certificate_title.len() + wire.applicant_email.len() + text);

    out.push_str(head(wire.body));
    push_uuid(out, wire.webhook_id);
    out.push_str(r#"","timestamp":""#);
    push_ascii(out, &wire.at.wire());
    out.push_str(r#"","application_id":"#);
    push_number(out, wire.application_id);
    out.push_str(r#","uuid":""#);
    push_uuid(out, wire.uuid);
    out.push_str(r#"","certificate_title":""#);
    push_escaped(out, wire.certificate_title);
    out.push_str(r#"","applicant_email":""#);
    push_escaped(out, wire.applicant_email);
    match wire.body {
        EventBody::Rejected { rejection_reason } => {
            out.push_str(r#"","rejection_reason":""#);
            push_escaped(out, rejection_reason.as_str());
        }
        body => {
            out.push_str(r#"","source":""#);
            out.push_str(body.source().as_str());
        }
    }
    match wire.body {
        EventBody::Created { trigger_context } => {
            out.push_str(r#"","trigger_context":""#);
            out.push_str(trigger_context.as_str());
        }
        EventBody::Failed { error, .. } => {
            out.push_str(r#"","error":""#);
            push_escaped(out, error.as_str());
        }
        _ => {}
    }
    out.push_str(r#""}"#);
}

fn push_uuid(out: &mut String, uuid: Uuid) {
    out.push_str(uuid.hyphenated().encode_lower(&mut [0; UUID_LEN]));
}

fn push_number(out: &mut String, mut number: u64) {
    let mut digits = [b'0'; 20];
    let mut start = digits.len();
    for (index, digit) in digits.iter_mut().enumerate().rev() {
        // The remainder by 10 fits a byte.
        *digit = b'0' + (number % 10) as u8;
        start = index;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    push_ascii(out, digits.get(start..).unwrap_or_default());
}

fn push_ascii(out: &mut String, bytes: &[u8]) {
    // Always ASCII, and checking twenty bytes costs less than a nanosecond each.
    out.push_str(std::str::from_utf8(bytes).unwrap_or_default());
}

/// Appends the text of a JSON string, escaping only what JSON demands: the quotation mark, the
/// reverse solidus and U+0000 to U+001F (RFC 8259, section 7), the latter by the short escapes
/// where there are any.
fn push_escaped(out: &mut String, text: &str) {
    let mut rest = text;
    while let Some(at) = rest.bytes().position(needs_escape) {
        // `at` is the place of an ASCII byte, so both cuts lie between characters.
        let (clean, tail) = rest.split_at(at);
        out.push_str(clean);
        let mut tail = tail.chars();
        if let Some(special) = tail.next() {
            push_escape(out, special);
        }
        rest = tail.as_str();
    }
    out.push_str(rest);
}

const fn needs_escape(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

fn push_escape(out: &mut String, special: char) {
    match special {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\u{8}' => out.push_str("\\b"),
        '\u{9}' => out.push_str("\\t"),
        '\u{a}' => out.push_str("\\n"),
        '\u{c}' => out.push_str("\\f"),
        '\u{d}' => out.push_str("\\r"),
        other => {
            out.push_str("\\u00");
            let code = u32::from(other);
            for nibble in [code >> 4, code & 15] {
                out.extend(char::from_digit(nibble, 16));
            }
        }
    }
}
