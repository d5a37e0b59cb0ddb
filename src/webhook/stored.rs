//! Endpoints as stores keep them: JSON, with the secrets in clear.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::description::Description;
use super::endpoint::{Disabled, DisabledReason, Endpoint};
use super::headers::CustomHeaders;
use super::secret::Secret;
use super::secrets::{OldSecret, Secrets};
use super::url::WebhookUrl;
use crate::lifecycle::event::EventKind;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    url: String,
    kinds: Vec<EventKind>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    description: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    headers: Vec<(String, String)>,
    secret: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    old_secrets: Vec<StoredSecret>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    disabled: Option<StoredDisabled>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredSecret {
    secret: String,
    switch_over: DateTime<Utc>,
    until: DateTime<Utc>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredDisabled {
    reason: DisabledReason,
    at: DateTime<Utc>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    detail: String,
}

impl Endpoint {
    /// The endpoint as JSON, secrets included.
    pub(crate) fn to_stored(&self) -> String {
        let stored = Stored {
            url: self.url.as_str().to_owned(),
            kinds: self.kinds.iter().collect(),
            description: self.description.as_str().to_owned(),
            headers: self
                .headers
                .texts()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            secret: self.secrets.current().expose().to_owned(),
            old_secrets: self
                .secrets
                .old()
                .iter()
                .map(|old| StoredSecret {
                    secret: old.secret.expose().to_owned(),
                    switch_over: old.switch_over,
                    until: old.until,
                })
                .collect(),
            disabled: self.disabled.as_ref().map(|it| StoredDisabled {
                reason: it.reason,
                at: it.at,
                detail: it.detail.as_str().to_owned(),
            }),
        };
        // It has no maps with keys that are no strings, and nothing that fails to serialise.
        serde_json::to_string(&stored).unwrap_or_default()
    }

    /// The endpoint again; the error repeats no secret.
    pub(crate) fn from_stored(text: &str) -> Result<Self, String> {
        let stored: Stored = serde_json::from_str(text)
            .map_err(|error| format!("its settings cannot be read: {:?}", error.classify()))?;
        let secret =
            |text: &str| Secret::restore(text).map_err(|error| format!("its secret: {error}"));
        let old = stored.old_secrets.iter().map(|old| {
            Ok::<_, String>(OldSecret {
                secret: secret(&old.secret)?,
                switch_over: old.switch_over,
                until: old.until,
            })
        });
        let headers = stored.headers.iter();
        let headers = headers.map(|(name, value)| (name.as_str(), value.as_str()));
        Ok(Self {
            url: WebhookUrl::restore(&stored.url).map_err(|error| error.to_string())?,
            kinds: stored.kinds.into_iter().collect(),
            description: Description::restore(stored.description),
            headers: CustomHeaders::restore(headers).map_err(|error| error.to_string())?,
            secrets: Secrets::restore(secret(&stored.secret)?, old.collect::<Result<_, _>>()?),
            disabled: stored.disabled.map(|it| Disabled {
                reason: it.reason,
                at: it.at,
                detail: Description::restore(it.detail),
            }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Endpoint;
    use crate::webhook::SecretError;

    #[test]
    fn urls_and_headers_that_earlier_versions_took_come_back() -> Result<(), String> {
        let stored = |url: &str, header: &str| {
            format!(
                r#"{{"url":"{url}","kinds":["created"],"headers":[["{header}","x"],["x-team","two"]],"secret":"whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="}}"#
            )
        };
        for (kept, now) in [
            (
                "https://example.com:+443/a?b=c:+1",
                "https://example.com:443/a?b=c:+1",
            ),
            ("https://example.com:0443/", "https://example.com:443/"),
            ("https://example.com:/a", "https://example.com/a"),
            ("http://[::1]:+0080", "http://[::1]:80"),
            ("https://example.com:8443/", "https://example.com:8443/"),
        ] {
            let endpoint = Endpoint::from_stored(&stored(kept, "proxy-connection"))?;
            assert_eq!(endpoint.url.as_str(), now);
            assert_eq!(endpoint.headers.names().collect::<Vec<_>>(), ["x-team"]);
            assert_eq!(Endpoint::from_stored(&endpoint.to_stored())?, endpoint);
        }
        for never in [
            "https://example.com:0/",
            "ftp://example.com:+1/",
            "https://u@e.com:+1/",
        ] {
            assert!(
                Endpoint::from_stored(&stored(never, "x-own")).is_err(),
                "{never}"
            );
        }
        Ok(())
    }

    #[test]
    fn a_description_that_was_kept_before_there_was_a_limit_comes_back() -> Result<(), String> {
        let description = "long ".repeat(100);
        let stored = format!(
            r#"{{"url":"https://example.com/","kinds":["created"],"description":"{description}","secret":"whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="}}"#
        );
        let endpoint = Endpoint::from_stored(&stored)?;
        assert_eq!(endpoint.description.as_str(), description);
        assert_eq!(endpoint.to_stored(), stored);
        Ok(())
    }

    #[test]
    fn a_secret_that_was_kept_without_its_padding_signs_as_it_did() -> Result<(), String> {
        let secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY";
        let stored =
            format!(r#"{{"url":"https://example.com/","kinds":["created"],"secret":"{secret}"}}"#);
        let endpoint = Endpoint::from_stored(&stored)?;
        let kept = endpoint.secrets.current();
        assert_eq!(kept.expose(), secret);
        assert_eq!(endpoint.to_stored(), stored);
        #[cfg(feature = "verify")]
        assert_eq!(kept.key(), b"0123456789abcdef0123456789abcdef");
        assert_eq!(
            secret.parse::<crate::webhook::Secret>(),
            Err(SecretError::NoPadding { padding: "=" })
        );
        let bad = stored.replace("whsec_MDEy", "whsec_M-Ey");
        let problem = Endpoint::from_stored(&bad).err();
        assert!(problem.is_some_and(|it| it.starts_with("its secret: ")));
        Ok(())
    }
}
