//! Applications in memory: those of their facts that never change, and where the last event is.

use std::sync::Arc;

use uuid::Uuid;

use super::index::Index;
use super::pieces::{Pieces, place};
use super::recent::Recent;
use super::texts::{Address, Texts};
use crate::lifecycle::application::ApplicationDetails;
use crate::lifecycle::source::TriggerContext;
use crate::lifecycle::value::{ApplicantEmail, ApplicationId, CertificateTitle};

/// An application, in 40 bytes.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) uuid: Uuid,
    pub(super) application_id: ApplicationId,
    pub(super) institution: u32,
    /// The place of its last event in the log.
    pub(super) last: u32,
    /// The title and the address.
    texts: Address,
    pub(super) trigger_context: TriggerContext,
}

/// All applications, in the order of creation.
#[derive(Debug, Default)]
pub(super) struct Applications {
    rows: Pieces<Row>,
    by_uuid: Index,
    recent: Recent,
}

impl Row {
    /// The title and the address.
    pub(super) fn texts<'t>(&self, texts: &'t Texts) -> Option<[&'t str; 2]> {
        texts.get(self.texts)
    }

    /// The details, made anew.
    pub(super) fn details(&self, texts: &Texts) -> Option<Arc<ApplicationDetails>> {
        let [title, email] = self.texts(texts)?;
        Some(Arc::new(ApplicationDetails::new(
            self.application_id,
            self.uuid,
            CertificateTitle::from_checked(title),
            ApplicantEmail::from_checked(email),
        )))
    }
}

impl Applications {
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn get(&self, number: u32) -> Option<&Row> {
        self.rows.get(number)
    }

    pub(super) fn get_mut(&mut self, number: u32) -> Option<&mut Row> {
        self.rows.get_mut(number)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter()
    }

    /// The number of the application with this identity.
    pub(super) fn number(&self, uuid: Uuid) -> Option<u32> {
        let is = |number| self.rows.get(number).is_some_and(|row| row.uuid == uuid);
        self.by_uuid.find(uuid, is)
    }

    /// The details of an application, which will soon be needed again.
    pub(super) fn details(&self, number: u32, texts: &Texts) -> Option<Arc<ApplicationDetails>> {
        let make = || self.rows.get(number)?.details(texts);
        self.recent.get(number, make)
    }

    /// Adds an application whose first event has the place `last`: its number.
    pub(super) fn push(
        &mut self,
        details: &Arc<ApplicationDetails>,
        trigger_context: TriggerContext,
        institution: u32,
        last: u32,
        texts: &mut Texts,
    ) -> u32 {
        let title = details.certificate_title().as_str();
        let email = details.applicant_email().as_str();
        let number = self
            .by_uuid
            .push(details.uuid(), self.rows.iter().map(|row| row.uuid));
        self.rows.push(Row {
            uuid: details.uuid(),
            application_id: details.application_id(),
            institution,
            last,
            texts: texts.push([title, email]),
            trigger_context,
        });
        self.recent.put(number, details);
        number
    }

    /// Takes back the last application, which was the last to add a text.
    pub(super) fn pop(&mut self, texts: &mut Texts) {
        if let Some(row) = self.rows.pop() {
            self.by_uuid.pop(row.uuid);
            self.recent.remove(place(self.rows.len()));
            texts.truncate(row.texts);
        }
    }
}

#[cfg(test)]
#[path = "../../../tests/unit/memory/applications.rs"]
mod tests;
