//! The receiving ends, and the wire to them: they check what comes, and often answer badly.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use certificate_lifecycle::delivery::{Outgoing, Response, RetryAfter, SendError, Transport};
use certificate_lifecycle::store::{MemoryStore, Outbox};
use certificate_lifecycle::webhook::{EventKinds, Verifier};
use chrono::TimeDelta;
use uuid::Uuid;

use crate::world::{World, check};

/// How a receiver behaves for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mood {
    Well,
    /// It says 500 to everything.
    Ill,
    /// It asks to be left alone.
    Overloaded,
    /// It does not answer.
    Silent,
    /// There is no way to it.
    Away,
    /// It is gone for good, it says.
    Gone,
    /// This or that, at random.
    Moody,
}

pub const MOODS: [Mood; 9] = [
    Mood::Well,
    Mood::Well,
    Mood::Well,
    Mood::Ill,
    Mood::Overloaded,
    Mood::Silent,
    Mood::Away,
    Mood::Gone,
    Mood::Moody,
];

#[derive(Clone)]
pub struct Wire {
    pub world: Arc<World>,
    pub store: MemoryStore,
    pub moods: Arc<Mutex<BTreeMap<Uuid, Mood>>>,
}

impl Wire {
    pub fn mood(&self, webhook: Uuid) -> Mood {
        let mood = self.moods.lock().unwrap().get(&webhook).copied();
        if self.world.is_faulty() {
            mood.unwrap_or(Mood::Well)
        } else {
            Mood::Well
        }
    }

    /// A request has arrived: is it what the contract says?
    async fn arrive(&self, request: &Outgoing) -> (Uuid, Uuid, u64) {
        let headers = request.headers.iter();
        let headers = headers.map(|(name, value)| (name.as_str(), value.as_bytes()));
        let id = headers
            .clone()
            .find(|(name, _)| *name == "x-webhook-id")
            .unwrap();
        let id: Uuid = std::str::from_utf8(id.1).unwrap().parse().unwrap();
        let webhook = self.store.webhook(id).await.unwrap().unwrap();
        let secrets = &webhook.endpoint.secrets;
        let old = secrets.old().iter().map(|old| old.secret.clone());
        let verifier = Verifier::new(old.chain([secrets.current().clone()]));
        // The sender's clock may be wrong by seconds, the wire slow.
        let event = verifier.verify(headers, &request.body, self.world.now());
        let event = event.unwrap_or_else(|error| panic!("refused by the receiver: {error}"));
        let event_id = event.event_id.unwrap();
        let mut record = self.world.record();
        let (uuid, version) = record.events[&event_id];
        check(uuid == event.payload.uuid(), || {
            format!("{uuid}: another one's event id")
        });
        let place = (id, uuid, version);
        check(
            record.institutions[&id] == record.institutions[&uuid],
            || format!("{place:?}: delivered to another institution"),
        );
        let wants: EventKinds = webhook.endpoint.kinds;
        check(wants.contains(event.payload.kind()), || {
            format!("{place:?} was not wanted")
        });
        check(record.expected.contains(&place), || {
            format!("{place:?} was not expected")
        });
        if let Some(before) = record.arrived.get(&place) {
            check(*before == request.body, || {
                format!("{place:?}: other bytes than before")
            });
            *record.counts.entry("arrived again").or_default() += 1;
        } else {
            // The first time: whatever comes before it has been taken, or is dead.
            let earlier = (id, uuid, 0)..place;
            let is_over = |it: &&(Uuid, Uuid, u64)| {
                record.accepted.contains_key(*it) || record.dead.contains_key(*it)
            };
            let open = record
                .expected
                .range(earlier)
                .find(|it| !is_over(it))
                .copied();
            check(open.is_none(), || {
                format!("{place:?} has overtaken {open:?}")
            });
            record.arrived.insert(place, request.body.clone());
        }
        place
    }
}

impl Transport for Wire {
    async fn send(&self, request: Outgoing) -> Result<Response, SendError> {
        self.world.pause(30).await;
        let id = request
            .headers
            .iter()
            .find(|(name, _)| name.as_str() == "x-webhook-id");
        let id: Uuid = id.unwrap().1.to_str().unwrap().parse().unwrap();
        let mut mood = self.mood(id);
        self.world.step(&(id, mood));
        if mood == Mood::Moody {
            mood = self.world.random(|it| *it.pick(&MOODS[..7]));
        }
        let status = match mood {
            Mood::Away => return Err(SendError::Connect("no route".to_owned())),
            Mood::Silent => {
                // It may arrive nevertheless, long after it was given up.
                if self.world.percent(50) {
                    let (wire, late) = (self.clone(), self.world.random(|it| it.below(10_000)));
                    tokio::spawn(async move {
                        tokio::time::sleep(Duration::from_millis(late)).await;
                        wire.arrive(&request).await;
                    });
                }
                tokio::time::sleep(Duration::from_secs(3)).await;
                return Err(SendError::Timeout("waiting"));
            }
            Mood::Ill => 500,
            Mood::Overloaded => 503,
            Mood::Gone => 410,
            Mood::Well | Mood::Moody => 204,
        };
        let place = self.arrive(&request).await;
        if status == 204 {
            self.world.record().accepted.insert(place, request.body);
        }
        self.world.pause(30).await;
        if self.world.is_faulty() && self.world.percent(3) {
            self.world.count("responses lost");
            return Err(SendError::Broken("reset".to_owned()));
        }
        let asked = status == 503 && self.world.percent(50);
        Ok(Response {
            status,
            retry_after: asked.then_some(RetryAfter::Delay(TimeDelta::seconds(2))),
            excerpt: Vec::new(),
        })
    }
}
