//! Random requests of many clients, at the same time, with keys that are repeated and answers that
//! are lost: each answer, and what is there at the end, is what the reference says.
//!
//! A few requests are under way at a time. Their answers must be those of the reference for some
//! order in which it takes them; where several orders explain them, all are gone on with, until
//! what is read tells them apart. `SEED` repeats a walk.

mod asking;
mod ending;
mod reference;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Bytes;
use certificate_lifecycle::Action;
use certificate_lifecycle::store::{Role, Scopes};
use serde_json::{Value, json};

use crate::random::Random;
use crate::support::{Answer, World, application, get, on_every_store, post};
use asking::{ask, orders, polled};
use reference::{Asked, Client, Reference, Said, Wish};

on_every_store! {
    random_requests_of_many_clients_are_answered_as_by_the_reference,
}

/// How many rounds there are, unless ROUNDS says otherwise.
const ROUNDS: u64 = 800;

const TEXTS: [&str; 2] = ["A text", "Another text"];

struct Walk {
    world: Arc<World>,
    random: Random,
    clients: Vec<Client>,
    /// What may be: one for each order that explains all that was answered.
    possible: Vec<Reference>,
    round: u64,
    keys: u64,
    /// What had a key, and may be asked again.
    keyed: Vec<Asked>,
    /// The bodies that keys were answered with.
    bodies: BTreeMap<(&'static str, String), (u16, Bytes)>,
    /// Words for work, and of which application it is.
    work: Vec<(String, u64)>,
    cursors: BTreeMap<(u64, u64), String>,
    seen: BTreeMap<String, u64>,
}

async fn clients(world: &World) -> Vec<Client> {
    let mut clients = Vec::new();
    for institution in ["our-university", "our-university", "their-university"] {
        for actor in ["customer:john", "administrator:jane", "system:worker"] {
            let roles = Role::ALL.map(|it| (it.as_str(), it.scopes()));
            for (role, scopes) in roles.into_iter().chain([("all", Scopes::all())]) {
                // Mostly who may, so that something happens
                let token = world.token(Some(institution), actor, scopes).await;
                let actor = actor.to_owned();
                clients.push(Client {
                    token,
                    institution,
                    role,
                    actor,
                });
            }
        }
    }
    clients
}

async fn random_requests_of_many_clients_are_answered_as_by_the_reference(world: World) {
    let clients = clients(&world).await;
    let mut walk = Walk {
        random: Random::new(&format!("model on {:?}", world.kind)),
        world: Arc::new(world),
        clients,
        possible: vec![Reference::default()],
        round: 0,
        keys: 0,
        keyed: Vec::new(),
        bodies: BTreeMap::new(),
        work: Vec::new(),
        cursors: BTreeMap::new(),
        seen: BTreeMap::new(),
    };
    let rounds = std::env::var("ROUNDS").map_or(ROUNDS, |it| it.parse().unwrap());
    for round in 0..rounds {
        walk.round = round;
        if walk.random.one_in(5) {
            walk.claim().await;
        } else {
            walk.several().await;
        }
    }
    walk.ends().await;
    println!("{:?}", walk.seen);
    for said in [
        "200 ",
        "200 again",
        "201 ",
        "201 again",
        "204 ",
        "403 forbidden",
        "409 lease_lost",
        "412 conflict",
        "claimed",
        "lost",
        "409 illegal_transition",
        "422 idempotency_mismatch",
    ] {
        assert!(
            walk.seen.contains_key(said),
            "never {said}: {:?}",
            walk.seen
        );
    }
}

impl Walk {
    fn count(&mut self, what: String) {
        *self.seen.entry(what).or_default() += 1;
    }

    /// One request, in a world in which everything is rare enough to be met again.
    fn asked(&mut self) -> Asked {
        let random = &mut self.random;
        if random.one_in(4) && !self.keyed.is_empty() {
            let late = self.keyed.len().saturating_sub(12);
            return random.pick(&self.keyed[late..]).clone();
        }
        let number = 1 + self.round / 16 + random.below(3);
        let mut asked = Asked {
            client: 0,
            number,
            wish: match random.below(10) {
                0 | 1 => Wish::Submit,
                2 => Wish::Upload,
                _ => Wish::Act(*random.pick(&Action::ALL)),
            },
            text: TEXTS[usize::from(random.one_in(2))],
            key: None,
            expected: None,
        };
        if random.one_in(4) && !self.work.is_empty() {
            let late = self.work.len().saturating_sub(4);
            let (token, of) = random.pick(&self.work[late..]).clone();
            let verb = *random.pick(&["approve", "fail", "again", "release", "heartbeat"]);
            (asked.wish, asked.number) = (Wish::Settle(token, verb), of);
        }
        match asked.wish {
            // Each reason is given once more where the key is the same.
            Wish::Submit
            | Wish::Upload
            | Wish::Act(Action::Reject | Action::Fail)
            | Wish::Settle(_, "fail") => {}
            _ => asked.text = TEXTS[0],
        }
        asked.client = self.client(&asked);
        let random = &mut self.random;
        let is_act = matches!(asked.wish, Wish::Act(_));
        if is_act && random.one_in(3) {
            asked.expected = Some(random.below(5));
        }
        let takes_key = !matches!(
            asked.wish,
            Wish::Settle(_, "again" | "release" | "heartbeat")
        );
        if takes_key && random.one_in(2) {
            self.keys += 1;
            asked.key = Some(format!("key {}", self.keys));
            let others = self.keyed.iter();
            let others: Vec<_> = others
                .filter(|it| !matches!(it.wish, Wish::Settle(..)))
                .collect();
            let takes_another = !matches!(asked.wish, Wish::Settle(..)) && random.one_in(5);
            if takes_another && !others.is_empty() {
                asked.key.clone_from(&random.pick(&others).key);
            }
            self.keyed.push(asked.clone());
        }
        asked
    }

    /// Mostly one who may.
    fn client(&mut self, asked: &Asked) -> usize {
        let random = &mut self.random;
        if random.one_in(6) {
            return usize::try_from(random.below(self.clients.len() as u64)).unwrap();
        }
        let is_theirs = asked.number.is_multiple_of(3) != random.one_in(12);
        let institution = ["our-university", "their-university"][usize::from(is_theirs)];
        let actor = match asked.wish {
            Wish::Submit => "customer:john",
            Wish::Act(Action::Approve | Action::Fail) | Wish::Settle(..) => "system:worker",
            _ => "administrator:jane",
        };
        let of = self.clients.iter().enumerate();
        let of: Vec<_> = of
            .filter(|(_, it)| it.institution == institution)
            .filter(|(_, it)| it.role == "all" && it.actor == actor)
            .map(|(place, _)| place)
            .collect();
        *random.pick(&of)
    }

    /// A few requests at a time; the answer to one of them may be lost.
    async fn several(&mut self) {
        let number = if self.random.one_in(3) {
            2 + self.random.below(3)
        } else {
            1
        };
        let mut all: Vec<Asked> = Vec::new();
        for _ in 0..number {
            let again = self.random.one_in(3) && !all.is_empty();
            let asked = if again {
                self.random.pick(&all).clone()
            } else {
                self.asked()
            };
            all.push(asked);
        }
        let lost = all.iter().position(|it| it.key.is_some());
        let lost = lost.filter(|_| self.random.one_in(3));
        let mut under_way = Vec::new();
        for (place, asked) in all.iter().enumerate() {
            let (world, ask) = (Arc::clone(&self.world), ask(&self.clients, asked));
            let polls = (lost == Some(place)).then(|| 1 + self.random.below(6));
            under_way.push(tokio::spawn(async move {
                match polls {
                    Some(polls) => polled(world.send(ask), polls).await.map_or((), drop),
                    None => return Some(world.send(ask).await),
                }
                None
            }));
        }
        let mut answers = Vec::new();
        for answer in under_way {
            answers.push(answer.await.unwrap());
        }
        // What was lost is asked once more.
        let mut again = None;
        if let Some(place) = lost {
            self.count("lost".to_owned());
            again = Some(self.world.send(ask(&self.clients, &all[place])).await);
        }
        for (asked, answer) in all.iter().zip(&answers) {
            self.note(asked, answer.as_ref());
        }
        if let Some(place) = lost {
            self.note(&all[place], again.as_ref());
        }
        let said: Vec<_> = answers
            .iter()
            .map(|it| it.as_ref().map(Said::read))
            .collect();
        let again = lost.zip(again.as_ref().map(Said::read));
        self.explain(&all, &said, again.as_ref());
        for asked in &all {
            self.read(asked.number).await;
        }
    }

    /// Keeps what the order of the reference does not say: bytes, cursors.
    fn note(&mut self, asked: &Asked, answer: Option<&Answer>) {
        let Some(answer) = answer else { return };
        let said = Said::read(answer);
        let again = if said.is_replayed {
            "again"
        } else {
            &said.code
        };
        self.count(format!("{} {again}", said.status));
        let institution = self.clients[asked.client].institution;
        let is_remembered = said.code != "idempotency_mismatch" && said.code != "forbidden";
        if let Some(key) = asked.key.clone().filter(|_| is_remembered) {
            let body = (answer.status, answer.body.clone());
            // Work that was lost may be asked for under a key that has no answer yet.
            if said.code != "lease_lost" {
                let first = self.bodies.entry((institution, key));
                let first = first.or_insert_with(|| body.clone());
                assert_eq!(*first, body, "{asked:?} is answered in another way");
            }
        }
        if said.status < 300 && !answer.body.is_empty() && said.version > 0 {
            let body = answer.json();
            let cursor = body["event"]["cursor"].as_str().unwrap().to_owned();
            let before = self
                .cursors
                .insert((asked.number, said.version), cursor.clone());
            assert!(before.is_none_or(|it| it == cursor), "{asked:?}");
            assert_eq!(answer.header("etag"), format!("\"{}\"", said.version));
        }
    }

    /// Goes on with all orders that explain the answers.
    fn explain(&mut self, all: &[Asked], said: &[Option<Said>], last: Option<&(usize, Said)>) {
        let mut possible: Vec<Reference> = Vec::new();
        for reference in &self.possible {
            for order in orders(all.len()) {
                // What was lost may be carried out only when it is asked once more.
                for is_late in [false, true] {
                    if is_late && last.is_none() {
                        continue;
                    }
                    let mut reference = reference.clone();
                    let mut explains = order.iter().all(|&place| match &said[place] {
                        None if is_late => true,
                        None => {
                            reference.answer(&self.clients, &all[place]);
                            true
                        }
                        Some(said) => reference.answer(&self.clients, &all[place]) == *said,
                    });
                    if let Some((place, said)) = last {
                        let answer = reference.answer(&self.clients, &all[*place]);
                        explains &= answer == *said;
                    }
                    if explains && !possible.contains(&reference) {
                        possible.push(reference);
                    }
                }
            }
        }
        assert!(
            !possible.is_empty(),
            "round {}: no order explains\n{all:#?}\n{said:#?}\n{last:#?}\nof {:#?}",
            self.round,
            self.possible
                .iter()
                .flat_map(|it| all.iter().map(|asked| it.kept.get(&asked.number)))
                .collect::<Vec<_>>()
        );
        self.possible = possible;
    }

    /// What an application is tells orders apart.
    async fn read(&mut self, number: u64) {
        let reader = self.random.below(2) == 0;
        let token = if reader {
            &self.world.ours
        } else {
            &self.world.theirs
        };
        let institution = if reader {
            "our-university"
        } else {
            "their-university"
        };
        let path = format!("/v1/applications/{}", application(number));
        let answer = self.world.send(get(path).with(token)).await;
        let said = Said::read(&answer);
        self.possible.retain(|it| {
            let kept = it.kept.get(&number);
            let kept = kept.filter(|it| it.institution == institution);
            said == kept.map_or_else(
                || Said {
                    status: 404,
                    code: "unknown_application".to_owned(),
                    ..Said::default()
                },
                |it| Said::carried_out(200, &it.application),
            )
        });
        assert!(
            !self.possible.is_empty(),
            "round {}: {answer:?}",
            self.round
        );
    }

    async fn claim(&mut self) {
        let workers = self.clients.iter().filter(|it| it.actor == "system:worker");
        let workers: Vec<_> = workers
            .filter(|it| ["all", "processor"].contains(&it.role))
            .collect();
        let client = (*self.random.pick(&workers)).clone();
        let limit = 1 + self.random.below(3);
        let body = json!({"limit": limit, "lease": 86_400});
        let answer = self
            .world
            .send(post("/v1/work/claim", &body).with(&client.token))
            .await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let claimed = answer.json()["data"].as_array().unwrap().clone();
        assert!(claimed.len() as u64 <= limit);
        for work in claimed {
            self.claimed(&client, &work);
        }
    }

    fn claimed(&mut self, client: &Client, work: &Value) {
        self.count("claimed".to_owned());
        let number = work["application"]["application_id"].as_u64().unwrap();
        let version = work["application"]["version"].as_u64().unwrap();
        let token = work["work"].as_str().unwrap().to_owned();
        self.possible.retain_mut(|it| {
            let is_there = it.claimable(client.institution).contains(&number);
            let fits = is_there && it.kept[&number].application.version() == version;
            if fits {
                it.claimed(&token, number);
            }
            fits
        });
        assert!(!self.possible.is_empty(), "round {}: {work}", self.round);
        self.work.push((token, number));
    }
}
