//! What `{:?}` shows of webhooks and of who serves them: neither secrets nor the values of their
//! headers.

use std::fmt::Debug;
use std::time::Duration;

use certificate_lifecycle::audit::Audit;
use certificate_lifecycle::delivery::*;
use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::store::*;
use certificate_lifecycle::webhook::{CustomHeaders, Endpoint, Secret, Secrets, WebhookUrl};
use certificate_lifecycle::{
    AnyApplication, ApplicantEmail, Application, ApplicationDetails, ApplicationId,
    CertificateTitle, Command, EventPayload, ProcessingError, RejectionReason,
};
use uuid::Uuid;

use crate::sending;
use crate::stage::{Stage, status};

const HEADER: &str = "Bearer t0ken";

fn secret(byte: u8) -> Secret {
    Secret::from_key(&[byte; 32]).unwrap()
}

/// Shows nothing that is secret, however it is printed; what it shows.
#[track_caller]
fn discreet(shown: &dyn Debug) -> String {
    let texts = [format!("{shown:?}"), format!("{shown:#?}")];
    for text in &texts {
        for secret in [secret(7), secret(8)] {
            let hidden = secret.expose().strip_prefix("whsec_").unwrap();
            assert!(!text.contains(hidden), "{text}");
        }
        assert!(!text.contains("t0ken"), "{text}");
        // As numbers, on one line or on many.
        let joined: String = text.split_whitespace().collect();
        for hidden in ["7,7,7,7", "8,8,8,8"] {
            assert!(!joined.contains(hidden), "{text}");
        }
    }
    texts.concat()
}

/// One with a header of its own, whose secret is being replaced.
fn endpoint(stage: &Stage) -> Endpoint {
    let url = "https://example.com/hooks".parse().unwrap();
    let mut endpoint = Endpoint::new(url, secret(7));
    let until = stage.now() + Secrets::GRACE;
    endpoint
        .secrets
        .rotate(secret(8), stage.now(), until, until);
    endpoint.headers = CustomHeaders::new([("Authorization", HEADER)]).unwrap();
    endpoint
}

#[tokio::test(start_paused = true)]
async fn neither_secrets_nor_headers_are_shown() {
    let stage = Stage::new(|_, _| status(204));
    let endpoint = endpoint(&stage);
    let id = stage.register(endpoint.clone()).await;
    let webhook = stage
        .store
        .webhook(&stage.institution, id)
        .await
        .unwrap()
        .unwrap();
    stage.submit().await;
    // What it shows is what a person would look for.
    assert!(discreet(&endpoint.headers).contains("authorization"));
    assert!(discreet(&endpoint.secrets).contains("whsec_…"));
    // Nor the path, in which many a receiver has a secret.
    let shown = discreet(&endpoint);
    assert!(shown.contains("https://example.com/…"), "{shown}");
    assert!(!shown.contains("hooks"), "{shown}");
    assert!(discreet(&webhook).contains(&id.to_string()));
    discreet(&secret(7));
    let claim = Claim::new(stage.now(), Duration::from_secs(20), vec![(id, 1)]);
    let claimed = stage.store.claim(claim).await.unwrap();
    assert!(discreet(&claimed).contains("deliveries"));
    // And so do those that hold it
    let options = DispatcherOptions::default();
    assert!(discreet(&options).contains("concurrency"));
    assert!(discreet(&stage.store).contains(&id.to_string()));
    let dispatcher = stage.dispatcher(options.clone());
    assert!(discreet(&dispatcher).contains("concurrency"));
    let dispatcher = stage.dispatcher_with(options, sending::transport());
    assert!(discreet(&dispatcher).contains("concurrency"));
    // And what is sent
    let _ = stage.deliver().await;
    let came = stage.came().pop().unwrap();
    assert_eq!(came.header("authorization"), HEADER);
    let shown = discreet(&came.request);
    assert!(shown.contains("authorization"));
    // Nor what is personal
    for shown in [shown, discreet(&dispatcher)] {
        assert!(!shown.contains("private.person"), "{shown}");
        assert!(
            !shown.contains("112, 114, 105, 118, 97, 116, 101"),
            "{shown}"
        );
    }
}

/// Everything that tells of applications, with marks where it is personal.
#[tokio::test(start_paused = true)]
async fn nothing_personal_is_shown_of_applications_and_events() {
    let mark = |text: &str| format!("mark {text}");
    let at = "2026-06-04T10:30:00Z".parse().unwrap();
    let details = ApplicationDetails::new(
        ApplicationId::new(42).unwrap(),
        Uuid::from_u128(1),
        CertificateTitle::new(mark("title")).unwrap(),
        ApplicantEmail::new("mark@example.com").unwrap(),
    );
    let created = Application::submit(details.clone(), at);
    let (application, event) = (AnyApplication::from(created.application), created.event);
    let reason = RejectionReason::new(mark("reason")).unwrap();
    let rejected = application
        .clone()
        .apply(Command::Reject(reason.clone()), at);
    let rejected = rejected.unwrap();
    let illegal = rejected
        .application
        .clone()
        .apply(Command::Reject(reason), at);
    let error = ProcessingError::new(mark("error")).unwrap();
    let json = event.to_json(Uuid::nil());
    let payload = EventPayload::parse(json.as_bytes()).unwrap();
    let institution = InstitutionId::new("university").unwrap();
    let actor = Actor::customer("mark@example.com").unwrap();
    let key = IdempotencyKey::new(mark("key")).unwrap();
    let request = Request::submit(institution.clone(), actor.clone(), details.clone());
    let request = request.with_key(key.clone());
    let store = MemoryStore::new();
    let engine = Engine::new(store.clone());
    let receipt = engine.execute(request.clone()).await.unwrap();
    let recorded = engine.feed(Cursor::START, 10).await.unwrap();
    let email = ApplicantEmail::new("mark@example.com").unwrap();
    let query = ListQuery::new(institution.clone()).filter(Filter::all().email(email));
    let page = engine.list(query.clone()).await.unwrap();
    assert_eq!(page.applications.len(), 1);
    let mut audit = Audit::default();
    assert!(audit.check(json.as_bytes()).is_empty());
    let url: WebhookUrl = "https://example.com/mark?mark=1".parse().unwrap();
    let wrong: Result<WebhookUrl, _> = "mark://mark:mark@example.com/mark".parse();
    let all: [&dyn Debug; 21] = [
        &details,
        &application,
        &event,
        &rejected,
        &illegal,
        &error,
        &payload,
        &actor,
        &key,
        &request,
        &receipt,
        &recorded,
        &query,
        &page,
        &engine,
        &store,
        &audit,
        &url,
        &wrong,
        &application.to_record(),
        &Command::Fail(error.clone()),
    ];
    for shown in all.map(discreet) {
        assert!(!shown.to_lowercase().contains("mark"), "{shown}");
    }
    // What is not personal is there.
    assert!(discreet(&event).contains("00000000-0000-0000-0000-000000000001"));
    assert!(discreet(&request).contains("university"));
}

#[tokio::test(start_paused = true)]
async fn errors_about_headers_and_secrets_do_not_repeat_them() {
    let wrong = CustomHeaders::new([("Authorization", "Bearer t0ken\n")]).unwrap_err();
    discreet(&wrong);
    assert!(!wrong.to_string().contains("t0ken"), "{wrong}");
    let text = secret(7).expose().replace("whsec_", "whsec-");
    let wrong = text.parse::<Secret>().unwrap_err();
    discreet(&wrong);
    assert!(!wrong.to_string().contains(&text[6..]), "{wrong}");
}
