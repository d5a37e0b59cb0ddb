//! Both ends of a webhook: a backend that sends what happens, and a receiver that follows it.
//!
//! ```sh
//! cargo run --example webhooks --features sqlite,delivery
//! ```
//!
//! The receiver refuses the first delivery, as receivers do: it is sent again, and what comes after
//! it waits.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::Duration;

use certificate_lifecycle::delivery::{
    Dispatcher, DispatcherOptions, HttpOptions, HttpTransport, Summary,
};
use certificate_lifecycle::engine::{Clock, Engine, SystemClock};
use certificate_lifecycle::store::{Actor, InstitutionId, Outbox, SqliteStore, Webhook};
use certificate_lifecycle::webhook::{
    Endpoint, RetrySchedule, Secret, TrackedApplication, Tracker, Verifier, VerifyError,
};
use certificate_lifecycle::{
    ApplicantEmail, ApplicationDetails, ApplicationId, CertificateTitle, Status,
};
use uuid::Uuid;

type Error = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let folder = std::env::temp_dir().join(format!("webhooks-{}", Uuid::new_v4()));
    std::fs::create_dir_all(&folder)?;
    let (summary, status) = run(&folder).await?;
    println!(
        "{} delivered, {} failed attempts; status {status}",
        summary.delivered, summary.failed
    );
    Ok(())
}

/// One certificate, from its application to its approval, as a receiver hears of it.
///
/// # Errors
/// Whatever came in between.
pub async fn run(folder: &Path) -> Result<(Summary, Status), Error> {
    let secret = Secret::generate()?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}/hooks", listener.local_addr()?);
    let receiver = Receiver::new(secret.clone());
    let receiving = std::thread::spawn(move || receiver.receive(&listener, Status::Approved));

    // The backend: a webhook is registered, and an application goes its way.
    let store = SqliteStore::open(folder.join("certificates.db"))?;
    let university = InstitutionId::new("example-university")?;
    let endpoint = Endpoint::new(url.parse()?, secret);
    let webhook = Webhook::new(
        Uuid::new_v4(),
        university.clone(),
        endpoint,
        SystemClock.now(),
    );
    store.add_webhook(webhook).await?;

    let engine = Engine::new(store.clone());
    let (john, jane) = (Actor::customer("john")?, Actor::administrator("jane")?);
    let details = ApplicationDetails::new(
        ApplicationId::new(42)?,
        Uuid::new_v4(),
        CertificateTitle::new("Certificate of Achievement")?,
        ApplicantEmail::new("john@example.com")?,
    );
    let uuid = details.uuid();
    engine.scope(&university, &john).submit(details).await?;
    engine
        .scope(&university, &jane)
        .begin_processing(uuid)
        .await?;
    engine
        .scope(&university, &Actor::system("pdf-worker")?)
        .approve(uuid)
        .await?;

    // A dispatcher beside it. This one ends when all is delivered; `run` goes on until it is
    // stopped.
    let transport = HttpTransport::new(
        HttpOptions::default()
            // Only because this receiver is on this machine: the target guard lets no request reach
            // into it.
            .with_allow_http(true)
            .with_allow_targets(vec!["127.0.0.1/32".parse()?]),
    )?;
    let options = DispatcherOptions::default()
        // For the impatient; the default takes days.
        .with_schedule(RetrySchedule::new(
            [0, 100, 200].map(Duration::from_millis).to_vec(),
        )?);
    let dispatcher = Dispatcher::new(store, transport, options);
    let summary = dispatcher.run_until_idle(std::future::pending()).await?;
    let tracked = receiving.join().map_err(|_| "the receiver panicked")??;
    Ok((summary, tracked.status()))
}

/// A receiver with the least HTTP that will do.
struct Receiver {
    verifier: Verifier,
    tracker: Tracker,
}

impl Receiver {
    fn new(secret: Secret) -> Self {
        Self {
            verifier: Verifier::new([secret]),
            tracker: Tracker::new(),
        }
    }

    /// Receives until an application has this status.
    fn receive(
        mut self,
        listener: &TcpListener,
        last: Status,
    ) -> Result<TrackedApplication, Error> {
        let mut is_first = true;
        loop {
            let (stream, _) = listener.accept()?;
            let mut reader = BufReader::new(stream);
            while let Some((headers, body)) = read(&mut reader)? {
                if std::mem::take(&mut is_first) {
                    answer(reader.get_mut(), "500 Internal Server Error")?;
                    continue;
                }
                let uuid = match self.take(&headers, &body) {
                    Ok(uuid) => uuid,
                    Err(error) => {
                        println!("refused: {error}");
                        answer(reader.get_mut(), "401 Unauthorized")?;
                        continue;
                    }
                };
                answer(reader.get_mut(), "204 No Content")?;
                let tracked = self.tracker.get(uuid).filter(|it| it.status() == last);
                if let Some(tracked) = tracked {
                    return Ok(tracked.clone());
                }
            }
        }
    }

    fn take(&mut self, headers: &[(String, String)], body: &[u8]) -> Result<Uuid, VerifyError> {
        let headers = headers.iter().map(|(name, value)| (name, value));
        let verified = self.verifier.verify(headers, body, SystemClock.now())?;
        match self.tracker.take(&verified) {
            Ok(news) => println!("{} {news:?}", verified.payload.kind()),
            Err(error) => println!("{error}"),
        }
        Ok(verified.payload.uuid())
    }
}

type Request = (Vec<(String, String)>, Vec<u8>);

/// The next request of a connection; none where it has ended.
fn read(reader: &mut BufReader<TcpStream>) -> Result<Option<Request>, Error> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let (mut headers, mut length) = (Vec::new(), 0);
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.parse()?;
        }
        headers.push((name.to_owned(), value.to_owned()));
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Some((headers, body)))
}

fn answer(stream: &mut TcpStream, status: &str) -> std::io::Result<()> {
    stream.write_all(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").as_bytes())
}
