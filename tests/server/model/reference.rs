//! What the API has to answer: the crate's core, and the rules of API.md and CONTRACT.md written
//! once more. No store takes part in it.

use std::collections::BTreeMap;

use certificate_lifecycle::{
    Action, AnyApplication, Application, ApplicationDetails, Command, EventKind, ProcessingError,
    RejectionReason, VaultUpload,
};
use uuid::Uuid;

use crate::access::table::ROLES;
use crate::support::Answer;

/// Who asks.
#[derive(Debug, Clone)]
pub struct Client {
    pub token: String,
    pub institution: &'static str,
    pub role: &'static str,
    pub actor: String,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    Submit,
    Upload,
    Act(Action),
    /// The work of this token, given back, or put off until now.
    Settle(String, &'static str),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub client: usize,
    pub number: u64,
    pub wish: Wish,
    /// The title of what is created, why something is rejected, or what has failed.
    pub text: &'static str,
    pub key: Option<String>,
    pub expected: Option<u64>,
}

/// What can be compared of an answer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Said {
    pub status: u16,
    pub code: String,
    pub state: String,
    pub version: u64,
    pub legal: Vec<String>,
    pub is_replayed: bool,
}

impl Said {
    fn refused(status: u16, code: &str) -> Self {
        let code = code.to_owned();
        Self {
            status,
            code,
            ..Self::default()
        }
    }

    /// With what the application is.
    fn of(self, application: &AnyApplication, has_legal: bool) -> Self {
        let legal = application.legal_actions().iter().filter(|_| has_legal);
        Self {
            state: application.status().as_str().to_owned(),
            version: application.version(),
            legal: legal.map(|it| it.as_str().to_owned()).collect(),
            ..self
        }
    }

    pub fn carried_out(status: u16, application: &AnyApplication) -> Self {
        Self::refused(status, "").of(application, true)
    }

    pub fn read(answer: &Answer) -> Self {
        if answer.body.is_empty() {
            return Self::refused(answer.status, "");
        }
        let body = answer.json();
        let (of, state, version) = match body.get("application") {
            Some(application) => (application, "status", "version"),
            None if body.get("code").is_some() => (&body, "current_status", "current_version"),
            None => (&body, "status", "version"),
        };
        let text = |it: &serde_json::Value| it.as_str().unwrap_or_default().to_owned();
        let legal = of["legal"].as_array().cloned().unwrap_or_default();
        Self {
            status: answer.status,
            code: text(&body["code"]),
            state: text(&of[state]),
            version: of[version].as_u64().unwrap_or_default(),
            legal: legal.iter().map(text).collect(),
            is_replayed: answer.headers.contains_key("idempotent-replayed"),
        }
    }
}

/// An entry of a history: the event, who acted, and with which key.
pub type Entry = (EventKind, String, Option<String>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    pub institution: &'static str,
    pub application: AnyApplication,
    pub history: Vec<Entry>,
}

/// The first request that had a key, and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Used {
    by: String,
    asked: Asked,
    said: Said,
}

/// A lease: of which version of which application.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Lease {
    number: u64,
    version: u64,
    is_held: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reference {
    pub kept: BTreeMap<u64, Kept>,
    keys: BTreeMap<(&'static str, String), Used>,
    leases: BTreeMap<String, Lease>,
}

impl Reference {
    /// The answer to a request, which is carried out.
    pub fn answer(&mut self, clients: &[Client], asked: &Asked) -> Said {
        let client = &clients[asked.client];
        if !has_scope(client, &asked.wish) || !is_permitted(client, &asked.wish) {
            return Said::refused(403, "forbidden");
        }
        if let Wish::Settle(token, verb) = &asked.wish {
            return self.settle(client, asked, token, verb);
        }
        if let Some(said) = self.replay(client, asked) {
            return said;
        }
        let said = self.decide(client, asked);
        self.remember(client, asked, &said);
        said
    }

    fn replay(&self, client: &Client, asked: &Asked) -> Option<Said> {
        let key = (client.institution, asked.key.clone()?);
        let used = self.keys.get(&key)?;
        let is_same = used.by == client.actor
            && (used.asked.number, &used.asked.wish, used.asked.text)
                == (asked.number, &asked.wish, asked.text);
        // Of an event, the version that was expected may be left out.
        let is_expected = match asked.expected {
            None if used.said.status < 300 => true,
            Some(version) if used.said.status < 300 => version + 1 == used.said.version,
            expected => expected == used.asked.expected,
        };
        if !is_same || !is_expected {
            return Some(Said::refused(422, "idempotency_mismatch"));
        }
        Some(Said {
            is_replayed: true,
            ..used.said.clone()
        })
    }

    fn remember(&mut self, client: &Client, asked: &Asked, said: &Said) {
        if let Some(key) = &asked.key {
            let (by, asked) = (client.actor.clone(), asked.clone());
            let said = said.clone();
            let used = Used { by, asked, said };
            self.keys.insert((client.institution, key.clone()), used);
        }
    }

    fn decide(&mut self, client: &Client, asked: &Asked) -> Said {
        let now = crate::support::now();
        let action = match asked.wish {
            Wish::Act(action) => action,
            _ if self.kept.contains_key(&asked.number) => {
                return Said::refused(409, "already_exists");
            }
            _ => {
                let details = details(asked);
                let application = match asked.wish {
                    Wish::Submit => Application::submit(details, now).application.into(),
                    _ => Application::upload(details, VaultUpload::Bulk, now)
                        .application
                        .into(),
                };
                let said = Said::carried_out(201, &application);
                let entry = (EventKind::Created, client.actor.clone(), asked.key.clone());
                let kept = Kept {
                    institution: client.institution,
                    application,
                    history: vec![entry],
                };
                self.kept.insert(asked.number, kept);
                return said;
            }
        };
        let of = |it: &&mut Kept| it.institution == client.institution;
        let Some(kept) = self.kept.get_mut(&asked.number).filter(of) else {
            return Said::refused(404, "unknown_application");
        };
        let version = kept.application.version();
        if asked.expected.is_some_and(|it| it != version) {
            return Said::refused(412, "conflict").of(&kept.application, false);
        }
        match kept
            .application
            .clone()
            .apply(command(action, asked.text), now)
        {
            Err(_) => Said::refused(409, "illegal_transition").of(&kept.application, true),
            Ok(transition) => {
                let (actor, key) = (client.actor.clone(), asked.key.clone());
                kept.history.push((transition.event.kind(), actor, key));
                kept.application = transition.application;
                Said::carried_out(200, &kept.application)
            }
        }
    }

    fn settle(&mut self, client: &Client, asked: &Asked, token: &str, verb: &str) -> Said {
        let lost = Said::refused(409, "lease_lost");
        let lease = self.leases.get(token).cloned();
        let Some(lease) = lease.filter(|it| self.is_of(client, it.number)) else {
            return lost;
        };
        let is_used = |key: &String| self.keys.contains_key(&(client.institution, key.clone()));
        if asked.key.as_ref().is_some_and(is_used) {
            return self.replay(client, asked).unwrap();
        }
        let is_current = self.kept[&lease.number].application.version() == lease.version;
        if !lease.is_held || !is_current {
            return lost;
        }
        let is_held = verb == "heartbeat";
        self.leases
            .insert(token.to_owned(), Lease { is_held, ..lease });
        let action = match verb {
            "approve" => Action::Approve,
            "fail" => Action::Fail,
            "heartbeat" => return Said::refused(200, ""),
            _ => return Said::refused(204, ""),
        };
        let mut act = asked.clone();
        (act.wish, act.number) = (Wish::Act(action), lease.number);
        let said = self.decide(client, &act);
        self.remember(client, asked, &said);
        said
    }

    fn is_of(&self, client: &Client, number: u64) -> bool {
        let kept = self.kept.get(&number);
        kept.is_some_and(|it| it.institution == client.institution)
    }

    /// The applications that background work owns, and that no lease is on.
    pub fn claimable(&self, institution: &str) -> Vec<u64> {
        let is_leased = |number: u64, version: u64| {
            let mut leases = self.leases.values();
            leases.any(|it| it.is_held && (it.number, it.version) == (number, version))
        };
        let of = self.kept.iter().filter(|(number, it)| {
            it.institution == institution
                && it.application.is_in_progress()
                && !is_leased(**number, it.application.version())
        });
        of.map(|(number, _)| *number).collect()
    }

    pub fn claimed(&mut self, token: &str, number: u64) {
        let lease = Lease {
            number,
            version: self.kept[&number].application.version(),
            is_held: true,
        };
        self.leases.insert(token.to_owned(), lease);
    }
}

fn details(asked: &Asked) -> ApplicationDetails {
    let body = crate::support::submit(asked.number);
    let text = |name: &str| body[name].as_str().unwrap().to_owned();
    ApplicationDetails::new(
        asked.number.try_into().unwrap(),
        text("uuid").parse::<Uuid>().unwrap(),
        asked.text.parse().unwrap(),
        text("applicant_email").parse().unwrap(),
    )
}

fn command(action: Action, text: &str) -> Command {
    match action {
        Action::BeginProcessing => Command::BeginProcessing,
        Action::Approve => Command::Approve,
        Action::Reject => Command::Reject(RejectionReason::new(text).unwrap()),
        Action::Fail => Command::Fail(ProcessingError::new(text).unwrap()),
        Action::Retry => Command::Retry,
    }
}

fn has_scope(client: &Client, wish: &Wish) -> bool {
    let needed = match wish {
        Wish::Submit => "applications:submit",
        Wish::Upload => "applications:upload",
        Wish::Act(Action::BeginProcessing | Action::Reject) => "applications:decide",
        Wish::Act(Action::Retry) => "applications:retry",
        Wish::Act(Action::Approve | Action::Fail) | Wish::Settle(..) => "applications:process",
    };
    let all = client.role == "all";
    let role = ROLES.iter().find(|(name, _)| *name == client.role);
    all || role.unwrap().1.contains(&needed)
}

/// CONTRACT.md, "Events", who acts.
fn is_permitted(client: &Client, wish: &Wish) -> bool {
    let (kind, _) = client.actor.split_once(':').unwrap();
    match wish {
        Wish::Submit => kind != "administrator",
        Wish::Settle(_, "approve" | "fail") | Wish::Act(Action::Approve | Action::Fail) => {
            kind == "system"
        }
        Wish::Settle(..) => true,
        _ => kind == "administrator",
    }
}
