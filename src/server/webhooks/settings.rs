//! A webhook's settings, as requests give them.

use std::collections::BTreeMap;

use serde::Deserialize;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::delivery::HttpOptions;
use crate::lifecycle::event::EventKind;
use crate::server::openapi as schema;
use crate::server::problem::{FieldProblem, Problem};
use crate::webhook::{CustomHeaders, Description, Endpoint, EventKinds, WebhookUrl};

/// A webhook's settings: those of a new one, or what of them is to be replaced. What is absent
/// stays, and a new webhook has the default.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::server) struct WebhookChange {
    /// Where events are sent.
    #[serde(default)]
    #[schema(required = false, value_type = String, format = "uri", example = "https://example.com/hooks")]
    url: Option<String>,
    /// Which events it is sent; a new webhook without them is sent all.
    #[serde(default)]
    #[schema(required = false, inline, value_type = schema::EventKindsValue)]
    events: Option<Vec<String>>,
    /// What people call it: at most 256 characters, on one line.
    #[serde(default)]
    #[schema(required = false, value_type = String, max_length = 256)]
    description: Option<String>,
    /// Headers that each request carries, in place of all that there are.
    #[serde(default)]
    #[schema(required = false, value_type = BTreeMap<String, String>)]
    headers: Option<BTreeMap<String, String>>,
}

/// The schema of a webhook that is to be registered: the same settings, with a URL.
pub(in crate::server) struct NewWebhook;

impl PartialSchema for NewWebhook {
    fn schema() -> RefOr<Schema> {
        let mut settings = WebhookChange::schema();
        if let RefOr::T(Schema::Object(settings)) = &mut settings {
            settings.required.push("url".to_owned());
        }
        settings
    }
}

impl ToSchema for NewWebhook {}

/// Settings that are right.
pub(super) struct Settings {
    pub(super) url: Option<WebhookUrl>,
    kinds: Option<EventKinds>,
    description: Option<Description>,
    headers: Option<CustomHeaders>,
}

impl WebhookChange {
    /// The settings, with all that is wrong with them.
    pub(super) fn read(self, targets: &HttpOptions) -> Result<Settings, Problem> {
        let mut errors = Vec::new();
        let mut refuse = |pointer: String, detail: String| {
            errors.push(FieldProblem::at(pointer, detail));
        };
        let url = self.url.and_then(|it| {
            let url = url(&it, targets);
            url.map_err(|detail| refuse("/url".to_owned(), detail)).ok()
        });
        let mut kinds = Vec::new();
        for (place, name) in self.events.iter().flatten().enumerate() {
            let kind = EventKind::from_name(name).map_or_else(|| name.parse::<EventKind>(), Ok);
            match kind {
                Ok(kind) => kinds.push(kind),
                Err(error) => refuse(format!("/events/{place}"), error.to_string()),
            }
        }
        if self.events.as_ref().is_some_and(Vec::is_empty) {
            let detail = "a webhook is sent at least one kind of event".to_owned();
            refuse("/events".to_owned(), detail);
        }
        let description = self.description.and_then(|it| {
            let description = Description::new(it);
            description
                .map_err(|error| refuse("/description".to_owned(), error.to_string()))
                .ok()
        });
        let headers = self.headers.and_then(|it| {
            let pairs = it
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()));
            CustomHeaders::new(pairs)
                .map_err(|error| refuse("/headers".to_owned(), error.to_string()))
                .ok()
        });
        if !errors.is_empty() {
            return Err(Problem::invalid(errors));
        }
        Ok(Settings {
            url,
            kinds: self.events.map(|_| kinds.into_iter().collect()),
            description,
            headers,
        })
    }
}

fn url(text: &str, targets: &HttpOptions) -> Result<WebhookUrl, String> {
    let url: WebhookUrl = text
        .parse()
        .map_err(|error: crate::webhook::WebhookUrlError| error.to_string())?;
    // Of a name, only the dispatcher can tell, each time that it connects.
    targets.check(&url).map_err(|error| error.to_string())?;
    Ok(url)
}

impl Settings {
    /// The names of what is given.
    pub(super) fn names(&self) -> String {
        let all = [
            ("url", self.url.is_some()),
            ("events", self.kinds.is_some()),
            ("description", self.description.is_some()),
            ("headers", self.headers.is_some()),
        ];
        let given: Vec<_> = all.iter().filter(|it| it.1).map(|it| it.0).collect();
        given.join(", ")
    }

    /// Replaces what is given; whether that changes anything.
    pub(super) fn apply(&self, endpoint: &mut Endpoint) -> bool {
        let before = endpoint.clone();
        if let Some(url) = &self.url {
            endpoint.url = url.clone();
        }
        if let Some(kinds) = self.kinds {
            endpoint.kinds = kinds;
        }
        if let Some(description) = &self.description {
            endpoint.description = description.clone();
        }
        if let Some(headers) = &self.headers {
            endpoint.headers = headers.clone();
        }
        *endpoint != before
    }
}
