//! What the receiver prints of a delivery.

use std::fmt::Write;

use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

use super::receiver::{Finding, News, Reply};
use super::server::{Answer, Unread};
use crate::cli::received::{Headers, Signature};
use crate::cli::show::time;
use crate::cli::table::{Fact, record};
use certificate_lifecycle::webhook::{Arrival, WEBHOOK_ID};

/// How a delivery is shown.
#[derive(Debug, Clone, Copy)]
pub(super) struct View {
    pub(super) json: bool,
    pub(super) headers: bool,
}

impl View {
    /// The text of one delivery.
    pub(super) fn text(
        self,
        at: DateTime<Utc>,
        headers: &Headers,
        body: Result<&[u8], &Unread>,
        finding: &Finding<'_>,
    ) -> Vec<u8> {
        if self.json {
            self.line(at, headers, body, finding)
        } else {
            let mut block = record(self.facts(at, headers, body, finding));
            block.push('\n');
            block.into_bytes()
        }
    }

    fn facts(
        self,
        at: DateTime<Utc>,
        headers: &Headers,
        body: Result<&[u8], &Unread>,
        finding: &Finding<'_>,
    ) -> Vec<Fact> {
        let mut facts = vec![Fact::word("received at", time(at))];
        match (&finding.payload, body) {
            (Some(payload), _) => facts.extend([
                Fact::word("event", payload.kind().name()),
                Fact::word("application", payload.uuid().to_string()),
                Fact::text("title", payload.certificate_title()),
            ]),
            (None, Ok(body)) => facts.push(Fact::word(
                "event",
                format!("none, but {} bytes", body.len()),
            )),
            (None, Err(_)) => {}
        }
        if let Some(at) = headers.sent_at() {
            facts.push(Fact::word("sent at", time(at)));
        }
        facts.push(match &finding.verdict {
            // What cannot be read is nothing to verify.
            Reply::Refused(why) if body.is_err() => Fact::text("refused", why.clone()),
            verdict => Fact::text("verified", in_words(verdict)),
        });
        if let Some(news) = &finding.news {
            facts.push(Fact::text("news", news.in_words()));
        }
        let Answer { status, reason } = &finding.answer;
        let status = status.as_str();
        facts.push(match &finding.verdict {
            Reply::Refused(why) if why == reason => Fact::word("answered", status),
            _ if reason.is_empty() => Fact::word("answered", status),
            _ => Fact::text("answered", format!("{status}, {reason}")),
        });
        if self.headers {
            let headers = headers.iter();
            facts.extend(headers.map(|(name, value)| Fact::word(name, text_of(value))));
        }
        facts
    }

    /// One object, with the payload as it came.
    fn line(
        self,
        at: DateTime<Utc>,
        headers: &Headers,
        body: Result<&[u8], &Unread>,
        finding: &Finding<'_>,
    ) -> Vec<u8> {
        let payload = finding.payload.as_ref();
        let (verified, signature, error) = match &finding.verdict {
            Reply::Verified(signature) => (Some(true), Some(signature.header()), None),
            Reply::Unknown => (None, None, None),
            Reply::Refused(reason) => (Some(false), None, Some(reason.as_str())),
        };
        let (news, version, missing) = match &finding.news {
            Some(News::Arrival {
                news,
                version,
                missing,
            }) => (Some(name_of(*news)), Some(*version), missing.as_slice()),
            _ => (None, None, &[][..]),
        };
        let unknown = match &finding.news {
            Some(News::Nothing(why)) => Some(why.as_str()),
            _ => None,
        };
        let object = Object {
            at: time(at),
            event: payload.map(|it| it.kind().name()),
            uuid: payload.map(certificate_lifecycle::EventPayload::uuid),
            event_id: headers.text(WEBHOOK_ID),
            sent_at: headers.sent_at().map(time),
            verified,
            signature,
            error,
            news,
            unknown,
            version,
            missing,
            status: finding.answer.status.as_u16(),
            headers: self.headers.then(|| {
                let texts = headers.iter().map(|(name, value)| (name, text_of(value)));
                texts.collect()
            }),
        };
        // It has no maps with keys that are no strings, and nothing that fails to serialise.
        let mut line = serde_json::to_vec(&object).unwrap_or_default();
        if let (Some(_), Ok(body)) = (payload, body) {
            line.pop();
            line.extend_from_slice(b",\"payload\":");
            // A line end that JSON allows is white space between its tokens.
            let is_end = |byte: &u8| [b'\n', b'\r'].contains(byte);
            line.extend(body.iter().filter(|byte| !is_end(byte)));
            line.push(b'}');
        }
        line.push(b'\n');
        line
    }
}

/// A delivery, for programs.
#[derive(Serialize)]
struct Object<'a> {
    at: String,
    event: Option<&'static str>,
    uuid: Option<Uuid>,
    event_id: Option<&'a str>,
    sent_at: Option<String>,
    /// Null where no secret is known.
    verified: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    news: Option<&'static str>,
    /// Why its place in the history of its application is unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    unknown: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    missing: &'a [(u64, u64)],
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<Vec<(&'a str, String)>>,
}

fn text_of(value: &[u8]) -> String {
    String::from_utf8_lossy(value).into_owned()
}

fn in_words(verdict: &Reply) -> String {
    match verdict {
        Reply::Verified(signature @ Signature::Standard) => format!("by {}", signature.header()),
        Reply::Verified(signature @ Signature::Platform) => {
            format!("by {}, which says nothing of the time", signature.header())
        }
        Reply::Unknown => "not verified: no secret is given".to_owned(),
        Reply::Refused(reason) => format!("no: {reason}"),
    }
}

const fn name_of(news: Arrival) -> &'static str {
    match news {
        Arrival::Newest => "newest",
        Arrival::Late => "late",
        Arrival::Duplicate => "duplicate",
    }
}

impl News {
    fn in_words(&self) -> String {
        let (news, version, missing) = match self {
            Self::Nothing(why) => return format!("unknown: {why}"),
            Self::Arrival {
                news,
                version,
                missing,
            } => (*news, version, missing),
        };
        let mut words = match news {
            Arrival::Newest => format!("newest: the application is at version {version}"),
            Arrival::Late => format!("late: the application is at version {version} already"),
            Arrival::Duplicate => "duplicate: it came before".to_owned(),
        };
        for (at, (first, last)) in missing.iter().enumerate() {
            let before = if at == 0 { "; not here yet: " } else { ", " };
            // A text takes all that is written to it.
            let _ = if first == last {
                write!(words, "{before}{first}")
            } else {
                write!(words, "{before}{first} to {last}")
            };
        }
        words
    }
}
