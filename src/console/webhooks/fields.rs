//! The fields of a webhook's settings, in the forms that register it and change it.

use std::collections::BTreeMap;

use http::StatusCode;
use serde_json::{Value, json};

use crate::console::command::Form;
use crate::console::frame::Frame;
use crate::console::refused::fault;
use crate::console::shown;
use crate::lifecycle::event::EventKind;
use crate::server::{FieldProblem, Problem};
use crate::webhook::{CustomHeaderError, CustomHeaders, Endpoint};

/// What the fields hold. It is what was typed, unchanged: what a form shows, it sends.
pub(super) struct Fields {
    pub(super) url: String,
    pub(super) description: String,
    /// A header on each line. Values may be secrets: those that are kept are never shown.
    pub(super) headers: Option<String>,
    pub(super) kinds: Vec<Kind>,
    /// The kinds that were chosen, and what else was sent as one.
    events: Vec<String>,
    /// What is wrong with fields.
    pub(super) faults: Vec<Fault>,
    /// Why nothing was done, if no field is to blame.
    pub(super) fault: Option<String>,
}

/// A kind of events that may be chosen.
pub(super) struct Kind {
    pub(super) value: &'static str,
    pub(super) name: &'static str,
    pub(super) is_chosen: bool,
}

/// What is wrong with a field.
pub(super) struct Fault {
    pub(super) field: &'static str,
    pub(super) name: &'static str,
    pub(super) detail: String,
}

impl Fields {
    fn with(frame: &Frame, events: Vec<String>) -> Self {
        let kind = |it: EventKind| Kind {
            value: it.as_str(),
            name: frame.texts.event(it),
            is_chosen: events.iter().any(|event| event == it.as_str()),
        };
        Self {
            url: String::new(),
            description: String::new(),
            headers: None,
            kinds: EventKind::ALL.into_iter().map(kind).collect(),
            events,
            faults: Vec::new(),
            fault: None,
        }
    }

    /// Those of a webhook that is to be registered.
    pub(super) fn new(frame: &Frame) -> Self {
        let all = EventKind::ALL.into_iter();
        Self::with(frame, all.map(|it| it.as_str().to_owned()).collect())
    }

    /// Those that a webhook has.
    pub(super) fn of(frame: &Frame, endpoint: &Endpoint) -> Self {
        let kinds = endpoint.kinds.iter();
        let names: Vec<_> = endpoint.headers.names().collect();
        Self {
            url: endpoint.url.as_str().to_owned(),
            description: endpoint.description.as_str().to_owned(),
            headers: Some(names.join("\n")),
            ..Self::with(frame, kinds.map(|it| it.as_str().to_owned()).collect())
        }
    }

    /// Those that were typed.
    pub(super) fn read(frame: &Frame, form: &Form) -> Self {
        Self {
            url: form.field("url").trim().to_owned(),
            description: form.field("description").trim().to_owned(),
            headers: form.all("headers").next().map(str::to_owned),
            ..Self::with(frame, form.all("event").map(str::to_owned).collect())
        }
    }

    /// The lines of the headers.
    pub(super) fn header_lines(&self) -> &str {
        self.headers.as_deref().unwrap_or_default()
    }

    /// The description as other pages show it, if a field shows it otherwise: characters that are
    /// invisible or turn a text around stay in the field, where they are sent from.
    pub(super) fn escaped_description(&self) -> Option<String> {
        let escaped = shown::text(&self.description);
        (escaped != self.description).then_some(escaped)
    }

    pub(super) fn is_wrong(&self, field: &str) -> bool {
        self.faults.iter().any(|it| it.field == field)
    }

    /// The settings as the API takes them; `known` are the headers that keep their values.
    pub(super) fn settings(&self, frame: &Frame, known: &CustomHeaders) -> Result<Value, Problem> {
        let known = values(known);
        let typed = self.headers.as_deref();
        let typed = typed.map(|lines| headers(frame, lines, &known));
        // In another order, the same ones would be a change.
        let headers = typed.transpose()?.filter(|it| *it != known);
        Ok(json!({
            "url": self.url,
            "description": self.description,
            "events": self.events,
            "headers": headers,
        }))
    }

    /// Notes what was refused; the status of the answer.
    pub(super) fn refuse(&mut self, frame: &Frame, problem: &Problem) -> StatusCode {
        let (status, detail) = fault(frame, problem);
        let texts = frame.texts;
        let faults = problem.errors.iter().filter_map(|it| {
            let pointer = it.pointer.as_deref()?.strip_prefix('/')?;
            let (field, name) = match pointer.split('/').next()? {
                "url" => ("url", texts.url),
                "events" => ("events", texts.events),
                "description" => ("description", texts.description),
                "headers" => ("headers", texts.headers_field),
                _ => return None,
            };
            let detail = shown::text(&it.detail);
            Some(Fault {
                field,
                name,
                detail,
            })
        });
        self.faults = faults.collect();
        self.fault = self.faults.is_empty().then_some(detail);
        status
    }
}

fn values(headers: &CustomHeaders) -> BTreeMap<String, String> {
    let text = |it: &http::HeaderValue| it.to_str().unwrap_or_default().to_owned();
    let pairs = headers.iter();
    pairs
        .map(|(name, value)| (name.as_str().to_owned(), text(value)))
        .collect()
}

/// The headers of these lines: `Name: value`, or `Name` for the value that it has.
fn headers(
    frame: &Frame,
    lines: &str,
    known: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, Problem> {
    let refused = |detail: String| FieldProblem::at("/headers", detail);
    let mut headers = BTreeMap::new();
    for line in lines.lines().map(str::trim).filter(|it| !it.is_empty()) {
        let (name, value) = if let Some((name, value)) = line.split_once(':') {
            (name.trim().to_ascii_lowercase(), value.trim())
        } else {
            let name = line.to_ascii_lowercase();
            let detail = || frame.texts.header_without_value.replace("{}", line);
            let value = known.get(&name).ok_or_else(|| refused(detail()))?;
            (name, value.as_str())
        };
        if headers.insert(name.clone(), value.to_owned()).is_some() {
            return Err(refused(CustomHeaderError::Repeated { name }.to_string()).into());
        }
    }
    Ok(headers)
}
