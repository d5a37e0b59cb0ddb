//! What a store hands on that wraps another one, its `store`, to change some of what that does.

/// With what their signatures name in scope, these methods of `Store`, `Outbox`, `WorkQueue`,
/// `Tokens`, `Replies` and `Audit`, in an `impl` of them.
macro_rules! delegate {
    ($($method:ident)*) => { $(delegate!(@$method);)* };
    (@append) => {
        async fn append(
            &self,
            batch: Vec<Append>,
            atomicity: Atomicity,
        ) -> Vec<
            Result<Receipt,
                ExecuteError,
            >,
        > {
            self.store.append(batch, atomicity).await
        }
    };
    (@load) => {
        async fn load(
            &self,
            institution: &InstitutionId,
            uuid: Uuid,
        ) -> Result<
            Option<AnyApplication>, StoreError> {
            self.store.load(institution, uuid).await
        }
    };
    (@history) => {
        async fn history(
            &self,
            institution: &InstitutionId,
            uuid: Uuid,
        ) -> Result<Vec<RecordedEvent>, StoreError> {
            self.store.history(institution, uuid).await
        }
    };
    (@feed) => {
        async fn feed(
            &self,
            after: Cursor,
            limit: u32,
        ) -> Result<Vec<RecordedEvent>, StoreError> {
            self.store.feed(after, limit).await
        }
    };
    (@feed_end) => {
        async fn feed_end(&self) -> Result<Cursor, StoreError> {
            self.store.feed_end().await
        }
    };
    (@wake) => {
        fn commits(&self) -> CommitWatch {
            self.store.commits()
        }
        fn wake(&self) {
            self.store.wake();
        }
    };
    (@add_webhook) => {
        async fn add_webhook(
            &self,
            webhook: Webhook,
        ) -> Result<bool, StoreError> {
            self.store.add_webhook(webhook).await
        }
    };
    (@put_webhook) => {
        async fn put_webhook(
            &self,
            webhook: Webhook,
        ) -> Result<Put, StoreError> {
            self.store.put_webhook(webhook).await
        }
    };
    (@webhook) => {
        async fn webhook(
            &self,
            institution: &InstitutionId,
            id: Uuid,
        ) -> Result<Option<Webhook>, StoreError> {
            self.store.webhook(institution, id).await
        }
    };
    (@webhooks) => {
        async fn webhooks(
            &self,
            institution: Option<&InstitutionId>,
        ) -> Result<Vec<Webhook>, StoreError> {
            self.store.webhooks(institution).await
        }
    };
    (@remove_webhook) => {
        async fn remove_webhook(
            &self,
            institution: &InstitutionId,
            id: Uuid,
        ) -> Result<bool, StoreError> {
            self.store.remove_webhook(institution, id).await
        }
    };
    (@due) => {
        async fn due(&self) -> Result<Vec<Due>, StoreError> {
            self.store.due().await
        }
    };
    (@claim) => {
        async fn claim(&self, claim: Claim) -> Result<ClaimedBatch, StoreError> {
            self.store.claim(claim).await
        }
    };
    (@settle) => {
        async fn settle(
            &self,
            now: DateTime<Utc>,
            settlements: Vec<Settlement>,
            health: Vec<(Uuid, HealthChange)>,
        ) -> Result<Vec<bool>, StoreError> {
            self.store.settle(now, settlements, health).await
        }
    };
    (@deliveries) => {
        async fn deliveries(
            &self,
            institution: Option<&InstitutionId>,
            filter: DeliveryFilter,
            after: Option<DeliveryId>,
            limit: u32,
        ) -> Result<DeliveryPage, StoreError> {
            self.store.deliveries(institution, filter, after, limit).await
        }
    };
    (@delivery) => {
        async fn delivery(
            &self,
            institution: &InstitutionId,
            id: DeliveryId,
        ) -> Result<Option<Delivery>, StoreError> {
            self.store.delivery(institution, id).await
        }
    };
    (@attempts) => {
        async fn attempts(
            &self,
            institution: &InstitutionId,
            delivery: DeliveryId,
        ) -> Result<Vec<Attempt>, StoreError> {
            self.store.attempts(institution, delivery).await
        }
    };
    (@replay) => {
        async fn replay(
            &self,
            institution: &InstitutionId,
            now: DateTime<Utc>,
            replay: Replay,
        ) -> Result<Option<Replayed>, StoreError> {
            self.store.replay(institution, now, replay).await
        }
    };
    (@redeliver) => {
        async fn redeliver(
            &self,
            institution: &InstitutionId,
            now: DateTime<Utc>,
            deliveries: Vec<DeliveryId>,
        ) -> Result<u64, StoreError> {
            self.store.redeliver(institution, now, deliveries).await
        }
    };
    (@abandon) => {
        async fn abandon(
            &self,
            institution: &InstitutionId,
            now: DateTime<Utc>,
            deliveries: Vec<DeliveryId>,
            reason: String,
        ) -> Result<u64, StoreError> {
            self.store.abandon(institution, now, deliveries, reason).await
        }
    };
    (@prune) => {
        async fn prune(
            &self,
            before: DateTime<Utc>,
            limit: u32,
        ) -> Result<u64, StoreError> {
            self.store.prune(before, limit).await
        }
    };
    (@backlog) => {
        async fn backlog(
            &self,
            institution: Option<&InstitutionId>,
        ) -> Result<Vec<Backlog>, StoreError> {
            self.store.backlog(institution).await
        }
    };
    (@due_work) => {
        async fn due_work(
            &self,
            institution: Option<&InstitutionId>,
        ) -> Result<DueWork, StoreError> {
            self.store.due_work(institution).await
        }
    };
    (@claim_work) => {
        async fn claim_work(&self, claim: WorkClaim) -> Result<Vec<LeasedWork>, StoreError> {
            self.store.claim_work(claim).await
        }
    };
    (@renew_work) => {
        async fn renew_work(
            &self,
            leases: Vec<WorkLease>,
            until: DateTime<Utc>,
        ) -> Result<Vec<bool>, StoreError> {
            self.store.renew_work(leases, until).await
        }
    };
    (@settle_work) => {
        async fn settle_work(
            &self,
            settlements: Vec<WorkSettlement>,
        ) -> Vec<Result<WorkSettled, ExecuteError>> {
            self.store.settle_work(settlements).await
        }
    };
    (@work_backlog) => {
        async fn work_backlog(
            &self,
            institution: Option<&InstitutionId>,
        ) -> Result<Vec<WorkBacklog>, StoreError> {
            self.store.work_backlog(institution).await
        }
    };
    (@add_token) => {
        async fn add_token(&self, token: Token) -> Result<bool, StoreError> {
            self.store.add_token(token).await
        }
    };
    (@token) => {
        async fn token(&self, id: TokenId) -> Result<Option<Token>, StoreError> {
            self.store.token(id).await
        }
    };
    (@tokens) => {
        async fn tokens(
            &self,
            institution: Option<&InstitutionId>,
            after: Option<PageKey>,
            limit: u32,
        ) -> Result<TokenPage, StoreError> {
            self.store.tokens(institution, after, limit).await
        }
    };
    (@remove_token) => {
        async fn remove_token(
            &self,
            institution: Option<&InstitutionId>,
            id: TokenId,
        ) -> Result<bool, StoreError> {
            self.store.remove_token(institution, id).await
        }
    };
    (@used_token) => {
        async fn used_token(&self, id: TokenId, at: DateTime<Utc>) -> Result<(), StoreError> {
            self.store.used_token(id, at).await
        }
    };
    (@begin_reply) => {
        async fn begin_reply(
            &self,
            institution: &InstitutionId,
            key: &IdempotencyKey,
            request: Uuid,
            now: DateTime<Utc>,
        ) -> Result<Begun, StoreError> {
            self.store.begin_reply(institution, key, request, now).await
        }
    };
    (@end_reply) => {
        async fn end_reply(
            &self,
            institution: &InstitutionId,
            key: &IdempotencyKey,
            owner: i64,
            reply: Reply,
        ) -> Result<bool, StoreError> {
            self.store.end_reply(institution, key, owner, reply).await
        }
    };
    (@abandon_reply) => {
        async fn abandon_reply(
            &self,
            institution: &InstitutionId,
            key: &IdempotencyKey,
            owner: i64,
        ) -> Result<bool, StoreError> {
            self.store.abandon_reply(institution, key, owner).await
        }
    };
    (@record_act) => {
        async fn record_act(&self, act: Act) -> Result<ActId, StoreError> {
            self.store.record_act(act).await
        }
    };
    (@end_act) => {
        async fn end_act(&self, id: ActId, outcome: ActOutcome) -> Result<(), StoreError> {
            self.store.end_act(id, outcome).await
        }
    };
    (@acts) => {
        async fn acts(
            &self,
            institution: Option<&InstitutionId>,
            before: Option<ActId>,
            limit: u32,
        ) -> Result<ActPage, StoreError> {
            self.store.acts(institution, before, limit).await
        }
    };
    (@prune_acts) => {
        async fn prune_acts(&self, before: DateTime<Utc>, limit: u32) -> Result<u64, StoreError> {
            self.store.prune_acts(before, limit).await
        }
    };
}
