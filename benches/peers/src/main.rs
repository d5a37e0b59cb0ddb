//! The lifecycle on cqrs-es, with sqlite-es or postgres-es: customers' applications are submitted,
//! taken into processing and approved, by this many callers at once, each with applications of its
//! own.
//!
//! `peers URL CALLERS SECONDS` prints how many commands a second were carried out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cqrs_es::event_sink::EventSink;
use cqrs_es::{Aggregate, CqrsFramework, DomainEvent, EventStore};
use serde::{Deserialize, Serialize};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Status {
    #[default]
    None,
    Created,
    Processing,
    Approved,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Application {
    status: Status,
    title: String,
    email: String,
    number: u64,
}

#[derive(Debug)]
enum Command {
    Submit {
        number: u64,
        title: String,
        email: String,
    },
    BeginProcessing,
    Approve,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Event {
    Created {
        number: u64,
        title: String,
        email: String,
    },
    Processing,
    Approved,
}

impl DomainEvent for Event {
    fn event_type(&self) -> String {
        match self {
            Self::Created { .. } => "created",
            Self::Processing => "processing",
            Self::Approved => "approved",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1.0".to_owned()
    }
}

#[derive(Debug)]
struct Illegal;

impl std::fmt::Display for Illegal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("illegal transition")
    }
}

impl std::error::Error for Illegal {}

impl Aggregate for Application {
    const TYPE: &'static str = "application";
    type Command = Command;
    type Event = Event;
    type Error = Illegal;
    type Services = ();

    async fn handle(
        &mut self,
        command: Command,
        (): &(),
        sink: &EventSink<Self>,
    ) -> Result<(), Illegal> {
        let event = match (command, self.status) {
            (
                Command::Submit {
                    number,
                    title,
                    email,
                },
                Status::None,
            ) => Event::Created {
                number,
                title,
                email,
            },
            (Command::BeginProcessing, Status::Created) => Event::Processing,
            (Command::Approve, Status::Processing) => Event::Approved,
            _ => return Err(Illegal),
        };
        sink.write(event, self).await;
        Ok(())
    }

    fn apply(&mut self, event: Event) {
        match event {
            Event::Created {
                number,
                title,
                email,
            } => {
                *self = Self {
                    status: Status::Created,
                    title,
                    email,
                    number,
                };
            }
            Event::Processing => self.status = Status::Processing,
            Event::Approved => self.status = Status::Approved,
        }
    }
}

const SQLITE: &str = "CREATE TABLE events (
    aggregate_type text NOT NULL, aggregate_id text NOT NULL,
    sequence integer CHECK (sequence >= 0) NOT NULL, event_type text NOT NULL,
    event_version text NOT NULL, payload text NOT NULL, metadata text NOT NULL,
    PRIMARY KEY (aggregate_type, aggregate_id, sequence)) STRICT";

const POSTGRES: &str = "CREATE TABLE events (
    aggregate_type text NOT NULL, aggregate_id text NOT NULL,
    sequence bigint CHECK (sequence >= 0) NOT NULL, event_type text NOT NULL,
    event_version text NOT NULL, payload json NOT NULL, metadata json NOT NULL,
    PRIMARY KEY (aggregate_type, aggregate_id, sequence))";

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().expect("URL");
    let callers: u64 = arguments.next().expect("CALLERS").parse().unwrap();
    let seconds: u64 = arguments.next().expect("SECONDS").parse().unwrap();
    let time = Duration::from_secs(seconds);
    let rate = if url.starts_with("postgres") {
        let pool = sqlx::postgres::PgPoolOptions::new()
            .max_connections(u32::try_from(callers).unwrap().min(64))
            .connect(&url)
            .await
            .unwrap();
        sqlx::query(POSTGRES).execute(&pool).await.unwrap();
        let cqrs = postgres_es::postgres_cqrs::<Application>(pool, vec![], ());
        run(cqrs, callers, time).await
    } else {
        let options: SqliteConnectOptions = url.parse().unwrap();
        let pool = SqlitePoolOptions::new()
            .max_connections(10)
            .connect_with(
                options
                    .create_if_missing(true)
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(SqliteSynchronous::Full)
                    .busy_timeout(Duration::from_secs(30)),
            )
            .await
            .unwrap();
        sqlx::query(SQLITE).execute(&pool).await.unwrap();
        let cqrs = sqlite_es::sqlite_cqrs::<Application>(pool, vec![], ());
        run(cqrs, callers, time).await
    };
    println!("{rate:.1}");
}

/// Commands a second that were carried out; what fails is not counted.
async fn run<S>(cqrs: CqrsFramework<Application, S>, callers: u64, time: Duration) -> f64
where
    S: EventStore<Application, AC: Send> + 'static,
{
    let cqrs = Arc::new(cqrs);
    let start = Instant::now();
    let mut tasks = Vec::new();
    for caller in 0..callers {
        let cqrs = Arc::clone(&cqrs);
        tasks.push(tokio::spawn(async move {
            let mut done = 0_u32;
            let mut number = 0;
            while start.elapsed() < time {
                number += 1;
                let id = format!("{caller:08x}-{number:016x}");
                let submit = Command::Submit {
                    number,
                    title: "Certificate of Achievement".to_owned(),
                    email: format!("applicant{number}@example.com"),
                };
                for command in [submit, Command::BeginProcessing, Command::Approve] {
                    done += u32::from(cqrs.execute(&id, command).await.is_ok());
                }
            }
            done
        }));
    }
    let mut done = 0;
    for task in tasks {
        done += task.await.expect("no caller panics");
    }
    f64::from(done) / start.elapsed().as_secs_f64()
}
