//! Callers of the engine.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::store::{
    Actor, Atomicity, IdempotencyKey, InstitutionId, Request, Store,
};
use certificate_lifecycle::{
    ApplicantEmail, ApplicationDetails, ApplicationId, CertificateTitle, Command, ProcessingError,
};
use uuid::Uuid;

/// How many a second.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
pub fn rate(count: u64, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64()
}

/// The identity of the nth application: spread out as random ones are.
pub fn uuid(number: u64) -> Uuid {
    Uuid::from_u128(u128::from(number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))
}

pub fn details(number: u64) -> ApplicationDetails {
    ApplicationDetails::new(
        ApplicationId::new(number + 1).unwrap(),
        uuid(number),
        CertificateTitle::new("Certificate of Achievement").unwrap(),
        ApplicantEmail::new(format!("applicant{number}@example.com")).unwrap(),
    )
}

pub fn institution() -> InstitutionId {
    InstitutionId::new("example-university").unwrap()
}

/// Uploads, that fail and are retried, over and over.
pub struct Load<S> {
    engine: Engine<S>,
    first: u64,
    applications: u64,
    /// How many commands were carried out: they go round the applications.
    position: Arc<AtomicU64>,
    /// Whether each command has an idempotency key of its own.
    is_keyed: bool,
}

impl<S: Store> Load<S> {
    /// Uploads the applications first.
    pub async fn prepare(engine: Engine<S>, first: u64, applications: u64) -> Self {
        let mut next = first;
        while next < first + applications {
            let many = (first + applications - next).min(10_000);
            upload_many(&engine, next, many, Atomicity::All).await;
            next += many;
        }
        Self::over(engine, first, applications)
    }

    /// Over applications that were uploaded and not moved on yet.
    pub fn over(engine: Engine<S>, first: u64, applications: u64) -> Self {
        Self {
            engine,
            first,
            applications,
            position: Arc::new(AtomicU64::new(0)),
            is_keyed: false,
        }
    }

    /// The same load on the same applications, each command with an idempotency key of its own.
    pub fn keyed(&self) -> Self {
        Self {
            engine: self.engine.clone(),
            position: Arc::clone(&self.position),
            is_keyed: true,
            ..*self
        }
    }

    /// Transitions a second by this many callers at once, each of whom waits for its answer.
    ///
    /// The applications are visited in an order that jumps all over them.
    pub async fn run(&self, callers: u64, time: Duration) -> f64 {
        let start = Instant::now();
        let first_position = self.position.load(Ordering::Relaxed);
        let system = Actor::system("pdf-worker").unwrap();
        let administrator = Actor::administrator("jane").unwrap();
        let error = ProcessingError::new("PDF generation failed: template not found").unwrap();
        let mut tasks = Vec::new();
        for _ in 0..callers {
            let (engine, institution) = (self.engine.clone(), institution());
            let (system, administrator) = (system.clone(), administrator.clone());
            let (error, position) = (error.clone(), Arc::clone(&self.position));
            let (first, applications) = (self.first, self.applications);
            let is_keyed = self.is_keyed;
            let task = async move {
                while start.elapsed() < time {
                    let at = position.fetch_add(1, Ordering::Relaxed);
                    // Coprime to the number of applications: every one is visited once a round.
                    let number = first + (at % applications).wrapping_mul(7919) % applications;
                    let (actor, command) = if at / applications % 2 == 0 {
                        (system.clone(), Command::Fail(error.clone()))
                    } else {
                        (administrator.clone(), Command::Retry)
                    };
                    let mut request =
                        Request::transition(institution.clone(), actor, uuid(number), command);
                    if is_keyed {
                        let key = IdempotencyKey::new(format!("transition-{at}")).unwrap();
                        request = request.with_key(key);
                    }
                    let receipt = engine.execute(request).await;
                    let _ = receipt.unwrap();
                }
            };
            if callers == 1 {
                task.await;
            } else {
                tasks.push(tokio::spawn(task));
            }
        }
        for task in tasks {
            task.await.unwrap();
        }
        let done = self.position.load(Ordering::Relaxed) - first_position;
        rate(done, start.elapsed())
    }
}

/// Applications a second, uploaded in one call.
pub async fn upload_many<S: Store>(
    engine: &Engine<S>,
    first: u64,
    many: u64,
    atomicity: Atomicity,
) -> f64 {
    let uploads: Vec<_> = (first..first + many).map(details).collect();
    let administrator = Actor::administrator("jane").unwrap();
    let start = Instant::now();
    let answers = engine
        .scope(&institution(), &administrator)
        .upload_many(uploads, atomicity)
        .await;
    let time = start.elapsed();
    assert!(answers.iter().all(Result::is_ok));
    rate(many, time)
}

/// Commands a second of customers' applications that are submitted, taken into processing and
/// approved.
pub async fn submissions<S: Store>(engine: &Engine<S>, callers: u64, time: Duration) -> f64 {
    let start = Instant::now();
    let mut tasks = Vec::new();
    for caller in 0..callers {
        let engine = engine.clone();
        tasks.push(tokio::spawn(async move {
            let institution = institution();
            let customer = Actor::customer("john").unwrap();
            let administrator = Actor::administrator("jane").unwrap();
            let system = Actor::system("pdf-worker").unwrap();
            let mut number = caller << 32;
            let mut done = 0_u32;
            while start.elapsed() < time {
                number += 1;
                let details = details(number);
                let uuid = details.uuid();
                let _ = engine
                    .scope(&institution, &customer)
                    .submit(details)
                    .await
                    .unwrap();
                let _ = engine
                    .scope(&institution, &administrator)
                    .begin_processing(uuid)
                    .await
                    .unwrap();
                let _ = engine
                    .scope(&institution, &system)
                    .approve(uuid)
                    .await
                    .unwrap();
                done += 3;
            }
            done
        }));
    }
    let mut done = 0;
    for task in tasks {
        done += task.await.unwrap();
    }
    f64::from(done) / start.elapsed().as_secs_f64()
}
