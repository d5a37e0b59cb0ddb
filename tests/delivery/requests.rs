//! What is sent, and what is kept of it.

use certificate_lifecycle::EventKind;
use certificate_lifecycle::delivery::*;
use certificate_lifecycle::store::*;
use certificate_lifecycle::webhook::{CustomHeaders, Endpoint, Secret, Verifier};
use chrono::TimeDelta;
use uuid::Uuid;

use crate::stage::{Came, Stage, status};

fn secret(byte: u8) -> Secret {
    Secret::from_key(&[byte; 32]).unwrap()
}

fn verifies(came: &Came, secret: &Secret) -> bool {
    let headers = came.request.headers.iter();
    let headers = headers.map(|(name, value)| (name.as_str(), value.as_bytes()));
    let verifier = Verifier::new([secret.clone()]);
    verifier
        .verify(headers, &came.request.body, came.at)
        .is_ok()
}

/// Whether the platform's signature alone is by this secret.
fn is_of_the_platform(came: &Came, secret: &Secret) -> bool {
    certificate_lifecycle::webhook::platform_signature(secret, &came.request.body)
        == came.header("x-webhook-signature")
}

#[tokio::test(start_paused = true)]
async fn both_sets_of_headers_and_the_webhooks_own() {
    let stage = Stage::new(|_, count| status(if count == 0 { 500 } else { 204 }));
    let url = "https://example.com/a?tenant=7".parse().unwrap();
    let mut endpoint = Endpoint::new(url, secret(7));
    endpoint.headers = CustomHeaders::new([("Authorization", "Bearer t0ken")]).unwrap();
    let webhook = stage.register(endpoint).await;
    let uuid = stage.submit().await;
    stage.deliver().await;
    let came = stage.came();
    assert_eq!(came.len(), 2);
    let history = stage.store.history(&stage.institution, uuid).await.unwrap();
    let event = &history[0].event;
    for it in &came {
        assert!(verifies(it, &secret(7)));
        assert_eq!(it.request.url.as_str(), "https://example.com/a?tenant=7");
        assert_eq!(it.request.body, event.to_json(webhook).into_bytes());
        assert_eq!(it.header("x-webhook-event"), EventKind::Created.name());
        assert_eq!(it.header("x-webhook-id"), webhook.to_string());
        assert_eq!(it.header("webhook-id"), event.id().to_string());
        let seconds = it.at.timestamp().to_string();
        assert_eq!(it.header("webhook-timestamp"), seconds);
        let at = it.at.format("%FT%TZ").to_string();
        assert_eq!(it.header("x-webhook-timestamp"), at);
        assert_eq!(it.header("authorization"), "Bearer t0ken");
    }
    assert_ne!(
        came[0].header("webhook-timestamp"),
        came[1].header("webhook-timestamp")
    );
}

#[tokio::test(start_paused = true)]
async fn while_a_secret_is_rotated_both_sign_and_the_platforms_header_switches_over() {
    let stage = Stage::new(|_, _| status(204));
    let webhook = stage.webhook("/a").await;
    let mut known = stage
        .store
        .webhook(&stage.institution, webhook)
        .await
        .unwrap()
        .unwrap();
    let now = stage.now();
    let (switch_over, until) = (now + TimeDelta::hours(6), now + TimeDelta::hours(12));
    known
        .endpoint
        .secrets
        .rotate(secret(8), now, switch_over, until);
    assert!(stage.store.put_webhook(known).await.unwrap().is_done());
    for (hours, old_signs, platform_is_old) in
        [(1, true, true), (6, true, false), (6, false, false)]
    {
        tokio::time::sleep(std::time::Duration::from_secs(hours * 3600)).await;
        stage.submit().await;
        stage.deliver().await;
        let came = stage.came().pop().unwrap();
        assert!(verifies(&came, &secret(8)));
        assert_eq!(verifies(&came, &secret(7)), old_signs);
        assert_eq!(is_of_the_platform(&came, &secret(7)), platform_is_old);
        assert_eq!(is_of_the_platform(&came, &secret(8)), !platform_is_old);
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_receiver_sends_back_is_kept_without_what_is_secret_or_personal() {
    let stage = Stage::new(|request, count| {
        let header = |name: &str| {
            let mut headers = request.headers.iter();
            headers
                .find(|(it, _)| it.as_str() == name)
                .unwrap()
                .1
                .to_str()
                .unwrap()
                .to_owned()
        };
        let mut excerpt = b"I do not like ".to_vec();
        excerpt.extend_from_slice(&request.body);
        excerpt.extend_from_slice(header("x-webhook-signature").as_bytes());
        excerpt.extend_from_slice(header("authorization").as_bytes());
        excerpt.extend_from_slice(secret(7).expose().as_bytes());
        excerpt.extend_from_slice(b" \xff");
        Ok(Response::new(if count == 0 { 400 } else { 200 }).with_excerpt(excerpt))
    });
    let mut endpoint = Endpoint::new("https://example.com/a".parse().unwrap(), secret(7));
    endpoint.headers = CustomHeaders::new([("Authorization", "Bearer t0ken")]).unwrap();
    stage.register(endpoint).await;
    stage.submit().await;
    stage.deliver().await;
    let [delivery] = &stage.deliveries().await[..] else {
        panic!()
    };
    let attempts = stage
        .store
        .attempts(&stage.institution, delivery.id)
        .await
        .unwrap();
    assert_eq!(attempts.len(), 2);
    for it in attempts {
        let excerpt = it.excerpt.unwrap();
        assert!(excerpt.starts_with("I do not like {"), "{excerpt}");
        assert!(excerpt.ends_with(" \u{fffd}"), "{excerpt}");
        for hidden in [
            "private.person",
            "Discretion",
            "t0ken",
            "whsec_",
            "BwcHBwcH",
        ] {
            assert!(!excerpt.contains(hidden), "{hidden}: {excerpt}");
        }
        // The title, the address, and the three that follow the body as one.
        assert_eq!(excerpt.matches("[redacted]").count(), 3, "{excerpt}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_secret_in_a_url_is_not_kept_of_a_page_that_shows_it() {
    let stage = Stage::new(|request, _| {
        let shown = request.url.uri().path_and_query().unwrap();
        Ok(Response::new(200)
            .with_excerpt(format!("<pre>Cannot POST {shown} (k3y k3y)</pre>").into_bytes()))
    });
    let url = "https://example.com/hooks/t0ken-of-7?key=k3y+k3y&n=1";
    let endpoint = Endpoint::new(url.parse().unwrap(), secret(7));
    stage.register(endpoint).await;
    stage.submit().await;
    stage.deliver().await;
    let [delivery] = &stage.deliveries().await[..] else {
        panic!()
    };
    let attempts = stage
        .store
        .attempts(&stage.institution, delivery.id)
        .await
        .unwrap();
    assert_eq!(
        attempts[0].excerpt.as_deref(),
        Some("<pre>Cannot POST /hooks/[redacted]?key=[redacted]&n=1 ([redacted])</pre>")
    );
}

#[tokio::test(start_paused = true)]
async fn errors_are_kept_in_words() {
    let stage = Stage::new(|_, count| match count {
        0 => Err(SendError::Connect("connection refused".to_owned())),
        1 => Err(SendError::Timeout("waiting for the response")),
        2 => Err(SendError::Refused(
            "10.0.0.7 is private (RFC 1918)".to_owned(),
        )),
        _ => status(200),
    });
    stage.webhook("/a").await;
    stage.submit().await;
    stage.deliver().await;
    let [delivery] = &stage.deliveries().await[..] else {
        panic!()
    };
    let attempts = stage
        .store
        .attempts(&stage.institution, delivery.id)
        .await
        .unwrap();
    let errors: Vec<_> = attempts.iter().map(|it| it.error.as_deref()).collect();
    assert_eq!(
        errors,
        [
            Some("cannot connect: connection refused"),
            Some("no response within the deadline, while waiting for the response"),
            Some("the target is refused: 10.0.0.7 is private (RFC 1918)"),
            None
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_status_is_reported_whatever_is_private() {
    let stage = Stage::new(|_, _| status(400));
    let mut endpoint = Endpoint::new("https://example.com/a".parse().unwrap(), secret(7));
    endpoint.headers = CustomHeaders::new([("X-Word", "status 400")]).unwrap();
    stage.register(endpoint).await;
    stage.submit().await;
    stage.deliver().await;
    let delivery = &stage.deliveries().await[0];
    for attempt in stage
        .store
        .attempts(&stage.institution, delivery.id)
        .await
        .unwrap()
    {
        assert_eq!(attempt.error.as_deref(), Some("status 400"));
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_is_kept_short_and_without_what_is_secret_or_personal() {
    let stage = Stage::new(|request, _| {
        let mut said = String::from_utf8(request.body.clone()).unwrap();
        said.push_str(" Bearer t0ken-t0ken ");
        said.push_str(&"é".repeat(3000));
        Err(SendError::Broken(said))
    });
    let mut endpoint = Endpoint::new("https://example.com/a".parse().unwrap(), secret(7));
    endpoint.headers = CustomHeaders::new([("Authorization", "Bearer t0ken-t0ken")]).unwrap();
    stage.register(endpoint).await;
    stage.submit().await;
    stage.deliver().await;
    let [delivery] = &stage.deliveries().await[..] else {
        panic!()
    };
    let attempts = stage
        .store
        .attempts(&stage.institution, delivery.id)
        .await
        .unwrap();
    let errors = attempts.iter().map(|it| it.error.clone().unwrap());
    let all: Vec<_> = errors.chain(delivery.reason.clone()).collect();
    assert_eq!(all.len(), 11);
    for error in all {
        assert!(error.contains("the connection failed: {"), "{error}");
        assert!(error.ends_with("éé…"), "{error}");
        assert!(error.len() <= 600, "{error}");
        for hidden in ["private.person", "Discretion", "t0ken"] {
            assert!(!error.contains(hidden), "{hidden}: {error}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_test_event_is_sent_once_also_to_a_webhook_that_is_disabled() {
    let stage = Stage::new(|_, _| status(500));
    let webhook = stage.webhook("/a").await;
    let dispatcher = stage.dispatcher(DispatcherOptions::default());
    let application = Uuid::new_v4();
    let attempted = dispatcher
        .send_test(&stage.institution, webhook, application)
        .await
        .unwrap();
    assert_eq!(attempted.status, Some(500));
    let [came] = &stage.came()[..] else { panic!() };
    assert!(verifies(came, &secret(7)));
    assert_eq!(came.json()["uuid"], application.to_string());
    assert!(stage.deliveries().await.is_empty());
    let unknown = dispatcher
        .send_test(&stage.institution, application, application)
        .await
        .unwrap_err();
    assert_eq!(
        unknown.to_string(),
        format!("there is no webhook {application}")
    );
}
