//! Records outcomes: all at once, or one by one where the database refuses one of them.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::core::{Refused, Settled, Unrecorded, is_about_one};
use crate::store::{
    DeliveryFilter, DeliveryId, HealthChange, Outbox, Outcome, Settlement, StoreError,
};

/// Records all at once; if the database refuses that, one by one.
pub(super) async fn record<S: Outbox>(
    store: &S,
    now: DateTime<Utc>,
    settlements: Vec<Settlement>,
    health: Vec<(Uuid, HealthChange)>,
) -> Settled {
    let mut it = Settled::default();
    let answer = store.settle(now, settlements.clone(), health.clone()).await;
    let unrecorded = match answer {
        Ok(counted) => {
            it.recorded.extend(settlements.iter().map(|it| it.id));
            it.lost = counted.iter().filter(|counts| !**counts).count();
            None
        }
        Err(error) if is_about_one(&error) => {
            it.record_apart(store, now, settlements, health).await
        }
        Err(error) => Some(Unrecorded {
            settlements,
            health,
            error,
        }),
    };
    it.unrecorded = unrecorded;
    it
}

impl Settled {
    /// Records each health change and each settlement alone. Returns what a fault left over.
    async fn record_apart<S: Outbox>(
        &mut self,
        store: &S,
        now: DateTime<Utc>,
        settlements: Vec<Settlement>,
        health: Vec<(Uuid, HealthChange)>,
    ) -> Option<Unrecorded> {
        let mut health = health.into_iter();
        while let Some(change) = health.next() {
            match store.settle(now, Vec::new(), vec![change]).await {
                Ok(_) => {}
                Err(error) if is_about_one(&error) => {
                    tracing::error!(webhook = %change.0, error = %error, "health is not recorded");
                }
                Err(error) => {
                    return Some(Unrecorded {
                        settlements,
                        health: std::iter::once(change).chain(health).collect(),
                        error,
                    });
                }
            }
        }
        let mut settlements = settlements.into_iter();
        while let Some(settlement) = settlements.next() {
            if let Err(error) = self.record_one(store, now, &settlement).await {
                return Some(Unrecorded {
                    settlements: std::iter::once(settlement).chain(settlements).collect(),
                    health: Vec::new(),
                    error,
                });
            }
        }
        None
    }

    /// Records one settlement: with its attempt, without it, or not at all. A fault is an error.
    async fn record_one<S: Outbox>(
        &mut self,
        store: &S,
        now: DateTime<Utc>,
        settlement: &Settlement,
    ) -> Result<(), StoreError> {
        let delivery = settlement.id;
        let Some(mut error) = self.try_one(store, now, settlement.clone()).await? else {
            return Ok(());
        };
        if settlement.attempt.is_some() {
            let bare = Settlement {
                attempt: None,
                ..settlement.clone()
            };
            match self.try_one(store, now, bare).await? {
                None => {
                    tracing::error!(delivery = %delivery, error = %error, "recorded without its attempt");
                    if let Outcome::Retry { .. } = settlement.outcome {
                        self.uncounted.push(delivery);
                    }
                    return Ok(());
                }
                Some(other) => error = other,
            }
        }
        let webhook = webhook_of(store, delivery).await;
        tracing::error!(
            delivery = %delivery,
            webhook = webhook.map(tracing::field::display),
            error = %error,
            "outcome is not recorded: the delivery is sent again when its lease ends"
        );
        self.refused.push(Refused {
            delivery,
            webhook,
            error,
        });
        Ok(())
    }

    /// Records a settlement, unless the database refuses it: then it returns why. A fault is an
    /// error.
    async fn try_one<S: Outbox>(
        &mut self,
        store: &S,
        now: DateTime<Utc>,
        settlement: Settlement,
    ) -> Result<Option<StoreError>, StoreError> {
        let delivery = settlement.id;
        match store.settle(now, vec![settlement], Vec::new()).await {
            Ok(counted) => {
                self.recorded.push(delivery);
                self.lost += counted.iter().filter(|counts| !**counts).count();
                Ok(None)
            }
            Err(error) if is_about_one(&error) => Ok(Some(error)),
            Err(error) => Err(error),
        }
    }
}

async fn webhook_of<S: Outbox>(store: &S, id: DeliveryId) -> Option<Uuid> {
    let before = DeliveryId(id.0.saturating_sub(1));
    let page = store.deliveries(None, DeliveryFilter::default(), Some(before), 1);
    let page = page.await.ok()?;
    let found = page.deliveries.into_iter().find(|it| it.id == id);
    found.map(|it| it.webhook)
}
