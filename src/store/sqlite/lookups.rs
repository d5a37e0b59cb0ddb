//! Applications that are asked for one by one, at the same time: they are looked up together, on
//! one thread and in one transaction, since to wake a thread takes longer than to look one up.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::{mem, thread};

use rusqlite::Connection;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::failure::unavailable;
use super::read;
use super::readers::Readers;
use crate::lifecycle::any::AnyApplication;
use crate::store::{InstitutionId, Result};

/// How often the thread lets others go first before it ends, when nothing waits: those whom it has
/// answered come back soon.
const PATIENCE: u32 = 20;

type Answer = Result<Option<AnyApplication>>;

/// What is asked for, and whether a thread is at it.
#[derive(Debug, Default)]
pub(super) struct Lookups {
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    lookups: Vec<Lookup>,
    is_served: bool,
}

#[derive(Debug)]
struct Lookup {
    institution: InstitutionId,
    uuid: Uuid,
    answer: oneshot::Sender<Answer>,
}

impl Lookups {
    /// Looks up an application; with others, if others are asked for.
    pub(super) async fn load(
        self: &Arc<Self>,
        readers: &Arc<Readers>,
        institution: InstitutionId,
        uuid: Uuid,
    ) -> Answer {
        let (answer, answered) = oneshot::channel();
        let is_served = {
            let mut waiting = self.waiting();
            waiting.lookups.push(Lookup {
                institution: institution.clone(),
                uuid,
                answer,
            });
            mem::replace(&mut waiting.is_served, true)
        };
        if !is_served {
            let service = Service {
                lookups: Arc::clone(self),
                readers: Arc::downgrade(readers),
                has_ended: false,
            };
            tokio::task::spawn_blocking(move || service.run());
        }
        match answered.await {
            Ok(answer) => answer,
            // The thread of another runtime, which was shut down.
            Err(_) => {
                readers
                    .ask(move |reader| read::load(reader, &institution, uuid))
                    .await
            }
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A thread that looks up. Should it never run, or panic, those that wait hear that nothing comes.
struct Service {
    lookups: Arc<Lookups>,
    /// Those that wait keep them open; once answered, the last to go closes the file.
    readers: Weak<Readers>,
    has_ended: bool,
}

impl Service {
    fn run(mut self) {
        while let Some(group) = self.next() {
            let Some(readers) = self.readers.upgrade() else {
                continue;
            };
            let found = readers.ask_now(|reader| all(reader, &group));
            drop(readers);
            match found {
                Ok(found) => {
                    for (lookup, found) in group.into_iter().zip(found) {
                        // A caller that has gone needs no answer.
                        let _ = lookup.answer.send(found);
                    }
                }
                Err(error) => {
                    for lookup in group {
                        let _ = lookup.answer.send(Err(error.clone()));
                    }
                }
            }
        }
    }

    /// All that wait; none if nothing comes for a moment: then this thread is at it no more.
    fn next(&mut self) -> Option<Vec<Lookup>> {
        for patience in (0..=PATIENCE).rev() {
            let mut waiting = self.lookups.waiting();
            if !waiting.lookups.is_empty() {
                return Some(mem::take(&mut waiting.lookups));
            }
            if patience == 0 {
                waiting.is_served = false;
                self.has_ended = true;
                break;
            }
            drop(waiting);
            thread::yield_now();
        }
        None
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if !self.has_ended {
            let mut waiting = self.lookups.waiting();
            waiting.lookups.clear();
            waiting.is_served = false;
        }
    }
}

/// Looks them up in one transaction; each has an answer of its own.
fn all(reader: &mut Connection, group: &[Lookup]) -> Result<Vec<Answer>> {
    let load = |reader: &Connection, it: &Lookup| read::load(reader, &it.institution, it.uuid);
    if let [one] = group {
        return Ok(vec![load(reader, one)]);
    }
    let snapshot = reader.transaction().map_err(unavailable)?;
    Ok(group.iter().map(|it| load(&snapshot, it)).collect())
}
