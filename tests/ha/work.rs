//! The commands of the load. A command follows from its idempotency key, so that any process can
//! repeat it.

use certificate_lifecycle::store::{Actor, IdempotencyKey, InstitutionId, Request};
use certificate_lifecycle::{
    Action, ApplicantEmail, ApplicationDetails, ApplicationId, CertificateTitle, Command,
};
use uuid::Uuid;

pub fn institution() -> InstitutionId {
    InstitutionId::new("example-university").unwrap()
}

/// What becomes of an application, in this order.
pub const STEPS: [&str; 5] = ["submit", "begin", "fail", "retry", "approve"];

/// The key of a step in the life of the caller's application with this number.
pub fn key(caller: &str, number: u32, step: &str) -> String {
    format!("{caller}/{number}/{step}")
}

/// The command with this key.
pub fn request(key: &str) -> Request {
    let [caller, number, step] = key.split('/').collect::<Vec<_>>()[..] else {
        panic!("{key:?} is no key of ours");
    };
    let uuid = Uuid::new_v5(&Uuid::nil(), format!("{caller}/{number}").as_bytes());
    let action = match step {
        "begin" => Action::BeginProcessing,
        "fail" => Action::Fail,
        "retry" => Action::Retry,
        "approve" => Action::Approve,
        _ => return submission(uuid, caller).with_key(IdempotencyKey::new(key).unwrap()),
    };
    let actor = match action {
        Action::Approve | Action::Fail => Actor::system("worker"),
        _ => Actor::administrator("jane"),
    };
    let text = (action == Action::Fail).then_some("the template is missing");
    let command = Command::new(action, text).unwrap();
    Request::transition(institution(), actor.unwrap(), uuid, command)
        .with_key(IdempotencyKey::new(key).unwrap())
}

fn submission(uuid: Uuid, caller: &str) -> Request {
    let details = ApplicationDetails::new(
        ApplicationId::new(42).unwrap(),
        uuid,
        CertificateTitle::new(format!("Certificate for {caller}")).unwrap(),
        ApplicantEmail::new("john@example.com").unwrap(),
    );
    Request::submit(institution(), Actor::customer("john").unwrap(), details)
}
