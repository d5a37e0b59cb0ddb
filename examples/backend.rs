//! A small issuing backend, whole: forms come in, administrators decide, a worker makes the
//! certificates.
//!
//! ```sh
//! cargo run --example backend --features sqlite -- /tmp/backend
//! ```
//!
//! The folder keeps the applications, the worker's place in the feed and the certificates. Run it
//! twice: the worker goes on where it was.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};

use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::store::{
    Actor, Cursor, ExecuteError, Filter, IdempotencyKey, InstitutionId, ListOrder, ListQuery,
    Receipt, RecordedEvent, Refusal, Request, SqliteStore, Store, StoreError,
};
use certificate_lifecycle::{
    ApplicantEmail, ApplicationDetails, ApplicationId, CertificateTitle, Command, ProcessingError,
    RejectionReason, Status,
};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
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
    // Behind it comes what happens from now on.
    let now = engine.feed_end().await?;
    let (stop, stopped) = oneshot::channel();
    let worker = tokio::spawn(work(engine.clone(), folder.to_owned(), stopped));

    // A customer sends a form, and sends it again, because the answer did not arrive: one
    // application.
    let mut numbers = Numbers::of(folder);
    let form = Form::shown(
        &mut numbers,
        "john@example.com",
        "Certificate of Achievement",
    )?;
    submit(&engine, &university, &form).await?;
    let again = submit(&engine, &university, &form).await?;
    println!("{} again, replayed: {}", form.uuid, again.replayed);

    // Two administrators look at it; both have seen version 1, and both decide.
    let accept = decide(&engine, &university, &jane, &form, Command::BeginProcessing).await;
    println!("jane accepts: {}", in_words(&accept));
    let jim = Actor::administrator("jim")?;
    let reject = Command::Reject(RejectionReason::new("Duplicate certificate")?);
    let too_late = decide(&engine, &university, &jim, &form, reject).await;
    println!("jim rejects: {}", in_words(&too_late));

    // A draft: the worker cannot make a certificate of it.
    let draft = Form::shown(
        &mut numbers,
        "mary@example.com",
        "Certificate of Fluid Dynamics (draft)",
    )?;
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
        let recorded = events.next().await?;
        let application = recorded.event.application();
        println!("{}: {}", recorded.cursor, recorded.event.kind().name());
        if matches!(application.status(), Status::Approved | Status::Failed) {
            open.retain(|uuid| *uuid != application.uuid());
        }
    }

    show(&engine, &university).await?;
    // A server does this when it shuts down. After a crash, the worker does some of it again.
    let _ = stop.send(());
    worker.await?
}

/// What a page of the administration shows.
async fn show(engine: &Engine<SqliteStore>, university: &InstitutionId) -> Result<(), Error> {
    let mut left = 20;
    let mut query = ListQuery::new(university.clone())
        .filter(Filter::all().status(Status::Failed))
        .order(ListOrder::NewestFirst);
    while left > 0 {
        let page = engine.list(query.clone().limit(left)).await?;
        for application in &page.applications {
            let error = application.error().map_or("", ProcessingError::as_str);
            println!("{} failed: {error}", application.uuid());
            left -= 1;
        }
        // Where few match, a page may be short or empty: only one without `next` is the last.
        if page.next.is_none() {
            break;
        }
        query = query.after(page.next);
    }
    for count in engine.counts(university).await? {
        let since = count.oldest_updated_at;
        println!(
            "{} {}: {}, since {since}",
            count.status, count.source, count.applications
        );
    }
    Ok(())
}

/// What a customer fills in.
struct Form {
    /// Made when the form is shown, and sent with it: so a form that is sent twice is one
    /// application.
    uuid: Uuid,
    /// The backend's own number, drawn together with the uuid, and never again when the form is
    /// sent: the number is part of the command, and with another one the key would be refused.
    number: ApplicationId,
    email: &'static str,
    title: &'static str,
}

impl Form {
    fn shown(
        numbers: &mut Numbers,
        email: &'static str,
        title: &'static str,
    ) -> Result<Self, Error> {
        Ok(Self {
            uuid: Uuid::new_v4(),
            number: numbers.next()?,
            email,
            title,
        })
    }
}

/// The backend's own numbers of applications. Here they are in a file; in a backend, a sequence of
/// its database.
struct Numbers {
    place: PathBuf,
}

impl Numbers {
    fn of(folder: &Path) -> Self {
        let place = folder.join("last.number");
        Self { place }
    }

    fn next(&mut self) -> Result<ApplicationId, Error> {
        let last = match fs::read_to_string(&self.place) {
            Ok(text) => text.parse()?,
            Err(_) => 0_u64,
        };
        let next = ApplicationId::new(last + 1)?;
        replace(&self.place, &next.get().to_string())?;
        Ok(next)
    }
}

/// Writes a file at once as a whole.
fn replace(place: &Path, text: &str) -> Result<(), Error> {
    let written = place.with_extension("new");
    fs::write(&written, text)?;
    fs::rename(&written, place)?;
    Ok(())
}

async fn submit(
    engine: &Backend,
    institution: &InstitutionId,
    form: &Form,
) -> Result<Receipt, Error> {
    let details = ApplicationDetails::new(
        form.number,
        form.uuid,
        CertificateTitle::new(form.title)?,
        ApplicantEmail::new(form.email)?,
    );
    let request = Request::submit(institution.clone(), Actor::customer(form.email)?, details)
        .with_key(IdempotencyKey::new(format!("form {}", form.uuid))?);
    Ok(engine.execute(request).await?)
}

/// The decision of an administrator who has seen the application as it was submitted.
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

/// The answer for a person, and its code for a program.
fn in_words(answer: &Result<Receipt, ExecuteError>) -> String {
    match answer {
        Ok(receipt) => format!(
            "{} at version {}",
            receipt.event.kind(),
            receipt.event.version()
        ),
        Err(ExecuteError::Refused(Refusal::Conflict { status, .. })) => {
            format!("another decision came first: it is {status} by now")
        }
        Err(error) => format!("{} ({error})", error.code()),
    }
}

/// How many certificates are made at the same time.
const AT_ONCE: usize = 4;

/// Follows the feed and does the background work, from where it was the last time. When it is to
/// stop, it ends what is under way. By itself it ends only with an error that does not go away
/// ([`StoreError::is_lasting`]).
///
/// # Errors
/// That error.
///
/// On PostgreSQL, the feed tells only what lies before the oldest open transaction of the whole
/// server that has written something. So while any such transaction is open, of any program, this
/// worker stands still: see `docs/stores.md`, "The feed stands still". `Filter::in_progress` lists
/// the work without the feed.
pub async fn work<S: Store>(
    engine: Engine<S>,
    folder: PathBuf,
    mut stop: oneshot::Receiver<()>,
) -> Result<(), Error> {
    let place = folder.join("worker.cursor");
    let start = match fs::read_to_string(&place) {
        Ok(text) => text.parse()?,
        Err(_) => Cursor::START,
    };
    println!("the worker goes on after {start}");
    let mut events = engine.follow(start);
    // In the order of the feed. The cursor that is kept is never behind work that is not done.
    let mut under_way: VecDeque<(Cursor, Work)> = VecDeque::new();
    let mut is_stopped = false;
    while !is_stopped || !under_way.is_empty() {
        tokio::select! {
            _ = &mut stop, if !is_stopped => is_stopped = true,
            // The oldest first: only then does the place move on.
            done = oldest(&mut under_way), if !under_way.is_empty() => {
                let cursor = done?;
                // Afterwards: should the process end before, it is done again.
                replace(&place, &cursor.to_string())?;
            }
            next = events.next(), if !is_stopped && under_way.len() < AT_ONCE => match next {
                Ok(recorded) => {
                    let cursor = recorded.cursor;
                    let work = process(engine.clone(), folder.clone(), recorded);
                    under_way.push_back((cursor, tokio::spawn(work)));
                }
                // Nothing that goes away by itself.
                Err(error) if error.is_lasting() => return Err(error.into()),
                // The follower waits before it asks again, and goes on where it was.
                Err(error) => eprintln!("the worker waits: {error}"),
            },
        }
    }
    Ok(())
}

/// Work on one event, which runs by itself.
type Work = JoinHandle<Result<(), Error>>;

/// Waits for the oldest work, and takes it out when it is done. To be given up while it waits, and
/// called again, loses nothing.
async fn oldest(under_way: &mut VecDeque<(Cursor, Work)>) -> Result<Cursor, Error> {
    let Some((cursor, work)) = under_way.front_mut() else {
        return std::future::pending().await;
    };
    let (cursor, done) = (*cursor, work.await);
    under_way.pop_front();
    done??;
    Ok(cursor)
}

/// Makes the certificate, where the event has begun the work on one.
async fn process<S: Store>(
    engine: Engine<S>,
    folder: PathBuf,
    recorded: RecordedEvent,
) -> Result<(), Error> {
    let application = recorded.event.application();
    if !application.is_in_progress() {
        return Ok(());
    }
    let title = application.details().certificate_title().clone();
    // It computes for long, so it gets a thread that nothing else waits for.
    let command = match tokio::task::spawn_blocking(move || render(&title)).await? {
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
    let wake = engine.store().commits();
    let mut failures = 0;
    loop {
        match engine.execute(request.clone()).await {
            // It was done before, and only the answer or the cursor was lost.
            Ok(_) | Err(ExecuteError::Refused(Refusal::Conflict { .. })) => return Ok(()),
            // It keeps nothing else from being done. Once it is restored, or the rule of the
            // database's administrator is another, `Engine::stalled` finds it.
            Err(ExecuteError::Store(
                error @ (StoreError::Corrupt { .. } | StoreError::RefusedByDatabase { .. }),
            )) => {
                eprintln!("left undone: {error}");
                return Ok(());
            }
            // The store is away, or the answer was lost: the expected version keeps it from being
            // done twice.
            Err(ExecuteError::Store(error)) if !error.is_lasting() => {
                failures += 1;
                eprintln!("{}: {error}", application.uuid());
                wake.back_off(failures).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Stands for whatever makes the real one.
fn render(title: &CertificateTitle) -> Result<String, String> {
    if title.as_str().ends_with("(draft)") {
        return Err("there is no template for drafts".to_owned());
    }
    Ok(format!("%PDF-1.4\n% {title}\n"))
}
