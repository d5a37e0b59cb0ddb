//! Webhooks and deliveries that tests are about.

use std::time::Duration;

use certificate_lifecycle::console::ConsoleOptions;
use certificate_lifecycle::delivery::HttpOptions;
use certificate_lifecycle::server::ServerOptions;
use certificate_lifecycle::store::{
    Attempt, Claim, Clock, DeliveryFilter, DeliveryStatus, Outbox, Outcome, Scopes, Settlement,
    SystemClock, Webhook,
};
use certificate_lifecycle::webhook::{CustomHeaders, Description, Endpoint, Secret};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::support::{Site, uni};

pub const HOOK: Uuid = Uuid::from_u128(7);

/// Texts that would be markup, or turn a text round.
pub const HOSTILE: [&str; 3] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "a\u{202e}b",
];

/// A site whose webhooks may be on this machine.
pub fn site() -> Site {
    let targets = HttpOptions::default()
        .with_allow_http(true)
        .with_allow_targets(vec!["127.0.0.0/8".parse().unwrap()]);
    let server = ServerOptions::default().with_targets(targets);
    Site::with(ConsoleOptions::default().with_server(server))
}

pub async fn register(site: &Site, id: Uuid, url: &str, description: &str) -> Secret {
    let secret = Secret::generate().unwrap();
    let mut endpoint = Endpoint::new(url.parse().unwrap(), secret.clone());
    endpoint.description = Description::new(description).unwrap();
    endpoint.headers = CustomHeaders::new([("X-Key", "value-of-a-header")]).unwrap();
    let webhook = Webhook::new(id, uni(), endpoint, SystemClock.now());
    assert!(site.engine.store().add_webhook(webhook).await.unwrap());
    secret
}

/// A site with a webhook and these applications, each of which has one delivery.
pub async fn with_deliveries(count: u64) -> Site {
    let site = site();
    let _ = register(&site, HOOK, "https://example.com/hooks", "The archive").await;
    for number in 1..=count {
        let _ = site.submitted(number, "A title").await;
    }
    site
}

/// Makes what is due dead, after an attempt that was answered with this.
pub async fn fail(site: &Site, text: &str) {
    let (store, now) = (site.engine.store(), SystemClock.now());
    let claim = Claim::new(now, Duration::from_secs(60), vec![(HOOK, 100)]);
    let claimed = store.claim(claim).await.unwrap().deliveries;
    assert!(!claimed.is_empty());
    let dead = claimed.iter().map(|it| {
        let reason = text.to_owned();
        let attempt = Attempt::new(now)
            .with_milliseconds(12)
            .with_status(Some(500))
            .with_error(Some(text.to_owned()))
            .with_excerpt(Some(text.to_owned()));
        Settlement::new(it.id, it.token, Outcome::Dead { reason }).with_attempt(Some(attempt))
    });
    let _ = store.settle(now, dead.collect(), Vec::new()).await.unwrap();
}

pub async fn hook(site: &Site) -> Webhook {
    let found = site.engine.store().webhook(&uni(), HOOK).await.unwrap();
    found.unwrap()
}

pub async fn count(site: &Site, status: DeliveryStatus) -> usize {
    let filter = DeliveryFilter::default().with_status(Some(status));
    let uni = uni();
    let found = site
        .engine
        .store()
        .deliveries(Some(&uni), filter, None, 1000);
    found.await.unwrap().deliveries.len()
}

pub async fn session(site: &Site, scopes: Scopes) -> String {
    let token = site.token(Some("uni"), scopes).await;
    let answer = site.post("", "/sign-in", &[("token", &token)]).await;
    answer.cookie()
}

/// The value of a hidden field of a page.
pub fn hidden<'a>(page: &'a str, name: &str) -> &'a str {
    let field = format!("name=\"{name}\" value=\"");
    let rest = page
        .split(&field)
        .nth(1)
        .unwrap_or_else(|| panic!("{page}"));
    rest.split('"').next().unwrap()
}

/// A server that answers each request with this.
pub async fn receiver(body: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut buffer = [0; 16 << 10];
            let _ = stream.read(&mut buffer).await.unwrap();
            let length = body.len();
            let answer =
                format!("HTTP/1.1 418 No\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream.write_all(body.as_bytes()).await.unwrap();
        }
    });
    format!("http://{address}/hook")
}
