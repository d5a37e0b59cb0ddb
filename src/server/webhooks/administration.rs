//! What may be done to the webhooks of an institution, and by which rules: for the API and for the
//! console.

use std::time::Duration;

use uuid::Uuid;

use super::change::{change, check, find, unknown};
use super::chosen::{Change, Chosen, Extent, Found};
use super::settings::Settings;
use crate::delivery::{Dispatcher, DispatcherOptions, HttpTransport, TestError};
use crate::engine::Engine;
use crate::lengths::later;
use crate::server::acts::{act, acting};
use crate::server::api::Api;
use crate::server::options::ServerOptions;
use crate::server::principal::Principal;
use crate::server::problem::{FieldProblem, Problem, ProblemCode};
use crate::server::request::IfMatch;
use crate::store::{
    ActKind, ActNote, AnyStore, Attempt, DeliveryFilter, DeliveryStatus, IdempotencyKey,
    InstitutionId, Outbox, Webhook,
};
use crate::webhook::{Description, Disabled, DisabledReason, Endpoint, Secret, Secrets};

/// Within this namespace lie the ids of webhooks that are made of keys.
const FROM_KEYS: Uuid = uuid::uuid!("a0b1f2d4-6a53-4f0e-8a39-2c4cf0a0c9d1");

/// The webhooks of one institution.
pub(crate) struct Administration<'a> {
    pub(super) engine: &'a Engine<AnyStore>,
    options: &'a ServerOptions,
    /// Who asks, and for which institution.
    caller: &'a Principal,
    /// The revision that a webhook has to have.
    expected: IfMatch,
}

/// How long the old secret stays valid, and when `X-Webhook-Signature` follows: a day, and half of
/// it, unless it is given.
pub(crate) fn times(
    grace: Option<Duration>,
    switch_over: Option<Duration>,
) -> (Duration, Duration) {
    let grace = grace.unwrap_or(Secrets::GRACE);
    (grace, switch_over.unwrap_or(grace / 2))
}

impl<'a> Administration<'a> {
    pub(crate) const fn new(
        engine: &'a Engine<AnyStore>,
        options: &'a ServerOptions,
        caller: &'a Principal,
    ) -> Self {
        Self {
            engine,
            options,
            caller,
            expected: IfMatch::Absent,
        }
    }

    pub(super) fn of(api: &'a Api, caller: &'a Principal) -> Self {
        Self::new(&api.engine, &api.options, caller)
    }

    pub(super) const fn institution(&self) -> &'a InstitutionId {
        &self.caller.institution
    }

    /// Does something to this webhook, between the record of it and its end.
    pub(super) fn acting<T>(
        &self,
        kind: ActKind,
        id: Uuid,
        detail: impl Into<ActNote>,
        doing: impl Future<Output = Result<T, Problem>>,
    ) -> impl Future<Output = Result<T, Problem>> {
        let act = act(self.engine, self.caller, kind)
            .with_subject(id.to_string().into())
            .with_detail(detail.into());
        acting(self.engine, act, doing)
    }

    /// Does something to these deliveries, between the record of it and its end.
    fn acting_on<T>(
        &self,
        kind: ActKind,
        (subject, detail): (String, String),
        doing: impl Future<Output = Result<T, Problem>>,
    ) -> impl Future<Output = Result<T, Problem>> {
        let act = act(self.engine, self.caller, kind)
            .with_subject(subject.into())
            .with_detail(detail.into());
        acting(self.engine, act, doing)
    }

    /// The same; what a webhook is changed by is refused if it has another revision.
    pub(super) fn expecting(self, expected: IfMatch) -> Self {
        Self { expected, ..self }
    }

    /// The same; what a webhook is changed by is refused unless it has this revision.
    #[cfg(feature = "console")]
    pub(crate) fn at(self, revision: u64) -> Self {
        self.expecting(IfMatch::Version(revision))
    }

    /// The webhook, if it has the revision that is expected.
    pub(super) async fn find(&self, id: Uuid) -> Result<Webhook, Problem> {
        let webhook = find(self.engine.store(), self.institution(), id).await?;
        check(&webhook, self.expected)?;
        Ok(webhook)
    }

    async fn change(
        &self,
        id: Uuid,
        how: impl Fn(&mut Endpoint) -> bool,
    ) -> Result<Webhook, Problem> {
        let store = self.engine.store();
        change(store, self.institution(), id, self.expected, how).await
    }

    /// Registers a webhook with a new secret, once with each key; whether it is new.
    pub(super) async fn register(
        &self,
        settings: &Settings,
        key: Option<&IdempotencyKey>,
    ) -> Result<(Webhook, bool), Problem> {
        let url = settings.url.clone();
        let url = url.ok_or_else(|| FieldProblem::missing("url"))?;
        let id = new_id(self.caller, key)?;
        let mut endpoint = Endpoint::new(url, secret()?);
        settings.apply(&mut endpoint);
        let now = self.engine.clock().now();
        let new = Webhook::new(id, self.institution().clone(), endpoint, now);
        // Of the URL, the host alone: its path and its query may have secrets.
        let host = new.endpoint.url.host().to_owned();
        let adding = self.add(new);
        self.acting(ActKind::WebhookRegistered, id, host, adding)
            .await
    }

    /// Adds a webhook; the one that its key has made before, and whether it is new.
    async fn add(&self, new: Webhook) -> Result<(Webhook, bool), Problem> {
        let (store, id) = (self.engine.store(), new.id);
        if store.add_webhook(new.clone()).await? {
            return Ok((new, true));
        }
        // Its id was made of the key, so the key was used before.
        let known = store.webhook(self.institution(), id).await?;
        let known =
            known.ok_or_else(|| Problem::new(ProblemCode::AlreadyExists, "the id is taken"))?;
        if known.revision == 0 && differs(&known.endpoint, &new.endpoint) {
            let detail = format!(
                "this idempotency key was used to register webhook {id}, with other settings"
            );
            return Err(Problem::new(ProblemCode::IdempotencyMismatch, detail));
        }
        Ok((known, false))
    }

    /// The same with settings as the API takes them, in JSON.
    #[cfg(feature = "console")]
    pub(crate) async fn register_json(
        &self,
        settings: &serde_json::Value,
        key: &IdempotencyKey,
    ) -> Result<(Webhook, bool), Problem> {
        let settings = settings.to_string();
        let settings = Settings::read_new(settings.as_bytes(), &self.options.targets)?;
        self.register(&settings, Some(key)).await
    }

    /// Replaces the settings that are given; the webhook as it is then.
    pub(super) async fn replace(&self, id: Uuid, settings: &Settings) -> Result<Webhook, Problem> {
        let changing = self.change(id, |endpoint| settings.apply(endpoint));
        self.acting(ActKind::WebhookChanged, id, settings.names(), changing)
            .await
    }

    /// The same with settings as the API takes them, in JSON.
    #[cfg(feature = "console")]
    pub(crate) async fn replace_json(
        &self,
        id: Uuid,
        settings: &serde_json::Value,
    ) -> Result<Webhook, Problem> {
        let settings = settings.to_string();
        let settings = Settings::read(settings.as_bytes(), &self.options.targets)?;
        self.replace(id, &settings).await
    }

    /// Gives a webhook a new secret; those before it are revoked, or sign for these times.
    pub(crate) async fn rotate(
        &self,
        id: Uuid,
        times: Option<(Duration, Duration)>,
    ) -> Result<(Webhook, Secret), Problem> {
        let (now, new) = (self.engine.clock().now(), secret()?);
        let rotate = |endpoint: &mut Endpoint| {
            match times {
                None => endpoint.secrets = Secrets::new(new.clone()),
                Some((grace, switch_over)) => {
                    let (switch_over, until) = (later(now, switch_over), later(now, grace));
                    let secrets = &mut endpoint.secrets;
                    secrets.rotate(new.clone(), now, switch_over, until);
                }
            }
            true
        };
        let detail = match times {
            None => "revoke".to_owned(),
            Some((grace, _)) => format!("grace {} s", grace.as_secs()),
        };
        let changing = self.change(id, rotate);
        let webhook = self.acting(ActKind::WebhookRotated, id, detail, changing);
        Ok((webhook.await?, new))
    }

    /// Sends a test event, once, even if the webhook is disabled; the attempt.
    pub(crate) async fn send_test(&self, id: Uuid) -> Result<Attempt, Problem> {
        let sending = self.test(id);
        self.acting(ActKind::WebhookTested, id, "", sending).await
    }

    async fn test(&self, id: Uuid) -> Result<Attempt, Problem> {
        self.find(id).await?;
        let failed = |error: &dyn std::fmt::Display| {
            let detail = "no test event can be sent; the server's log has the cause";
            Problem::new(ProblemCode::Internal, detail).caused_by(error)
        };
        let transport = match &self.options.transport {
            Some(transport) => transport.clone(),
            None => HttpTransport::new(self.options.targets.clone()).map_err(|it| failed(&it))?,
        };
        let application = random_uuid().map_err(|it| failed(&it))?;
        let options = DispatcherOptions::default();
        let dispatcher = Dispatcher::new(self.engine.store().clone(), transport, options);
        let sent = dispatcher.send_test(self.institution(), id, application);
        sent.await.map_err(|error| match error {
            TestError::UnknownWebhook(id) => unknown(id),
            TestError::Store(error) => error.into(),
        })
    }

    /// Disables a webhook; one that is disabled stays as it is.
    pub(crate) async fn disable(&self, id: Uuid, reason: Description) -> Result<Webhook, Problem> {
        let now = self.engine.clock().now();
        let disable = |endpoint: &mut Endpoint| {
            if !endpoint.is_enabled() {
                return false;
            }
            let disabled = Disabled::new(DisabledReason::Manual, now).with_detail(reason.clone());
            endpoint.disabled = Some(disabled);
            true
        };
        let changing = self.change(id, disable);
        self.acting(ActKind::WebhookDisabled, id, reason.as_str(), changing)
            .await
    }

    /// Removes a webhook with its deliveries.
    pub(crate) async fn remove(&self, id: Uuid) -> Result<(), Problem> {
        let removing = async {
            if self.expected != IfMatch::Absent {
                self.find(id).await?;
            }
            let store = self.engine.store();
            let is_removed = store.remove_webhook(self.institution(), id).await?;
            is_removed.then_some(()).ok_or_else(|| unknown(id))
        };
        self.acting(ActKind::WebhookRemoved, id, "", removing).await
    }

    /// Enables a webhook. What is pending is made dead, or sent; it has to be said if there is any.
    pub(crate) async fn enable(&self, id: Uuid, drops: Option<bool>) -> Result<Webhook, Problem> {
        let detail = match drops {
            None => "",
            Some(true) => "pending: drop",
            Some(false) => "pending: resume",
        };
        let switching = self.switch_on(id, drops);
        self.acting(ActKind::WebhookEnabled, id, detail, switching)
            .await
    }

    async fn switch_on(&self, id: Uuid, drops: Option<bool>) -> Result<Webhook, Problem> {
        let webhook = self.find(id).await?;
        if webhook.endpoint.is_enabled() {
            return Ok(webhook);
        }
        if drops.is_none() {
            let backlog = self
                .engine
                .store()
                .backlog(Some(self.institution()))
                .await?;
            let backlog = backlog.iter().find(|it| it.webhook == id);
            let pending = backlog.map_or(0, |it| it.pending);
            if pending > 0 {
                let detail = format!(
                    "{pending} deliveries are pending since before the webhook was disabled: field pending \
                     must be resume, to send them, or drop, to make them dead"
                );
                return Err(FieldProblem::at("/pending", detail).into());
            }
        }
        if drops == Some(true) {
            let filter = DeliveryFilter::default()
                .with_webhook(Some(id))
                .with_status(Some(DeliveryStatus::Pending));
            let reason = "abandoned when the webhook was enabled again";
            let chosen = Chosen::Filter(filter);
            chosen
                .abandon(self.engine, self.institution(), reason)
                .await?;
        }
        let enable = |endpoint: &mut Endpoint| endpoint.disabled.take().is_some();
        self.change(id, enable).await
    }

    /// Sends deliveries again; how many there were.
    pub(crate) async fn redeliver(&self, chosen: &Chosen) -> Result<u64, Problem> {
        let doing = chosen.redeliver(self.engine, self.institution());
        self.acting_on(ActKind::DeliveriesRedelivered, chosen.words(), doing)
            .await
    }

    /// Makes pending deliveries dead; how many there were.
    pub(crate) async fn abandon(&self, chosen: &Chosen, reason: &str) -> Result<u64, Problem> {
        let (subject, detail) = chosen.words();
        let words = (subject, format!("{detail}: {reason}"));
        let doing = chosen.abandon(self.engine, self.institution(), reason);
        self.acting_on(ActKind::DeliveriesAbandoned, words, doing)
            .await
    }

    /// How many deliveries would be changed so.
    pub(crate) async fn count(
        &self,
        chosen: &Chosen,
        change: Change,
        extent: Extent,
    ) -> Result<Found, Problem> {
        let institution = self.institution();
        chosen.count(self.engine, institution, change, extent).await
    }
}

/// Whether two endpoints differ in more than their secrets.
fn differs(known: &Endpoint, new: &Endpoint) -> bool {
    let mut new = new.clone();
    new.secrets = known.secrets.clone();
    *known != new
}

/// A new secret.
fn secret() -> Result<Secret, Problem> {
    Secret::generate().map_err(|error| {
        Problem::new(ProblemCode::Internal, "no secret could be made").caused_by(error)
    })
}

/// The id of a new webhook: of the key, where there is one, so that it is registered once, even if
/// the process died before the answer. Another actor has other keys: it never meets the webhook.
fn new_id(caller: &Principal, key: Option<&IdempotencyKey>) -> Result<Uuid, Problem> {
    if let Some(key) = key {
        let institution = Uuid::new_v5(&FROM_KEYS, caller.institution.as_str().as_bytes());
        let actor = Uuid::new_v5(&institution, caller.actor.to_string().as_bytes());
        return Ok(Uuid::new_v5(&actor, key.as_str().as_bytes()));
    }
    random_uuid().map_err(|error| {
        Problem::new(ProblemCode::Internal, "no id could be made").caused_by(error)
    })
}

fn random_uuid() -> Result<Uuid, getrandom::Error> {
    let mut random = [0; 16];
    getrandom::fill(&mut random)?;
    Ok(uuid::Builder::from_random_bytes(random).into_uuid())
}
