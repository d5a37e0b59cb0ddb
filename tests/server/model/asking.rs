//! How requests are made, dropped and put in order, and what lists and counts say.

use std::future::Future;
use std::task::Poll;

use certificate_lifecycle::{Action, Source, Status};
use serde_json::{Value, json};

use super::reference::{Asked, Client, Wish};
use crate::support::{Ask, World, application, get, post, request, submit, upload};

/// The request of a client.
pub fn ask(clients: &[Client], asked: &Asked) -> Ask {
    let path = format!("/v1/applications/{}", application(asked.number));
    let text = asked.text;
    let mut ask = match &asked.wish {
        Wish::Submit | Wish::Upload => {
            let is_submit = asked.wish == Wish::Submit;
            let body = if is_submit { submit } else { upload };
            let mut body = body(asked.number);
            body["certificate_title"] = text.into();
            post("/v1/applications", &body)
        }
        Wish::Act(Action::Reject) => {
            post(format!("{path}/reject"), &json!({"rejection_reason": text}))
        }
        Wish::Act(Action::Fail) => post(format!("{path}/fail"), &json!({"error": text})),
        Wish::Act(action) => request(
            "POST",
            format!("{path}/{}", action.as_str().replace('_', "-")),
        ),
        Wish::Settle(token, verb) => {
            let body = match *verb {
                "fail" => json!({"error": text}),
                "again" => json!({"error": text, "after": 0}),
                "heartbeat" => json!({"lease": 86_400}),
                _ => json!({}),
            };
            post(format!("/v1/work/{token}/{verb}"), &body)
        }
    };
    if let Some(key) = &asked.key {
        ask = ask.key(key);
    }
    if let Some(version) = asked.expected {
        ask = ask.header("If-Match", format!("\"{version}\""));
    }
    ask.with(&clients[asked.client].token)
}

/// A future that is dropped after so many polls, unless it is ready by then.
pub async fn polled<F: Future>(future: F, polls: u64) -> Option<F::Output> {
    let (mut future, mut left) = (Box::pin(future), polls);
    std::future::poll_fn(|context| {
        left = left.saturating_sub(1);
        match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// All orders of so many things.
pub fn orders(number: usize) -> Vec<Vec<usize>> {
    if number == 0 {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for order in orders(number - 1) {
        for place in 0..number {
            let mut order = order.clone();
            order.insert(place, number - 1);
            all.push(order);
        }
    }
    all
}

pub async fn list(world: &World, token: &str) -> Vec<(String, String, u64)> {
    let (mut all, mut path) = (Vec::new(), "/v1/applications?limit=7".to_owned());
    loop {
        let page = world.send(get(&path).with(token)).await.json();
        for it in page["data"].as_array().unwrap() {
            let text = |name: &str| it[name].as_str().unwrap().to_owned();
            all.push((
                text("uuid"),
                text("status"),
                it["version"].as_u64().unwrap(),
            ));
        }
        let Some(next) = page["next"].as_str() else {
            break;
        };
        path = format!("/v1/applications?limit=7&after={next}");
    }
    all.sort();
    all
}

pub type Counts = Vec<(String, String, u64)>;

pub fn counts_of(counts: &Value) -> Counts {
    let text = |it: &Value| it.as_str().unwrap().to_owned();
    let rows = counts["data"].as_array().unwrap().iter();
    let rows = rows.map(|it| {
        (
            text(&it["status"]),
            text(&it["source"]),
            it["applications"].as_u64().unwrap(),
        )
    });
    let mut rows: Vec<_> = rows.filter(|it| it.2 > 0).collect();
    rows.sort();
    rows
}

pub fn numbers(count: impl Fn(Status, Source) -> u64) -> Counts {
    let mut rows = Vec::new();
    for status in Status::ALL {
        for source in Source::ALL {
            let number = count(status, source);
            if number > 0 {
                rows.push((status.to_string(), source.to_string(), number));
            }
        }
    }
    rows.sort();
    rows
}
