//! Customers and administrators: those who command.

use certificate_lifecycle::store::*;
use certificate_lifecycle::*;

use crate::driver::{Actors, INSTITUTIONS};

impl Actors {
    /// Commands, legal and illegal, one after the other.
    pub async fn commanders(self) {
        let pause = if self.world.circumstances.is_long {
            3000
        } else {
            700
        };
        for _ in 0..60 {
            self.world.pause(pause).await;
            let request = self.request();
            self.command(request).await;
        }
    }

    pub async fn command(&self, request: Request) {
        let Ok(receipt) = self.engine.execute(request.clone()).await else {
            return self.world.count("refused commands");
        };
        self.committed(&request, &receipt.event).await;
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

    /// A transition was committed: who must hear of it?
    async fn committed(&self, request: &Request, event: &Event) {
        self.world.step(&event.id());
        let webhooks = self
            .store
            .webhooks(Some(&request.institution))
            .await
            .unwrap();
        self.expect(request, event, &webhooks);
        self.world.ring().await;
    }

    fn expect(&self, request: &Request, event: &Event, webhooks: &[Webhook]) {
        let mut record = self.world.record();
        let place = (event.uuid(), event.version());
        record.events.insert(event.id(), place);
        let institution = request.institution.as_str().to_owned();
        record.institutions.insert(event.uuid(), institution);
        for it in webhooks {
            if it.endpoint.is_enabled() && it.endpoint.kinds.contains(event.kind()) {
                let place = (it.id, place.0, place.1);
                record.expected.insert(place);
                record.progress.made(place);
            }
        }
    }
}
