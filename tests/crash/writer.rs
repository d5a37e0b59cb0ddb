//! The process that is killed: many callers of one engine, who say what was acknowledged.

use std::io::Write;
use std::time::Duration;

use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::store::{
    Actor, ExecuteError, IdempotencyKey, InstitutionId, PostgresStore, Receipt, Refusal, Request,
    SqliteStore, Store, StoreError,
};
use certificate_lifecycle::{
    Action, ApplicantEmail, ApplicationDetails, ApplicationId, CertificateTitle, Command,
    VaultUpload,
};
use uuid::Uuid;

use crate::random::Random;

/// The environment variables that make this program a writer.
pub const URL: &str = "CRASH_WRITER_URL";
pub const SEED: &str = "SEED";

const CALLERS: u64 = 24;

/// How many applications everybody fights over.
const HOT: u64 = 12;

/// The title of applications that were created together, all or none, begins so; then come the name
/// of the call and how many they are.
pub const TOGETHER: &str = "together";

pub struct Writer {
    url: String,
    random: Random,
}

impl Writer {
    pub fn from_environment() -> Option<Self> {
        let url = std::env::var(URL).ok()?;
        let seed = std::env::var(SEED).unwrap().parse().unwrap();
        let random = Random::from_seed(seed);
        Some(Self { url, random })
    }

    /// Writes until it is killed.
    pub fn run(self) {
        crate::driver::runtime().block_on(async {
            let url = self.url.clone();
            match url.strip_prefix("sqlite:") {
                Some(path) => self.write(SqliteStore::open(path).unwrap()).await,
                None => {
                    self.write(PostgresStore::connect(&url).await.unwrap())
                        .await;
                }
            }
        });
    }

    async fn write<S: Store>(mut self, store: S) {
        let engine = Engine::new(store);
        let callers: Vec<_> = (0..CALLERS)
            .map(|_| {
                let caller = Caller {
                    engine: engine.clone(),
                    random: Random::from_seed(self.random.next()),
                    mine: Vec::new(),
                };
                tokio::spawn(caller.call())
            })
            .collect();
        for caller in callers {
            // A caller ends only in a panic, which is to be seen.
            caller.await.unwrap();
        }
    }
}

struct Caller<S> {
    engine: Engine<S>,
    random: Random,
    /// The applications that no other writer knows of.
    mine: Vec<Uuid>,
}

impl<S: Store> Caller<S> {
    async fn call(mut self) {
        loop {
            match self.random.below(10) {
                0 => self.create_together().await,
                1 | 2 => self.create().await,
                _ => self.move_on().await,
            }
        }
    }

    async fn create(&mut self) {
        let (uuid, name) = (self.uuid(), self.random.next());
        let uuid = if self.random.one_in(8) {
            self.hot()
        } else {
            uuid
        };
        let request = creation(uuid, &format!("alone {name}"), self.random.one_in(2));
        let request = self.perhaps_with_key(request);
        if self.execute(request).await {
            self.mine.push(uuid);
        }
    }

    async fn create_together(&mut self) {
        let count = 2 + self.random.below(4);
        let title = format!("{TOGETHER} {} {count}", self.random.next());
        let requests = (0..count).map(|_| creation(self.uuid(), &title, true));
        let requests = requests.collect();
        for answer in self.engine.execute_all(requests).await {
            Self::note(answer);
        }
    }

    async fn move_on(&mut self) {
        let uuid = match self.mine.last() {
            Some(mine) if !self.random.one_in(3) => *mine,
            _ => self.hot(),
        };
        let action = *self.random.pick(&Action::ALL);
        let text = matches!(action, Action::Reject | Action::Fail).then_some("it has to be");
        let actor = match action {
            Action::Approve | Action::Fail => Actor::system("worker"),
            _ => Actor::administrator("jane"),
        };
        let command = Command::new(action, text).unwrap();
        let mut request = Request::transition(institution(), actor.unwrap(), uuid, command);
        if self.random.one_in(4) {
            request = request.expecting(1 + self.random.below(5));
        }
        let request = self.perhaps_with_key(request);
        self.execute(request).await;
    }

    /// Carries out a request; one with a key is repeated until it has an answer.
    async fn execute(&mut self, request: Request) -> bool {
        let answer = loop {
            let answer = self.engine.execute(request.clone()).await;
            let failed = matches!(answer, Err(ExecuteError::Store(_)));
            if failed && request.idempotency_key.is_some() {
                Self::note(answer);
                // The server is away: there is no hurry.
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            }
            break answer;
        };
        Self::note(answer)
    }

    /// Says what was acknowledged. What must not happen ends the process.
    fn note(answer: Result<Receipt, ExecuteError>) -> bool {
        match answer {
            Ok(Receipt { event, .. }) => {
                let line = format!("{} {} {}\n", event.uuid(), event.version(), event.id());
                if std::io::stdout().write_all(line.as_bytes()).is_err() {
                    // The driver is gone.
                    std::process::exit(0);
                }
                true
            }
            Err(ExecuteError::Store(
                StoreError::Unavailable { .. } | StoreError::UnknownOutcome { .. },
            )) if !Self::is_local() => false,
            Err(
                ExecuteError::Abandoned { .. }
                | ExecuteError::Refused(
                    Refusal::Illegal(_)
                    | Refusal::Conflict { .. }
                    | Refusal::AlreadyExists { .. }
                    | Refusal::UnknownApplication { .. }
                    // The refusal was recorded with its key, and the answer was lost with the
                    // server.
                    | Refusal::Repeated {
                        code: "illegal_transition" | "conflict" | "already_exists"
                            | "unknown_application",
                        ..
                    },
                ),
            ) => false,
            Err(error) => {
                eprintln!("{error:?}");
                std::process::exit(3);
            }
        }
    }

    /// Whether there is no server that could be away.
    fn is_local() -> bool {
        std::any::type_name::<S>().contains("Sqlite")
    }

    fn perhaps_with_key(&mut self, request: Request) -> Request {
        if self.random.one_in(2) {
            return request;
        }
        let key = self.random.next().to_string();
        request.with_key(IdempotencyKey::new(key).unwrap())
    }

    fn uuid(&mut self) -> Uuid {
        Uuid::from_u64_pair(self.random.next(), self.random.next())
    }

    fn hot(&mut self) -> Uuid {
        Uuid::from_u128(self.random.below(HOT).into())
    }
}

pub fn institution() -> InstitutionId {
    InstitutionId::new("example-university").unwrap()
}

fn creation(uuid: Uuid, title: &str, upload: bool) -> Request {
    let details = ApplicationDetails::new(
        ApplicationId::new(42).unwrap(),
        uuid,
        CertificateTitle::new(title).unwrap(),
        ApplicantEmail::new("john@example.com").unwrap(),
    );
    if upload {
        let jane = Actor::administrator("jane").unwrap();
        Request::upload(institution(), jane, details, VaultUpload::Bulk)
    } else {
        let john = Actor::customer("john").unwrap();
        Request::submit(institution(), john, details)
    }
}
