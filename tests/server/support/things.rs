//! Things that requests name: applications, webhooks, deliveries, tokens and work.

use serde_json::{Value, json};
use uuid::Uuid;

use super::ask::{Ask, get, post};
use super::world::World;

/// One of each kind, of the institution `our-university`.
#[derive(Debug, Clone)]
pub struct Things {
    /// In processing, at version 2.
    pub application: String,
    pub webhook: String,
    pub delivery: String,
    pub token: String,
    /// Under a lease.
    pub work: String,
}

/// Names that are well-formed, and that nothing has.
pub fn nothing() -> Things {
    Things {
        application: Uuid::from_u128(1).to_string(),
        webhook: Uuid::from_u128(2).to_string(),
        delivery: "9000000000000".to_owned(),
        token: "00000000000000ff".to_owned(),
        work: "f".repeat(64),
    }
}

/// The identity of the application with this number.
pub fn application(number: u64) -> String {
    let base = 0x9e78_60f0_05d1_4fd0_b3e0_0000_0000_0000;
    Uuid::from_u128(base | u128::from(number)).to_string()
}

/// The body that submits the application with this number.
pub fn submit(number: u64) -> Value {
    json!({
        "command": "submit",
        "application_id": number,
        "certificate_title": "Certificate of Achievement",
        "applicant_email": "john@example.com",
        "uuid": application(number),
    })
}

/// The body that uploads it.
pub fn upload(number: u64) -> Value {
    let mut body = submit(number);
    body["command"] = "upload".into();
    body["trigger_context"] = "bulk_upload".into();
    body
}

/// The request that submits it, in the name of a customer.
pub fn created(number: u64) -> Ask {
    post("/v1/applications", &submit(number)).by("customer:john")
}

impl World {
    /// Submits the application with this number, and moves it on by these actions, each by whom
    /// the contract permits; its path.
    pub async fn application(&self, number: u64, actions: &[&str]) -> String {
        let answer = self.send(created(number)).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        let path = format!("/v1/applications/{}", application(number));
        for action in actions {
            let (actor, body) = match *action {
                "approve" => ("system:worker", json!({})),
                "fail" => ("system:worker", json!({"error": "no template"})),
                "reject" => (
                    "administrator:jane",
                    json!({"rejection_reason": "a duplicate"}),
                ),
                _ => ("administrator:jane", json!({})),
            };
            let ask = post(format!("{path}/{action}"), &body).by(actor);
            let answer = self.send(ask).await;
            assert_eq!(answer.status, 200, "{action}: {answer:?}");
        }
        path
    }

    /// One thing of each kind.
    pub async fn things(&self) -> Things {
        let body = json!({"url": "https://example.com/hooks", "headers": {"X-Api-Key": "hidden"}});
        let webhook = self.send(post("/v1/webhooks", &body)).await;
        assert_eq!(webhook.status, 201, "{webhook:?}");
        self.application(1, &["begin-processing"]).await;
        let deliveries = self.send(get("/v1/deliveries")).await.json();
        let token = json!({"name": "another", "role": "viewer"});
        let token = self.send(post("/v1/tokens", &token)).await;
        assert_eq!(token.status, 201, "{token:?}");
        let work = self
            .send(post("/v1/work/claim", &json!({"lease": 3600})).by("system:worker"))
            .await;
        assert_eq!(work.status, 200, "{work:?}");
        let text = |it: &Value| it.as_str().unwrap().to_owned();
        Things {
            application: application(1),
            webhook: text(&webhook.json()["id"]),
            delivery: deliveries["data"][0]["id"].as_i64().unwrap().to_string(),
            token: text(&token.json()["id"]),
            work: text(&work.json()["data"][0]["work"]),
        }
    }
}
