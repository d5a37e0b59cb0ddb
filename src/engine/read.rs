//! What is known of applications.

use uuid::Uuid;

use super::Engine;
use crate::lifecycle::any::AnyApplication;
use crate::store::{
    Count, InstitutionId, ListQuery, Origin, Page, Queries, RecordedEvent, Store, StoreError,
};

impl<S: Store> Engine<S> {
    /// One application; none if the institution has none by this identity, even if another has.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn load(
        &self,
        institution: &InstitutionId,
        uuid: Uuid,
    ) -> Result<Option<AnyApplication>, StoreError> {
        self.store.load(institution, uuid).await
    }

    /// All that happened to one application, in order; nothing where the institution has none by
    /// this identity.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn history(
        &self,
        institution: &InstitutionId,
        uuid: Uuid,
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        self.store.history(institution, uuid).await
    }

    /// When one application was submitted or uploaded, and by whom; none where the institution has
    /// none by this identity.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn origin(
        &self,
        institution: &InstitutionId,
        uuid: Uuid,
    ) -> Result<Option<Origin>, StoreError> {
        let history = self.store.history(institution, uuid).await?;
        Ok(Origin::of(&history))
    }
}

impl<S: Queries> Engine<S> {
    /// One page of an institution's applications. What is corrupt stands in [`Page::corrupt`],
    /// beside the others.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list(&self, query: ListQuery) -> Result<Page, StoreError> {
        let wanted = query.origins.then(|| query.institution.clone());
        let mut page = self.store.list(query).await?;
        if let Some(institution) = wanted {
            for application in &page.applications {
                let uuid = application.details().uuid();
                page.origins
                    .push(match self.origin(&institution, uuid).await {
                        Ok(origin) => origin,
                        Err(StoreError::Corrupt { .. }) => None,
                        Err(error) => return Err(error),
                    });
            }
        }
        Ok(page)
    }

    /// The institutions that have an application or a webhook, in the order of their ids: for
    /// operators.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn institutions(&self) -> Result<Vec<InstitutionId>, StoreError> {
        self.store.institutions().await
    }

    /// How many applications an institution has, by state and source.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn counts(&self, institution: &InstitutionId) -> Result<Vec<Count>, StoreError> {
        self.store.counts(institution).await
    }
}
