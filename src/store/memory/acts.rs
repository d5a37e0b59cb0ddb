//! Acts in memory.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::store::InstitutionId;
use crate::store::audit::{Act, ActId, ActOutcome, ActPage, RecordedAct};

/// All acts.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// The number of the last one.
    last: i64,
    /// By number, in the order in which they were recorded.
    rows: BTreeMap<i64, RecordedAct>,
}

impl Table {
    pub(super) fn record(&mut self, act: Act) -> ActId {
        self.last += 1;
        let id = ActId(self.last);
        self.rows.insert(id.0, RecordedAct::new(id, act, None));
        id
    }

    pub(super) fn end(&mut self, id: ActId, outcome: ActOutcome) {
        if let Some(row) = self.rows.get_mut(&id.0) {
            row.outcome.get_or_insert(outcome);
        }
    }

    pub(super) fn page(
        &self,
        institution: Option<&InstitutionId>,
        before: Option<ActId>,
        limit: u32,
    ) -> ActPage {
        let is_of =
            |it: &RecordedAct| institution.is_none_or(|of| it.act.institution.as_ref() == Some(of));
        let rows = self.rows.values().rev();
        let rows = rows.filter(|it| before.is_none_or(|key| it.id < key) && is_of(it));
        ActPage::of(ActPage::size(limit), rows.map(|it| (it.id, Ok(it.clone()))))
    }

    pub(super) fn prune(&mut self, before: DateTime<Utc>, limit: u32) -> u64 {
        let mut old: Vec<_> = self.rows.values().filter(|it| it.act.at < before).collect();
        old.sort_by_key(|it| (it.act.at, it.id));
        let ids: Vec<_> = old
            .into_iter()
            .take(limit as usize)
            .map(|it| it.id.0)
            .collect();
        for id in &ids {
            self.rows.remove(id);
        }
        ids.len() as u64
    }
}
