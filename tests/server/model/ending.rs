//! What is there at the end: lists, counts, histories, the feed, and what can be claimed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Walk;
use super::asking::{counts_of, list, numbers};
use super::reference::{Client, Entry, Kept};
use crate::support::{application, get, post};

impl Walk {
    /// What is there at the end.
    pub async fn ends(&mut self) {
        let world = Arc::clone(&self.world);
        for (institution, token) in [
            ("our-university", &world.ours),
            ("their-university", &world.theirs),
        ] {
            let client = Client {
                token: token.clone(),
                institution,
                role: "all",
                actor: "system:worker".to_owned(),
            };
            let list = list(&world, token).await;
            let counts = world.send(get("/v1/counts").with(token)).await.json();
            self.possible.retain(|it| {
                let of = it.kept.values().filter(|it| it.institution == institution);
                let of: Vec<_> = of.map(|it| &it.application).collect();
                let mut expected: Vec<_> = of
                    .iter()
                    .map(|it| (it.uuid().to_string(), it.status().to_string(), it.version()))
                    .collect();
                expected.sort();
                let count = |status, source| {
                    let fits = of
                        .iter()
                        .filter(|it| (it.status(), it.source()) == (status, source));
                    fits.count() as u64
                };
                list == expected && counts_of(&counts) == numbers(count)
            });
            assert!(!self.possible.is_empty(), "{list:?} {counts}");
            // Where several fit, their histories tell them apart, or they differ in nothing that
            // can be seen any more.
            self.told_by_histories(&client).await;
            assert!(!self.possible.is_empty(), "no history fits");
            self.histories(&client).await;
            // All that background work owns can be claimed in the end.
            let start = Instant::now();
            while !self.possible[0].claimable(institution).is_empty() {
                assert!(start.elapsed() < Duration::from_secs(60));
                let body = json!({"limit": 100, "lease": 86_400, "wait": 1});
                let ask = post("/v1/work/claim", &body)
                    .with(token)
                    .by("system:worker");
                for work in world.send(ask).await.json()["data"].as_array().unwrap() {
                    self.claimed(&client, work);
                }
            }
        }
    }

    /// Only those stay possible that have the histories of the institution.
    async fn told_by_histories(&mut self, client: &Client) {
        if self.possible.len() == 1 {
            return;
        }
        let ours = |it: &(&u64, &Kept)| it.1.institution == client.institution;
        let numbers: Vec<u64> = {
            let kept = self.possible[0].kept.iter().filter(ours);
            kept.map(|(number, _)| *number).collect()
        };
        for number in numbers {
            let path = format!("/v1/applications/{}/history", application(number));
            let history = self.world.send(get(path).with(&client.token)).await.json();
            let text = |it: &Value| it.as_str().map(ToOwned::to_owned);
            let found: Vec<_> = history["data"].as_array().unwrap().iter().collect();
            self.possible.retain(|it| {
                let expected = &it.kept[&number].history;
                let fits = |(entry, (kind, actor, key)): (&&Value, &Entry)| {
                    entry["event"] == kind.name()
                        && entry["actor"] == actor.as_str()
                        && text(&entry["idempotency_key"]) == *key
                };
                found.len() == expected.len() && found.iter().zip(expected).all(fits)
            });
        }
    }

    /// Each history, and the feed, have what was carried out, and nothing else.
    async fn histories(&self, client: &Client) {
        let mut events = BTreeMap::new();
        let kept = &self.possible[0].kept;
        for (number, kept) in kept
            .iter()
            .filter(|(_, it)| it.institution == client.institution)
        {
            let path = format!("/v1/applications/{}/history", application(*number));
            let history = self.world.send(get(path).with(&client.token)).await.json();
            let text = |it: &Value| it.as_str().map(ToOwned::to_owned);
            let history = history["data"].as_array().unwrap();
            for (place, (kind, actor, key)) in kept.history.iter().enumerate() {
                let (entry, version) = (&history[place], place as u64 + 1);
                assert_eq!(entry["version"], version);
                assert_eq!(entry["event"], kind.name());
                assert_eq!(entry["actor"], actor.as_str());
                assert_eq!(text(&entry["idempotency_key"]), *key);
                let cursor = self.cursors.get(&(*number, version)).cloned();
                events.insert(
                    (application(*number), version),
                    (text(&entry["event_id"]), cursor),
                );
            }
            assert_eq!(history.len(), kept.history.len());
        }
        let mut versions: BTreeMap<String, u64> = BTreeMap::new();
        for event in self
            .world
            .events(&client.token, events.len() as u64)
            .await
            .as_array()
            .unwrap()
        {
            let uuid = event["payload"]["uuid"].as_str().unwrap().to_owned();
            let version = event["version"].as_u64().unwrap();
            let before = versions.insert(uuid.clone(), version).unwrap_or_default();
            assert_eq!(version, before + 1, "{event}");
            let (id, cursor) = events.remove(&(uuid, version)).unwrap();
            assert_eq!(event["event_id"], id.unwrap());
            if let Some(cursor) = cursor {
                assert_eq!(event["cursor"], cursor);
            }
        }
        assert!(events.is_empty());
    }
}
