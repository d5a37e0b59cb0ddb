//! One error of each kind that a backend meets when it answers a request.

use certificate_lifecycle::delivery::HttpOptions;
use certificate_lifecycle::store::{
    Actor, Cursor, ExecuteError, IdempotencyKey, Refusal, StoreError,
};
use certificate_lifecycle::{
    Action, AnyApplication, ApplicantEmail, Application, ApplicationDetails, ApplicationId,
    CertificateTitle, Command, EventPayload, IllegalTransition, Status, Timestamp,
};
use chrono::DateTime;
use uuid::Uuid;

/// The code, or the name of the type where it has none, and the HTTP status.
pub fn all() -> Vec<(String, u16)> {
    let refusals = refusals();
    for refusal in &refusals {
        // What is repeated has the status that it had.
        let (code, message) = (refusal.code(), refusal.to_string());
        let repeated = Refusal::Repeated {
            code,
            message,
            then: None,
        };
        assert_eq!(repeated.http_status(), refusal.http_status(), "{code}");
    }
    let all = refusals.into_iter().map(ExecuteError::from);
    let all = all.chain([ExecuteError::Abandoned { index: 0 }]);
    let all = all.chain(store_errors().into_iter().map(ExecuteError::from));
    let all = all.map(|it| (it.code().to_owned(), it.http_status()));
    let without = without_a_code().into_iter();
    all.chain(without.map(|(name, status)| (name.to_owned(), status)))
        .collect()
}

fn illegal() -> IllegalTransition {
    let details = ApplicationDetails::new(
        ApplicationId::new(42).unwrap(),
        Uuid::nil(),
        CertificateTitle::new("Certificate of Achievement").unwrap(),
        ApplicantEmail::new("john@example.com").unwrap(),
    );
    let at = DateTime::UNIX_EPOCH;
    let application: AnyApplication = Application::submit(details, at).application.into();
    application.apply(Command::Retry, at).unwrap_err()
}

fn refusals() -> Vec<Refusal> {
    let uuid = Uuid::nil();
    let actor = Actor::customer("john").unwrap();
    let at = Timestamp::new(DateTime::UNIX_EPOCH).unwrap();
    vec![
        Refusal::Forbidden {
            actor: actor.clone(),
            operation: "approve",
            permitted: &[],
        },
        Refusal::UnknownApplication { uuid },
        Refusal::AlreadyExists { uuid },
        Refusal::Conflict {
            uuid,
            expected: 1,
            version: 2,
            status: Status::Processing,
        },
        illegal().into(),
        Refusal::Backwards { at, last: at },
        Refusal::IdempotencyMismatch {
            key: IdempotencyKey::new("key").unwrap(),
            operation: "submit",
            uuid,
            actor,
            differing: vec!["application_id"],
        },
    ]
}

fn store_errors() -> Vec<StoreError> {
    let (found, place) = (1, String::new());
    let (reason, row, problem) = (String::new(), String::new(), String::new());
    vec![
        StoreError::Unavailable {
            reason: reason.clone(),
            cause: None,
        },
        StoreError::UnknownOutcome {
            reason: reason.clone(),
            cause: None,
        },
        StoreError::Misconfigured {
            reason,
            cause: None,
        },
        StoreError::RefusedByDatabase {
            reason: String::new(),
        },
        StoreError::Corrupt {
            row,
            problem: problem.clone(),
        },
        StoreError::NewerSchema { found, known: 1 },
        StoreError::OlderSchema { found, needed: 9 },
        StoreError::CursorBeyondEnd {
            cursor: Cursor::new(9, 0),
            end: Cursor::START,
        },
        StoreError::NoStore {
            place: place.clone(),
        },
        StoreError::NotAStore { place, problem },
    ]
}

fn without_a_code() -> Vec<(&'static str, u16)> {
    let number = ApplicationId::new(0).unwrap_err();
    let name = "delete".parse::<Action>().unwrap_err();
    let command = Command::new(Action::Fail, None).unwrap_err();
    let payload = EventPayload::parse(b"{}").unwrap_err();
    let no_json = EventPayload::parse(b"{").unwrap_err();
    assert_eq!(no_json.http_status(), 400);
    let http = "http://example.com/".parse().unwrap();
    let target = HttpOptions::default().check(&http).unwrap_err();
    vec![
        ("InvalidValue", number.http_status()),
        ("UnknownName", name.http_status()),
        ("CommandError", command.http_status()),
        ("IllegalTransition", illegal().http_status()),
        ("PayloadError", payload.http_status()),
        ("RefusedTarget", target.http_status()),
    ]
}
