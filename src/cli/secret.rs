//! The secrets of webhooks, as they are given: `--secret`, or `CERTLIFE_WEBHOOK_SECRET` in its
//! place.

use std::ffi::OsString;

use clap::builder::{OsStringValueParser, TypedValueParser};

use super::Failure;
use certificate_lifecycle::webhook::{Secret, Verifier};

/// What a receiver knows.
#[derive(Debug, clap::Args)]
#[group(skip)]
#[expect(clippy::doc_markdown, reason = "shown as plain text by --help")]
pub(super) struct Args {
    /// The secret of the webhook, whsec_ and base64; more than one while one replaces another.
    ///
    /// In CERTLIFE_WEBHOOK_SECRET, they are separated by commas.
    #[arg(
        long = "secret",
        value_name = "SECRET",
        env = "CERTLIFE_WEBHOOK_SECRET",
        hide_env_values = true,
        value_delimiter = ',',
        value_parser = secret_source()
    )]
    secrets: Vec<SecretSource>,
}

/// Whether the platform's own signature is enough.
#[derive(Debug, Clone, Copy, clap::Args)]
#[group(skip)]
pub(super) struct PlatformSignature {
    /// Accept X-Webhook-Signature where webhook-signature is missing: of a sender who has no other.
    ///
    /// It says nothing of the time: what was captured once can be sent again for ever.
    #[arg(long = "accept-platform-signature")]
    is_accepted: bool,
}

impl PlatformSignature {
    /// What helps where it came alone.
    pub(super) const HINT: &str =
        "a sender who has no other signature is trusted by --accept-platform-signature";

    pub(super) fn verifier(self, secrets: Vec<Secret>) -> Verifier {
        let verifier = Verifier::new(secrets);
        if self.is_accepted {
            verifier.accept_platform_signature()
        } else {
            verifier
        }
    }
}

/// An argument that may hold a secret. clap would repeat a mistyped one in its error, so the text
/// is only read here, and never shown.
#[derive(Clone)]
pub(super) struct SecretSource(OsString);

impl std::fmt::Debug for SecretSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretSource(…)")
    }
}

/// Takes any argument.
pub(super) fn secret_source() -> impl TypedValueParser<Value = SecretSource> {
    OsStringValueParser::new().map(SecretSource)
}

impl SecretSource {
    /// The text, if it is one.
    pub(super) fn text(&self) -> Option<&str> {
        self.0.to_str()
    }

    /// The secret. An error repeats nothing of the text.
    pub(super) fn read(&self) -> Result<Secret, String> {
        // What is no text begins otherwise, or is no base64: both errors say what would be right.
        let text = self.0.to_string_lossy();
        // Blanks around the commas of a list.
        let text = text.trim();
        if text.is_empty() {
            return Err("it is empty; a secret begins with whsec_".to_owned());
        }
        text.parse::<Secret>().map_err(|error| error.to_string())
    }
}

/// The secret of `--secret`, or a new one.
pub(super) fn read_or_generate(source: Option<&SecretSource>) -> Result<Secret, Failure> {
    let secret = match source {
        None => Secret::generate().map_err(|error| error.to_string()),
        Some(source) => source
            .read()
            .map_err(|problem| format!("--secret: {problem}")),
    };
    secret.map_err(Failure::Argument)
}

impl Args {
    /// The secrets; there may be none.
    pub(super) fn read(&self) -> Result<Vec<Secret>, Failure> {
        let secrets = self.secrets.iter().enumerate().map(|(at, given)| {
            given.read().map_err(|problem| {
                let which = match self.secrets.len() {
                    1 => String::new(),
                    count => format!(", secret {} of {count}", at + 1),
                };
                Failure::Argument(format!(
                    "--secret (or CERTLIFE_WEBHOOK_SECRET){which}: {problem}"
                ))
            })
        });
        secrets.collect()
    }
}
