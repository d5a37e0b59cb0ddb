//! A webhook's settings, as requests give them.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::deliveries::kind;
use crate::delivery::HttpOptions;
use crate::server::openapi as schema;
use crate::server::problem::Problem;
use crate::server::request::{DeepForm, Form};
use crate::webhook::{
    CustomHeaderError, CustomHeaders, Description, Endpoint, EventKinds, WebhookUrl,
};

/// A webhook's settings: those of a new one, or what of them is to be replaced. What is absent
/// stays, and a new webhook has the default.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::server) struct WebhookChange {
    /// Where events are sent.
    #[schema(required = false, value_type = String, format = "uri", example = "https://example.com/hooks")]
    url: Option<String>,
    /// Which events it is sent; a new webhook without them is sent all.
    #[schema(required = false, inline, value_type = schema::EventKindsValue)]
    events: Option<Vec<String>>,
    /// What people call it: at most 256 characters, on one line.
    #[schema(required = false, value_type = String, max_length = 256)]
    description: Option<String>,
    /// Headers that each request carries, in place of all that there are.
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

/// The members of the body.
const MEMBERS: [&str; 4] = ["url", EVENTS, "description", HEADERS];
const EVENTS: &str = "events";
const HEADERS: &str = "headers";

/// Settings that are right.
pub(super) struct Settings {
    pub(super) url: Option<WebhookUrl>,
    kinds: Option<EventKinds>,
    description: Option<Description>,
    headers: Option<CustomHeaders>,
}

fn headers<const N: usize>(form: &mut DeepForm<'_, N>) -> Option<CustomHeaders> {
    // Each by itself, so that each fault has its place.
    let check = |name: &str, value: &str| CustomHeaders::new([(name, value)]).map(drop);
    let given = form.named_texts(HEADERS, check)?;
    let all = given.iter().map(|(name, value)| (&**name, &**value));
    let refused = match CustomHeaders::new(all) {
        Ok(headers) => return Some(headers),
        Err(refused) => refused,
    };
    let last = match &refused {
        CustomHeaderError::Repeated { name } => {
            let mut later = given.iter().rev();
            later.find(|(it, _)| it.eq_ignore_ascii_case(name))
        }
        _ => None,
    };
    match last {
        Some((name, _)) => form.refuse_member(HEADERS, name, refused),
        None => form.refuse(HEADERS, refused),
    }
    None
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
    /// The settings of a new webhook, which has a URL.
    ///
    /// # Errors
    /// A problem with all that is wrong with them.
    pub(super) fn read_new(body: &[u8], targets: &HttpOptions) -> Result<Self, Problem> {
        let mut form = Form::read_deep(body, &MEMBERS)?;
        let url = form.text("url", |text| url(text, targets));
        Self::read_with(form, url)
    }

    /// The settings that are to be replaced.
    ///
    /// # Errors
    /// A problem with all that is wrong with them.
    pub(super) fn read(body: &[u8], targets: &HttpOptions) -> Result<Self, Problem> {
        let mut form = Form::read_deep(body, &MEMBERS)?;
        let url = form.optional_text("url", |text| url(text, targets));
        Self::read_with(form, url)
    }

    /// The settings with this URL.
    fn read_with<const N: usize>(
        mut form: DeepForm<'_, N>,
        url: Option<WebhookUrl>,
    ) -> Result<Self, Problem> {
        let kinds = form.texts(EVENTS, kind);
        if kinds.as_ref().is_some_and(Vec::is_empty) {
            form.refuse(EVENTS, "a webhook is sent at least one kind of event");
        }
        let description = form.optional_text("description", |it| Description::new(it));
        let headers = headers(&mut form);
        form.finish()?;
        Ok(Self {
            url,
            kinds: kinds.map(|it| it.into_iter().collect()),
            description,
            headers,
        })
    }

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
