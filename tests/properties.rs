//! Properties: random walks against an independent model, payloads of any text, bytes of any kind.

mod support;

use certificate_lifecycle::audit::Audit;
use certificate_lifecycle::{
    Action, AnyApplication, ApplicantEmail, Application, ApplicationDetails, ApplicationId,
    CertificateTitle, Command, EventKind, EventPayload, ProcessingError, RejectionReason, Source,
    Status, Timestamp, Transition, TriggerContext, VaultUpload,
};
use chrono::{DateTime, Utc};
use proptest::prelude::*;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};
use serde::Serialize;
use support::WEBHOOK;
use uuid::Uuid;

/// Any character, those that JSON and terminals trip over more often.
fn character() -> impl Strategy<Value = char> {
    prop_oneof![
        any::<char>(),
        prop::char::range('\0', '\u{1f}'),
        prop::sample::select(vec![
            '"',
            '\\',
            '/',
            '\u{7f}',
            '\u{85}',
            '\u{2028}',
            '\u{2029}',
            '\u{feff}',
            '🎓',
            '\u{10ffff}',
            'é',
            ' ',
            '{',
            '}',
            ',',
            ':',
        ]),
        prop::char::range('a', 'z'),
    ]
}

fn text(max: usize) -> impl Strategy<Value = String> {
    prop::collection::vec(character(), 1..=max)
        .prop_map(String::from_iter)
        .prop_filter("not only white space", |it: &String| {
            !it.chars().all(char::is_whitespace)
        })
}

fn email() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z0-9!#$%&'*+/=?^_`{|}~-]{1,20}(\\.[a-z0-9]{1,5}){0,2}@[a-z0-9]{1,10}(\\.[a-z]{2,5}){0,3}",
        "\"[ !#-\\[\\]-~]{1,20}\"@example\\.com"
            .prop_filter("no display name", |it| !it.contains(" <")),
        "[äöüß]{1,8}@[äöü]{1,8}\\.de",
    ]
}

fn details() -> impl Strategy<Value = ApplicationDetails> {
    (1..=ApplicationId::MAX, any::<u128>(), text(255), email()).prop_map(
        |(id, uuid, title, email)| {
            ApplicationDetails::new(
                ApplicationId::new(id).unwrap(),
                Uuid::from_u128(uuid),
                CertificateTitle::new(title).unwrap(),
                ApplicantEmail::new(email).unwrap(),
            )
        },
    )
}

fn moment() -> impl Strategy<Value = DateTime<Utc>> {
    let (first, last) = (
        Timestamp::MIN.to_datetime().timestamp(),
        Timestamp::MAX.to_datetime().timestamp(),
    );
    (first..=last, 0..1_000_000_000_u32)
        .prop_map(|(seconds, nanos)| DateTime::from_timestamp(seconds, nanos).unwrap())
}

/// The contract once more, as a table of words: what the model knows of legality.
#[derive(Debug, Clone)]
struct Model {
    details: ApplicationDetails,
    context: TriggerContext,
    begun: DateTime<Utc>,
    from_vault: bool,
    state: &'static str,
    version: u64,
    /// Whole seconds since 1970 of the last event.
    last: i64,
}

#[derive(Debug, Clone)]
struct Step {
    command: Command,
    at: DateTime<Utc>,
}

impl Model {
    #[expect(
        clippy::match_same_arms,
        reason = "one line for each line of the contract"
    )]
    fn next(&self, action: Action) -> Option<&'static str> {
        match (self.state, self.from_vault, action) {
            ("created", false, Action::BeginProcessing) => Some("processing"),
            ("created", false, Action::Reject) => Some("rejected"),
            ("created", true, Action::Approve) => Some("approved"),
            ("created", true, Action::Fail) => Some("failed"),
            ("processing" | "retried", _, Action::Approve) => Some("approved"),
            ("processing" | "retried", _, Action::Fail) => Some("failed"),
            ("failed", _, Action::Retry) => Some("retried"),
            _ => None,
        }
    }
}

impl ReferenceStateMachine for Model {
    type State = Self;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Self> {
        let context = prop::sample::select(TriggerContext::ALL.to_vec());
        (details(), context, moment())
            .prop_map(|(details, context, begun)| Self {
                details,
                context,
                begun,
                from_vault: context != TriggerContext::CustomerSubmission,
                state: "created",
                version: 1,
                last: begun.timestamp(),
            })
            .boxed()
    }

    fn transitions(_: &Self) -> BoxedStrategy<Step> {
        // Legal or not: the state plays no part in what is tried.
        let command = prop_oneof![
            Just(Command::BeginProcessing),
            Just(Command::Approve),
            text(60).prop_map(|it| Command::Reject(RejectionReason::new(it).unwrap())),
            text(60).prop_map(|it| Command::Fail(ProcessingError::new(it).unwrap())),
            Just(Command::Retry),
        ];
        (command, moment())
            .prop_map(|(command, at)| Step { command, at })
            .boxed()
    }

    fn apply(mut model: Self, step: &Step) -> Self {
        if let Some(state) = model.next(step.command.action()) {
            model.state = state;
            model.version += 1;
            model.last = model.last.max(step.at.timestamp());
        }
        model
    }
}

/// The real thing: an application, and the payloads of all that happened to it.
struct Walk {
    application: AnyApplication,
    log: Vec<String>,
}

impl StateMachineTest for Walk {
    type SystemUnderTest = Self;
    type Reference = Model;

    fn init_test(model: &Model) -> Self {
        let (details, at) = (model.details.clone(), model.begun);
        let Transition { application, event } = match model.context {
            TriggerContext::CustomerSubmission => {
                Application::submit(details, at).map(AnyApplication::from)
            }
            TriggerContext::SingleUpload => {
                Application::upload(details, VaultUpload::Single, at).map(AnyApplication::from)
            }
            TriggerContext::BulkUpload => {
                Application::upload(details, VaultUpload::Bulk, at).map(AnyApplication::from)
            }
        };
        assert_eq!(event.kind(), EventKind::Created);
        let log = vec![event.to_json(WEBHOOK)];
        Self { application, log }
    }

    fn apply(mut walk: Self, model: &Model, step: Step) -> Self {
        // `model` is the one after the step.
        let before = walk.application.clone();
        match walk.application.apply(step.command.clone(), step.at) {
            Ok(Transition { application, event }) => {
                assert_eq!(application.version(), before.version() + 1);
                assert_eq!(event.kind().as_str(), model.state);
                assert_eq!(event.kind().action(), Some(step.command.action()));
                assert_eq!(event.version(), model.version);
                assert_eq!(event.timestamp().timestamp(), model.last);
                walk.log.push(event.to_json(WEBHOOK));
                walk.application = application;
            }
            Err(refusal) => {
                assert_eq!(refusal.application, before);
                assert_eq!(refusal.command, step.command);
                walk.application = refusal.application;
            }
        }
        walk
    }

    fn check_invariants(walk: &Self, model: &Model) {
        let application = &walk.application;
        assert_eq!(application.status().as_str(), model.state);
        assert_eq!(application.source() == Source::Vault, model.from_vault);
        assert_eq!(application.version(), model.version);
        assert_eq!(application.updated_at().timestamp(), model.last);
        assert_eq!(application.details(), &model.details);
        // Nothing was emitted but for legal steps: the log is as long as the version says.
        assert_eq!(walk.log.len() as u64, model.version);
        for action in Action::ALL {
            assert_eq!(application.can(action), model.next(action).is_some());
        }
        let payloads: Vec<_> = walk
            .log
            .iter()
            .map(|json| EventPayload::parse(json.as_bytes()).unwrap())
            .collect();
        assert_eq!(AnyApplication::replay(&payloads).as_ref(), Ok(application));
        assert_eq!(
            AnyApplication::restore(application.to_record()).as_ref(),
            Ok(application)
        );
        let mut audit = Audit::default();
        for json in &walk.log {
            assert_eq!(audit.check(json.as_bytes()), []);
        }
        assert_eq!(audit.application(model.details.uuid()), Some(application));
    }
}

prop_state_machine! {
    #![proptest_config(ProptestConfig::default())]

    #[test]
    fn random_walks_do_what_the_model_does(sequential 1..30 => Walk);
}

/// The payload of a `failed` event as one would derive it: an independent encoder.
#[derive(Serialize)]
struct Derived<'a> {
    event: &'a str,
    webhook_id: Uuid,
    timestamp: DateTime<Utc>,
    application_id: u64,
    uuid: Uuid,
    certificate_title: &'a str,
    applicant_email: &'a str,
    source: &'a str,
    error: &'a str,
}

proptest! {
    #[test]
    fn payloads_of_any_text_round_trip_and_are_what_serde_json_writes(
        details in details(),
        error in text(1000),
        at in moment(),
        webhook_id in any::<u128>().prop_map(Uuid::from_u128),
    ) {
        let created = Application::upload(details.clone(), VaultUpload::Single, at);
        let failed = created.application.fail(ProcessingError::new(error.as_str()).unwrap(), at);
        let json = failed.event.to_json(webhook_id);
        let derived = Derived {
            event: "certificate_application.failed",
            webhook_id,
            timestamp: failed.event.timestamp(),
            application_id: details.application_id().get(),
            uuid: details.uuid(),
            certificate_title: details.certificate_title().as_str(),
            applicant_email: details.applicant_email().as_str(),
            source: "vault",
            error: &error,
        };
        prop_assert_eq!(&json, &serde_json::to_string(&derived).unwrap());
        let payload = EventPayload::parse(json.as_bytes()).unwrap();
        prop_assert_eq!(payload.body(), failed.event.body());
        prop_assert_eq!(&payload.details(), &details);
        prop_assert_eq!(payload.timestamp(), failed.event.timestamp());
        prop_assert_eq!(payload.webhook_id(), webhook_id);
        prop_assert_eq!(payload.to_json(), json.clone());
        let mut rendered = failed.event.render();
        prop_assert_eq!(rendered.for_webhook(webhook_id), json.as_bytes());
    }

    #[test]
    fn parsing_arbitrary_bytes_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = EventPayload::parse(&bytes);
        let _ = Audit::default().check(&bytes);
    }

    #[test]
    fn parsing_a_damaged_payload_never_panics(
        kind in prop::sample::select(EventKind::ALL.to_vec()),
        at in any::<prop::sample::Index>(),
        insert in prop::collection::vec(any::<u8>(), 0..4),
        remove in 0..3_usize,
    ) {
        let mut bytes = sample(kind).into_bytes();
        let at = at.index(bytes.len());
        let end = (at + remove).min(bytes.len());
        bytes.splice(at..end, insert);
        if let Ok(payload) = EventPayload::parse(&bytes) {
            // Whatever still passes keeps the contract.
            let json = payload.to_json();
            prop_assert_eq!(EventPayload::parse(json.as_bytes()).unwrap(), payload);
        }
    }

    #[test]
    fn any_text_is_an_address_or_refused(text in ".{0,40}(@.{0,20})?") {
        let _ = ApplicantEmail::new(text);
    }

    #[test]
    fn a_record_that_is_restored_is_the_record_of_the_result(
        mut record in prop::sample::select(support::every_application())
            .prop_map(|it| it.to_record()),
        status in prop::sample::select(Status::ALL.to_vec()),
        version in 0..8_u64,
        error in prop::option::of(text(10)),
    ) {
        // Whatever is mixed together: either it is refused, or it is exactly what was given.
        record.status = status;
        record.version = version;
        record.error = error;
        if let Ok(application) = AnyApplication::restore(record.clone()) {
            prop_assert_eq!(application.to_record(), record);
        }
    }

    #[test]
    fn a_timestamps_wire_form_is_that_of_rfc_3339(at in moment()) {
        let timestamp = Timestamp::new(at).unwrap();
        let expected = at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
        prop_assert_eq!(timestamp.to_string(), expected.clone());
        prop_assert_eq!(Timestamp::from_wire(&expected), Ok(timestamp));
    }
}

fn sample(kind: EventKind) -> String {
    let application = support::every_application();
    let event = application.into_iter().find_map(|it| {
        let actions = it.legal_actions().iter();
        let command = actions
            .map(|action| support::command(*action))
            .find(|command| kind.action() == Some(command.action()))?;
        it.apply(command, support::at(0))
            .ok()
            .map(|done| done.event)
    });
    let created = || Application::submit(support::details(), support::at(0)).event;
    event.unwrap_or_else(created).to_json(WEBHOOK)
}
