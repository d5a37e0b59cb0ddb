//! A small issuing backend, whole: forms come in, administrators decide, a worker makes the certificates.
//!
//! ```sh
//! cargo run --example backend --features sqlite -- /tmp/backend
//! ```
//!
//! The folder keeps the applications, the worker's place in the feed and the certificates. Run it twice: the
//! worker goes on where it was.

use std::fs;
use std::path::{Path, PathBuf};

use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::store::{
    Actor, Cursor, ExecuteError, Filter, IdempotencyKey, InstitutionId, ListQuery, Order, Receipt,
    Recorded, Refusal, Request, SqliteStore, StoreError,
};
use certificate_lifecycle::{
    ApplicantEmail, ApplicationDetails, ApplicationId, CertificateTitle, Command, ProcessingError,
    RejectionReason, Status,
};
use futures_util::StreamExt;
use uuid::Uuid;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// `Store` is not dyn-compatible, so a backend says once which one it has.
type Backend = Engine<SqliteStore>;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let folder = std::env::args_os().nth(1).map_or_else(
        || std::env::temp_dir().join("certificate-backend"),
        PathBuf::from,
    );
    run(&folder).await
}

/// A day in the life of the backend.
///
/// # Errors
/// Whatever came in between.
pub async fn run(folder: &Path) -> Result<(), Error> {
    fs::create_dir_all(folder)?;
    let engine = Engine::new(SqliteStore::open(folder.join("certificates.db"))?);
    let university = InstitutionId::new("example-university")?;
    let jane = Actor::administrator("jane")?;
    // For whoever wants to hear of what happens from now on.
    let now = engine.end_of_feed().await?;
    let worker = tokio::spawn(work(engine.clone(), folder.to_owned()));

    // A customer sends a form, and sends it again, because the answer did not arrive: one application.
    let form = Form::shown("john@example.com", "Certificate of Achievement");
    submit(&engine, &university, &form).await?;
    let again = submit(&engine, &university, &form).await?;
    println!("{} again, replayed: {}", form.uuid, again.replayed);

    // Two administrators look at it; both have seen version 1, and both decide.
    let accept = decide(&engine, &university, &jane, &form, Command::BeginProcessing).await;
    println!("jane accepts: {}", told(&accept));
    let jim = Actor::administrator("jim")?;
    let reject = Command::Reject(RejectionReason::new("Duplicate certificate")?);
    let too_late = decide(&engine, &university, &jim, &form, reject).await;
    println!("jim rejects: {}", told(&too_late));

    // A draft: the worker cannot make a certificate of it.
    let draft = Form::shown("mary@example.com", "Certificate of Fluid Dynamics (draft)");
    submit(&engine, &university, &draft).await?;
    decide(
        &engine,
        &university,
        &jane,
        &draft,
        Command::BeginProcessing,
    )
    .await?;

    // Meanwhile the worker works; the feed tells when it is done with both.
    let mut open = vec![form.uuid, draft.uuid];
    let mut events = engine.follow(now);
    while !open.is_empty() {
        let Some(recorded) = events.next().await.transpose()? else {
            break;
        };
        let application = recorded.event.application();
        println!("{}: {}", recorded.cursor, recorded.event.kind().name());
        if matches!(application.status(), Status::Approved | Status::Failed) {
            open.retain(|uuid| *uuid != application.uuid());
        }
    }

    // What a page of the administration shows.
    let query = ListQuery::new(university.clone())
        .filter(Filter::all().status(Status::Failed))
        .order(Order::NewestFirst)
        .limit(20);
    for application in engine.list(query).await?.applications {
        let error = application.error().map_or("", ProcessingError::as_str);
        println!("{} failed: {error}", application.uuid());
    }
    for count in engine.counts(&university).await? {
        println!("{} {}: {}", count.status, count.source, count.applications);
    }
    // In a server, it ends with the process.
    worker.abort();
    match worker.await {
        Ok(ended) => ended,
        Err(_) => Ok(()),
    }
}

/// What a customer fills in.
struct Form {
    /// Made when the form is shown, and sent with it: so a form that is sent twice is one application.
    uuid: Uuid,
    email: &'static str,
    title: &'static str,
}

impl Form {
    fn shown(email: &'static str, title: &'static str) -> Self {
        let uuid = Uuid::new_v4();
        Self { uuid, email, title }
    }
}

async fn submit(
    engine: &Backend,
    institution: &InstitutionId,
    form: &Form,
) -> Result<Receipt, Error> {
    let details = ApplicationDetails::new(
        // The backend's own number; the identity is the uuid.
        ApplicationId::new(42)?,
        form.uuid,
        CertificateTitle::new(form.title)?,
        ApplicantEmail::new(form.email)?,
    );
    let request = Request::submit(institution.clone(), Actor::customer(form.email)?, details)
        .with_key(IdempotencyKey::new(format!("form {}", form.uuid))?);
    Ok(engine.execute(request).await?)
}

/// The decision of somebody who has seen the application as it was submitted.
async fn decide(
    engine: &Backend,
    institution: &InstitutionId,
    administrator: &Actor,
    form: &Form,
    command: Command,
) -> Result<Receipt, ExecuteError> {
    let (institution, administrator) = (institution.clone(), administrator.clone());
    let request = Request::transition(institution, administrator, form.uuid, command).expecting(1);
    engine.execute(request).await
}

/// What a person is told, and what a program would be.
fn told(answer: &Result<Receipt, ExecuteError>) -> String {
    match answer {
        Ok(receipt) => format!(
            "{} at version {}",
            receipt.event.kind(),
            receipt.event.version()
        ),
        Err(ExecuteError::Refused(Refusal::Conflict { status, .. })) => {
            format!("somebody was faster, it is {status} by now")
        }
        Err(error) => format!("{} ({error})", error.code()),
    }
}

/// Follows the feed and does the background work, from where it was the last time.
async fn work(engine: Backend, folder: PathBuf) -> Result<(), Error> {
    let place = folder.join("worker.cursor");
    let start = match fs::read_to_string(&place) {
        Ok(text) => text.parse()?,
        Err(_) => Cursor::START,
    };
    println!("the worker goes on after {start}");
    let mut events = engine.follow(start);
    while let Some(next) = events.next().await {
        match next {
            Ok(recorded) => {
                process(&engine, &folder, &recorded).await?;
                // Afterwards, and at once as a whole: should the process end before, it is done again.
                let written = place.with_extension("new");
                fs::write(&written, recorded.cursor.to_string())?;
                fs::rename(&written, &place)?;
            }
            // The stream waits before it asks again, and goes on where it was.
            Err(error @ StoreError::Unavailable { .. }) => eprintln!("the worker waits: {error}"),
            // Nothing that goes away by itself.
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Makes the certificate, where the event has begun the work on one.
async fn process(engine: &Backend, folder: &Path, recorded: &Recorded) -> Result<(), Error> {
    let application = recorded.event.application();
    if !application.is_in_progress() {
        return Ok(());
    }
    let details = application.details();
    let command = match render(details.certificate_title()) {
        Ok(pdf) => {
            fs::write(folder.join(format!("{}.pdf", application.uuid())), pdf)?;
            Command::Approve
        }
        Err(problem) => Command::Fail(ProcessingError::new(problem)?),
    };
    let worker = Actor::system("worker")?;
    let request = Request::transition(
        recorded.institution.clone(),
        worker,
        application.uuid(),
        command,
    )
    .expecting(application.version());
    match engine.execute(request).await {
        // It was done before, and only the cursor was not saved any more.
        Ok(_) | Err(ExecuteError::Refused(Refusal::Conflict { .. })) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Stands for whatever makes the real one.
fn render(title: &CertificateTitle) -> Result<String, String> {
    if title.as_str().ends_with("(draft)") {
        return Err("there is no template for drafts".to_owned());
    }
    Ok(format!("%PDF-1.4\n% {title}\n"))
}
