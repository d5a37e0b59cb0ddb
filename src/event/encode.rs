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
        self.wire(webhook_id).to_json()
    }

    /// Appends the payload for one webhook to a buffer of the caller's.
    pub fn write_json(&self, webhook_id: Uuid, out: &mut Vec<u8>) {
        self.wire(webhook_id).write(out);
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
        self.wire(Uuid::nil()).render()
    }

    fn wire(&self, webhook_id: Uuid) -> Wire<'_> {
        let details = self.details();
        Wire {
            webhook_id,
            at: self.at(),
            application_id: details.application_id().get(),
            uuid: details.uuid(),
            certificate_title: details.certificate_title().as_str(),
            applicant_email: details.applicant_email().as_str(),
            body: self.body(),
        }
    }
}

impl EventPayload<'_> {
    /// The same payload as the contract's bytes, compact.
    #[must_use]
    pub fn to_json(&self) -> String {
        self.wire().to_json()
    }

    /// The same payload, to be turned to other webhooks: a stored one that is sent again, or to a
    /// webhook that was registered later.
    #[must_use]
    pub fn render(&self) -> RenderedEvent {
        self.wire().render()
    }

    fn wire(&self) -> Wire<'_> {
        Wire {
            webhook_id: self.webhook_id(),
            at: self.at(),
            application_id: self.application_id().get(),
            uuid: self.uuid(),
            certificate_title: self.certificate_title(),
            applicant_email: self.applicant_email(),
            body: self.body(),
        }
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
    #[inline]
    pub fn for_webhook(&mut self, webhook_id: Uuid) -> &[u8] {
        let tail = self.json.get_mut(self.webhook_id_at..);
        if let Some(place) = tail.and_then(<[u8]>::first_chunk_mut) {
            write_hyphenated(webhook_id, place);
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

impl Wire<'_> {
    /// What stands before and after the event's name, up to the place of the webhook's id.
    const HEAD: [&'static str; 2] = [r#"{"event":""#, r#"","webhook_id":""#];

    /// More than everything but the texts takes, so that writing is one allocation.
    const WITHOUT_TEXTS: usize = 352;

    fn to_json(&self) -> String {
        let mut json = Vec::new();
        self.write(&mut json);
        // Every piece is a string or ASCII, so the whole is UTF-8.
        String::from_utf8(json).unwrap_or_default()
    }

    fn render(&self) -> RenderedEvent {
        let mut json = Vec::new();
        self.write(&mut json);
        let [before, after] = Self::HEAD;
        let webhook_id_at = before.len() + self.body.kind().name().len() + after.len();
        RenderedEvent {
            json,
            webhook_id_at,
        }
    }

    /// Appends the wire form. The names and their order are those of `super::wire`; a test
    /// compares.
    fn write(&self, out: &mut Vec<u8>) {
        let text = match self.body {
            EventBody::Rejected { rejection_reason } => rejection_reason.as_str().len(),
            EventBody::Failed { error, .. } => error.as_str().len(),
            _ => 0,
        };
        let texts = self.certificate_title.len() + self.applicant_email.len() + text;
        out.reserve(Self::WITHOUT_TEXTS + texts);

        let [before, after] = Self::HEAD;
        push(out, before);
        push(out, self.body.kind().name());
        push(out, after);
        push_uuid(out, self.webhook_id);
        push(out, r#"","timestamp":""#);
        out.extend_from_slice(&self.at.wire());
        push(out, r#"","application_id":"#);
        push_number(out, self.application_id);
        push(out, r#","uuid":""#);
        push_uuid(out, self.uuid);
        push(out, r#"","certificate_title":""#);
        push_escaped(out, self.certificate_title);
        push(out, r#"","applicant_email":""#);
        push_escaped(out, self.applicant_email);
        if let EventBody::Rejected { rejection_reason } = self.body {
            push(out, r#"","rejection_reason":""#);
            push_escaped(out, rejection_reason.as_str());
        } else {
            push(out, r#"","source":""#);
            push(out, self.body.source().as_str());
        }
        match self.body {
            EventBody::Created { trigger_context } => {
                push(out, r#"","trigger_context":""#);
                push(out, trigger_context.as_str());
            }
            EventBody::Failed { error, .. } => {
                push(out, r#"","error":""#);
                push_escaped(out, error.as_str());
            }
            _ => {}
        }
        push(out, r#""}"#);
    }
}

fn push(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

fn push_uuid(out: &mut Vec<u8>, uuid: Uuid) {
    let mut text = [0; UUID_LEN];
    write_hyphenated(uuid, &mut text);
    out.extend_from_slice(&text);
}

/// Writes the lower-case, hyphenated form. It is the whole work of turning a payload to another
/// webhook, so it is worth working out eight digits at a time; a test compares it with `uuid`'s.
#[inline]
fn write_hyphenated(uuid: Uuid, out: &mut [u8; UUID_LEN]) {
    const LOW: u64 = 0xffff_ffff;
    let (high, low) = uuid.as_u64_pair();
    let [a, b, c, d] = [high >> 32, high & LOW, low >> 32, low & LOW].map(hex);
    out[..8].copy_from_slice(&a);
    out[8] = b'-';
    out[9..13].copy_from_slice(&b[..4]);
    out[13] = b'-';
    out[14..18].copy_from_slice(&b[4..]);
    out[18] = b'-';
    out[19..23].copy_from_slice(&c[..4]);
    out[23] = b'-';
    out[24..28].copy_from_slice(&c[4..]);
    out[28..].copy_from_slice(&d);
}

/// The eight lower-case hexadecimal digits of 32 bits, worked out side by side in one word.
#[inline]
const fn hex(value: u64) -> [u8; 8] {
    const ONES: u64 = 0x0101_0101_0101_0101;
    // Apart by halves, to one digit a byte.
    let pairs = ((value & 0xffff_0000) << 16) + (value & 0x0000_ffff);
    let bytes = ((pairs & 0x0000_ff00_0000_ff00) << 8) + (pairs & 0x0000_00ff_0000_00ff);
    let digits = ((bytes & 0x00f0_00f0_00f0_00f0) << 4) + (bytes & 0x000f_000f_000f_000f);
    // Adding 6 carries into bit 4 exactly where the digit is a letter.
    let letters = ((digits + 6 * ONES) >> 4) & ONES;
    let ascii = digits + b'0' as u64 * ONES + (b'a' - b'0' - 10) as u64 * letters;
    ascii.to_be_bytes()
}

fn push_number(out: &mut Vec<u8>, mut number: u64) {
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
    out.extend_from_slice(digits.get(start..).unwrap_or_default());
}

/// Appends the text of a JSON string, escaping only what JSON demands: the quotation mark, the
/// reverse solidus and U+0000 to U+001F (RFC 8259, section 7), the latter by the short escapes
/// where there are any.
fn push_escaped(out: &mut Vec<u8>, text: &str) {
    // Looking at every byte without stopping lets the compiler look at sixteen at once.
    if !text
        .bytes()
        .fold(false, |any, byte| any | needs_escape(byte))
    {
        return push(out, text);
    }
    let mut rest = text;
    while let Some(at) = rest.bytes().position(needs_escape) {
        // `at` is the place of an ASCII byte, so both cuts lie between characters.
        let (clean, tail) = rest.split_at(at);
        push(out, clean);
        let mut tail = tail.chars();
        if let Some(special) = tail.next() {
            push_escape(out, special);
        }
        rest = tail.as_str();
    }
    push(out, rest);
}

const fn needs_escape(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

fn push_escape(out: &mut Vec<u8>, special: char) {
    match special {
        '"' => push(out, "\\\""),
        '\\' => push(out, "\\\\"),
        '\u{8}' => push(out, "\\b"),
        '\u{9}' => push(out, "\\t"),
        '\u{a}' => push(out, "\\n"),
        '\u{c}' => push(out, "\\f"),
        '\u{d}' => push(out, "\\r"),
        other => {
            push(out, "\\u00");
            let code = u32::from(other);
            for nibble in [code >> 4, code & 15] {
                out.extend(char::from_digit(nibble, 16).map(|digit| digit as u8));
            }
        }
    }
}
