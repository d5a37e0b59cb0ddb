//! Customers and administrators: those who command.

use std::time::Duration;

use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::store::*;
use certificate_lifecycle::*;

use crate::backend::Backend;
use crate::driver::{Actors, INSTITUTIONS};
use crate::random::Random;

impl Actors {
    /// Commands, legal and illegal, one after the other.
    pub async fn commanders(self) {
        let pause = if self.world.circumstances.is_long {
            3000
        } else {
            700
        };
        let engine = self.engine(self.skew());
        for _ in 0..60 {
            self.world.pause(pause).await;
            let request = self.request();
            self.command(&engine, request).await;
        }
    }

    /// One command. As long as it is unknown what became of it, it is repeated under the same
    /// key; now and then, it is not.
    pub async fn command(&self, engine: &Engine<Backend>, request: Request) {
        let key = self.world.random(Random::uuid).to_string();
        let request = request.with_key(IdempotencyKey::new(key).unwrap());
        loop {
            let answer = self.try_once(engine, &request).await;
            if let Some(answer @ (Ok(_) | Err(ExecuteError::Refused(_)))) = answer {
                return self.world.record().outcomes.answered(&request, &answer);
            }
            if self.world.is_faulty() && self.world.percent(10) {
                return self.world.count("commands given up");
            }
            self.world.count("commands repeated");
            self.world.pause(200).await;
        }
    }

    /// The answer; none where the backend crashes before there is one.
    async fn try_once(
        &self,
        engine: &Engine<Backend>,
        request: &Request,
    ) -> Option<Result<Receipt, ExecuteError>> {
        let answer = engine.execute(request.clone());
        if !self.world.is_faulty() || self.world.percent(90) {
            return Some(answer.await);
        }
        let life = self.world.random(|it| it.below(60));
        let answer = tokio::time::timeout(Duration::from_millis(life), answer).await;
        if answer.is_err() {
            self.world.count("crashes of backends");
            self.world.step(&"crash of a backend");
        }
        answer.ok()
    }

    fn request(&self) -> Request {
        let mut applications = self.applications.lock().unwrap();
        self.world.random(|it| {
            if applications.is_empty() || it.percent(25) {
                let institution = InstitutionId::new(*it.pick(&INSTITUTIONS)).unwrap();
                let details = ApplicationDetails::new(
                    ApplicationId::new(1 + it.below(1000)).unwrap(),
                    it.uuid(),
                    CertificateTitle::new("Certificate of \"Achievement\"").unwrap(),
                    ApplicantEmail::new("john@example.com").unwrap(),
                );
                applications.push((institution.clone(), details.uuid()));
                return if it.percent(50) {
                    Request::submit(institution, Actor::customer("john").unwrap(), details)
                } else {
                    let actor = Actor::administrator("jane").unwrap();
                    Request::upload(institution, actor, details, VaultUpload::Single)
                };
            }
            let (institution, uuid) = it.pick(&applications).clone();
            let (administrator, processing) = (
                Actor::administrator("jane").unwrap(),
                Actor::system("worker").unwrap(),
            );
            let (actor, command) = match it.below(8) {
                0 | 1 => (administrator, Command::BeginProcessing),
                2 => (
                    administrator,
                    Command::Reject(RejectionReason::new("Duplicate").unwrap()),
                ),
                3 => (processing, Command::Approve),
                4 | 5 => (
                    processing,
                    Command::Fail(ProcessingError::new("no template").unwrap()),
                ),
                _ => (administrator, Command::Retry),
            };
            Request::transition(institution, actor, uuid, command)
        })
    }
}
