//! The receiving ends, and the wire to them: they check what comes, and often answer badly.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use certificate_lifecycle::delivery::{
    OutgoingRequest, Response, RetryAfter, SendError, Transport,
};
use certificate_lifecycle::webhook::Verifier;
use uuid::Uuid;

use crate::life::Life;
use crate::record::Place;
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

/// How the receivers are.
#[derive(Clone, Default)]
pub struct Moods(Arc<Mutex<BTreeMap<Uuid, Mood>>>);

impl Moods {
    pub fn set(&self, webhook: Uuid, mood: Mood) {
        self.0.lock().unwrap().insert(webhook, mood);
    }

    /// From now on, all are well.
    pub fn recover(&self) {
        self.0.lock().unwrap().clear();
    }

    fn of(&self, webhook: Uuid) -> Mood {
        let mood = self.0.lock().unwrap().get(&webhook).copied();
        mood.unwrap_or(Mood::Well)
    }
}

/// The wire that leads from one dispatcher to the receivers.
#[derive(Clone)]
pub struct Wire {
    pub world: Arc<World>,
    pub moods: Moods,
    pub life: Arc<Life>,
}

impl Wire {
    /// A request is made: is it what the contract says, and may it be made now?
    fn begin(&self, request: &OutgoingRequest) -> Place {
        let headers = request.headers.iter();
        let headers = headers.map(|(name, value)| (name.as_str(), value.as_bytes()));
        let id = headers
            .clone()
            .find(|(name, _)| *name == "x-webhook-id")
            .unwrap();
        let id: Uuid = std::str::from_utf8(id.1).unwrap().parse().unwrap();
        let now = self.world.now();
        let mut record = self.world.record();
        let receiver = &record.receivers[&id];
        let secrets = &receiver.secrets;
        let old = secrets.old().iter().map(|old| old.secret.clone());
        let verifier = Verifier::new(old.chain([secrets.current().clone()]));
        // The sender's clock may be wrong by seconds.
        let event = verifier.verify(headers, &request.body, now);
        let event = event.unwrap_or_else(|error| panic!("refused by the receiver: {error}"));
        let (uuid, version) = record.events[&event.event_id.unwrap()];
        check(uuid == event.payload.uuid(), || {
            format!("{uuid}: another one's event id")
        });
        let place = (id, uuid, version);
        check(
            record.institutions[&id] == record.institutions[&uuid],
            || format!("{place:?}: delivered to another institution"),
        );
        check(receiver.kinds.contains(event.payload.kind()), || {
            format!("{place:?} was not wanted")
        });
        check(record.expected.contains(&place), || {
            format!("{place:?} was not expected")
        });
        record.begins(self.life.number, place, self.life.now(), now);
        place
    }

    /// A request has arrived: is it its turn?
    fn arrive(&self, place: Place, body: &[u8]) {
        let (id, uuid, _) = place;
        let mut record = self.world.record();
        if record.removed.contains_key(&id) {
            record.count("arrived after a removal");
        }
        if let Some(before) = record.arrived.get(&place) {
            check(before == body, || {
                format!("{place:?}: other bytes than before")
            });
            record.count("arrived again");
        } else {
            // The first time: whatever comes before it has been taken, or is dead.
            let earlier = (id, uuid, 0)..place;
            let is_over =
                |it: &&Place| record.accepted.contains_key(*it) || record.progress.was_dead(it);
            let open = record
                .expected
                .range(earlier)
                .find(|it| !is_over(it))
                .copied();
            check(open.is_none(), || {
                format!("{place:?} has overtaken {open:?}")
            });
            record.arrived.insert(place, body.to_vec());
        }
    }

    /// What comes of a request.
    async fn carry(&self, place: Place, body: Vec<u8>) -> Result<Response, SendError> {
        self.life.may_stop();
        self.world.pause(30).await;
        let mut mood = self.moods.of(place.0);
        self.world.step(&(place.0, mood));
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
                        wire.arrive(place, &body);
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
        self.arrive(place, &body);
        self.world.record().health.answers(place.0, status);
        if status == 204 {
            self.world.record().accepted.insert(place, body);
        }
        self.life.may_stop();
        self.world.pause(30).await;
        if self.world.is_faulty() && self.world.percent(3) {
            self.world.count("responses lost");
            return Err(SendError::Broken("reset".to_owned()));
        }
        let asked = status == 503 && self.world.percent(50);
        Ok(Response::new(status).with_retry_after(asked.then_some(RetryAfter::Delay(ASKED))))
    }
}

/// For how long an overloaded receiver asks to be left alone.
const ASKED: Duration = Duration::from_secs(2);

impl Transport for Wire {
    async fn send(
        &self,
        request: OutgoingRequest,
        _: std::time::Instant,
    ) -> Result<Response, SendError> {
        let place = self.begin(&request);
        let (by, at) = (self.life.number, self.life.now());
        let which = self.world.record().progress.begins(by, place, at);
        let answer = self.carry(place, request.body).await;
        let begun = (by, place, at);
        self.world.record().progress.ends(begun, which, &answer);
        if let Ok(response) = &answer
            && response.status == 503
        {
            let asked = response.retry_after.map(|_| ASKED);
            let mut record = self.world.record();
            record.health.asks(begun, asked, self.life.now());
        }
        answer
    }
}
