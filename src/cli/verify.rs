//! `certlife verify`: was a delivery that came sent by who knows the secret?

use std::io::Read;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

use super::arguments::time as read_time;
use super::input::{self, BYTE_ORDER_MARK, Opened, other_encoding};
use super::output::print;
use super::received::{Headers, LARGEST, Signature};
use super::secret::{self, PlatformSignature};
use super::show::time;
use super::table::{Fact, record};
use super::{Completion, Failure, say};
use certificate_lifecycle::engine::{Clock, SystemClock};
use certificate_lifecycle::webhook::{Verified, VerifyError};

/// Check the signature of a delivery that came, and say what it is.
///
/// FILE is the body, byte for byte as it came. The headers are lines of the form "Name: value"; a
/// request line or status line before them is passed over. The Standard Webhooks signature
/// (webhook-signature) decides; it is valid for five minutes. Where it is missing, the platform's
/// (X-Webhook-Signature) decides with --accept-platform-signature, which says nothing of the time.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Args {
    #[command(flatten)]
    secret: secret::Args,

    /// The file with the headers; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    headers: PathBuf,

    #[command(flatten)]
    platform: PlatformSignature,

    /// Check as if it were then; now, if absent.
    #[arg(long, value_name = "TIME", value_parser = read_time)]
    at: Option<DateTime<Utc>>,

    /// The file with the body; `-` is standard input.
    #[arg(value_name = "FILE")]
    body: PathBuf,
}

// In short lines, so that no terminal breaks what is to be pasted.
const EXAMPLE: &str = r#"Example:
  printf %s '{"event":"certificate_application.approved",' \
  '"webhook_id":"a1b2c3d4-e5f6-7890-abcd-ef1234567890",' \
  '"timestamp":"2026-06-04T10:30:00Z","application_id":42,' \
  '"uuid":"9e7860f0-05d1-4fd0-b3e0-e98e19f1cf15",' \
  '"certificate_title":"Certificate of Achievement",' \
  '"applicant_email":"john@example.com","source":"vault"}' > body.json
  printf '%s\n' 'webhook-id: e730f4c3-5e7a-5991-9aa6-e90d7a6cee11' \
  'webhook-timestamp: 1780569001' \
  'webhook-signature: v1,Z2fzY/KMXc86hSzrttlRIbpUOLHrRjyiLb1zZLMm4w4=' \
  > headers.txt
  certlife verify --headers headers.txt body.json \
  --secret whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw \
  --at 2026-06-04T10:30:05Z

Exit status: 0 verified, 1 not to be trusted, 2 the run could not go on."#;

pub(super) fn run(args: &Args) -> Result<Completion, Failure> {
    let secrets = args.secret.read()?;
    if secrets.is_empty() {
        return Err(Failure::Argument(
            "there is no secret to check against: give --secret, or set CERTLIFE_WEBHOOK_SECRET"
                .to_owned(),
        ));
    }
    if [&args.headers, &args.body]
        .iter()
        .all(|it| *it == Path::new("-"))
    {
        return Err(Failure::Argument(
            "the headers and the body cannot both be standard input: name a file for one"
                .to_owned(),
        ));
    }
    let (name, text) = read(&args.headers, "headers have")?;
    let headers = parse(&text).map_err(|problem| Failure::Content {
        input: name,
        problem,
    })?;
    let (_, body) = read(&args.body, "body has")?;
    let now = args.at.unwrap_or_else(|| SystemClock.now());
    let verifier = args.platform.verifier(secrets);
    match verifier.verify(headers.iter(), &body, now) {
        Ok(delivery) => {
            print(&record(facts(&delivery, &headers)))?;
            Ok(Completion::Clean)
        }
        Err(error) => {
            say(&error.to_string());
            if let Some(hint) = hint(
                &error,
                |body| verifier.verify(headers.iter(), body, now).is_ok(),
                &body,
            ) {
                say(&hint);
            }
            Ok(Completion::Refused)
        }
    }
}

/// What else there is to say of a delivery that does not verify.
fn hint(error: &VerifyError, fits: impl Fn(&[u8]) -> bool, body: &[u8]) -> Option<String> {
    match error {
        VerifyError::TooOld { at, .. } => Some(format!(
            "one that came long ago is checked as if it were then by --at {}",
            time(*at)
        )),
        VerifyError::PlatformSignatureAlone => Some(PlatformSignature::HINT.to_owned()),
        VerifyError::NoMatch { .. } => {
            let changes = changes(body, fits)?;
            Some(format!(
                "{}, the body fits: an editor or a shell may have changed that",
                changes.join(" and ")
            ))
        }
        _ => None,
    }
}

/// What programs that save a text do to it, if the body fits once that is undone.
fn changes(body: &[u8], fits: impl Fn(&[u8]) -> bool) -> Option<Vec<&'static str>> {
    let decoded = utf_16(body);
    let (text, mut changes) = match (&decoded, body.strip_prefix(BYTE_ORDER_MARK)) {
        (Some(text), _) => (text.as_bytes(), vec!["in UTF-8 and not UTF-16"]),
        (None, Some(text)) => (text, vec!["without the byte order mark at its beginning"]),
        (None, None) => (body, Vec::new()),
    };
    if fits(text) {
        return Some(changes);
    }
    let line = text.strip_suffix(b"\n")?;
    let ends = [Some(line), line.strip_suffix(b"\r")];
    changes.push("without the line break at its end");
    ends.into_iter().flatten().any(fits).then_some(changes)
}

/// A text in UTF-16 that begins with its mark, as PowerShell writes it.
fn utf_16(text: &[u8]) -> Option<String> {
    let (rest, unit): (_, fn([u8; 2]) -> u16) = match text {
        [0xff, 0xfe, rest @ ..] => (rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => (rest, u16::from_be_bytes),
        _ => return None,
    };
    let pairs = rest.chunks(2).map(|pair| pair.try_into().ok().map(unit));
    String::from_utf16(&pairs.collect::<Option<Vec<_>>>()?).ok()
}

/// The name of the file, for messages, and all that is in it.
fn read(path: &PathBuf, what: &str) -> Result<(String, Vec<u8>), Failure> {
    let Opened { name, read, .. } = input::open(Some(path))?;
    let mut bytes = Vec::new();
    let read = read.take(LARGEST as u64 + 1).read_to_end(&mut bytes);
    if let Err(error) = read {
        return Err(Failure::Read { input: name, error });
    }
    if bytes.len() > LARGEST {
        return Err(Failure::Content {
            input: name,
            problem: format!("the {what} more than {LARGEST} bytes (1 MiB)"),
        });
    }
    Ok((name, bytes))
}

/// Reads lines of headers, or says what is wrong with one.
fn parse(text: &[u8]) -> Result<Headers, String> {
    if let Some(problem) = other_encoding(text) {
        return Err(problem);
    }
    // Some editors begin each file with an invisible mark.
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let mut headers = Headers::default();
    let (mut has_begun, mut is_over) = (false, false);
    for (at, line) in text.split(|byte| *byte == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        // As `curl -v` shows what it sends.
        let line = line.strip_prefix(b"> ").unwrap_or(line);
        let number = at + 1;
        if line.trim_ascii().is_empty() || line == b">" {
            is_over = has_begun;
            continue;
        }
        if let Some(problem) = of_curl(line) {
            return Err(format!("line {number} {problem}"));
        }
        if is_over {
            return Err(format!(
                "line {number} follows the empty line that ends the headers; the body belongs into a \
                 file of its own"
            ));
        }
        if !has_begun && is_first_line(line) {
            has_begun = true;
            continue;
        }
        has_begun = true;
        // HTTP/2 has the request line as headers of this form, which are no headers.
        if line.starts_with(b":") {
            continue;
        }
        let mut parts = line.splitn(2, |byte| *byte == b':');
        let name = parts.next().and_then(|name| str::from_utf8(name).ok());
        if let Some(name) = name
            && is_token(name.trim_end())
            && name.ends_with([' ', '\t'])
            && line.contains(&b':')
        {
            let name = name.trim_end();
            return Err(format!(
                "line {number} has a blank before its colon; expected {name}: and the value"
            ));
        }
        let name = name.filter(|name| is_token(name));
        let (Some(name), Some(value)) = (name, parts.next()) else {
            return Err(format!(
                "line {number} is no header; expected Name: value, as in webhook-id: \
                 a1b2c3d4-e5f6-7890-abcd-ef1234567890"
            ));
        };
        headers.push(name, value.trim_ascii());
    }
    Ok(headers)
}

/// What is wrong with a line that `curl -v` shows beside the headers of the request.
fn of_curl(line: &[u8]) -> Option<&'static str> {
    let of_data = [b"{ [", b"} ["].iter().any(|it| line.starts_with(*it));
    if line == b"<" || line.starts_with(b"< ") {
        return Some(
            "is of the response, as curl -v shows it: keep the lines that begin with >, which are the \
             headers of the request",
        );
    }
    (line == b"*" || line.starts_with(b"* ") || of_data && line.ends_with(b"bytes data]")).then_some(
        "is what curl -v tells of the connection, and no header: keep only the lines that begin with >",
    )
}

/// Whether it is the first line of a request (`POST /hooks HTTP/1.1`) or of a response.
fn is_first_line(line: &[u8]) -> bool {
    let last = line.trim_ascii().rsplit(|byte| *byte == b' ').next();
    line.starts_with(b"HTTP/") || last.is_some_and(|it| it.starts_with(b"HTTP/"))
}

/// Whether it can be the name of a header (RFC 9110, section 5.6.2).
fn is_token(name: &str) -> bool {
    let is_of_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(is_of_token)
}

/// What there is to say about a delivery that is to be trusted.
fn facts(verified: &Verified<'_>, headers: &Headers) -> Vec<Fact> {
    let payload = &verified.payload;
    let signature = Signature::of(verified);
    let mut facts = vec![
        Fact::word("event", payload.kind().name()),
        Fact::word("application", payload.uuid().to_string()),
        Fact::word("happened at", time(payload.timestamp())),
        Fact::word("webhook", payload.webhook_id().to_string()),
    ];
    if let Some(id) = verified.event_id {
        facts.push(Fact::word("event id", id.to_string()));
    }
    let (sent, of) = match signature {
        Signature::Standard => ("", "Standard Webhooks"),
        Signature::Platform => (
            ", if that is true: the signature does not cover it",
            "the platform's: it says nothing of the time, and a duplicate cannot be recognized",
        ),
    };
    if let Some(at) = headers.sent_at() {
        facts.push(Fact::text("sent at", format!("{}{sent}", time(at))));
    }
    facts.push(Fact::text(
        "verified by",
        format!("{} ({of})", signature.header()),
    ));
    facts
}
