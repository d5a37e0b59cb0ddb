//! Details as they were made or given last: a feed and a command find most of theirs here.

use std::cell::RefCell;
use std::sync::Arc;

use crate::lifecycle::application::ApplicationDetails;

/// The details of one application, with its number.
type Slot = Option<(u32, Arc<ApplicationDetails>)>;

/// Details by the numbers of their applications. Applications whose numbers are a multiple of
/// [`SLOTS`](Self::SLOTS) apart replace each other.
#[derive(Debug)]
pub(super) struct Recent(RefCell<Vec<Slot>>);

impl Default for Recent {
    fn default() -> Self {
        Self(RefCell::new(vec![None; Self::SLOTS as usize]))
    }
}

impl Recent {
    /// As many as a page of the feed has events.
    const SLOTS: u32 = 1024;

    /// The details of an application, made if they are not here.
    pub(super) fn get(
        &self,
        number: u32,
        make: impl FnOnce() -> Option<Arc<ApplicationDetails>>,
    ) -> Option<Arc<ApplicationDetails>> {
        // `make` does not come back here, so nothing else has borrowed them.
        let Ok(mut slots) = self.0.try_borrow_mut() else {
            return make();
        };
        let slot = slots.get_mut(Self::slot(number))?;
        if let Some((of, details)) = slot
            && *of == number
        {
            return Some(Arc::clone(details));
        }
        let details = make()?;
        *slot = Some((number, Arc::clone(&details)));
        Some(details)
    }

    pub(super) fn put(&mut self, number: u32, details: &Arc<ApplicationDetails>) {
        if let Some(slot) = self.0.get_mut().get_mut(Self::slot(number)) {
            *slot = Some((number, Arc::clone(details)));
        }
    }

    /// Forgets an application, whose number another one may get.
    pub(super) fn remove(&mut self, number: u32) {
        if let Some(slot) = self.0.get_mut().get_mut(Self::slot(number)) {
            slot.take_if(|(of, _)| *of == number);
        }
    }

    const fn slot(number: u32) -> usize {
        (number % Self::SLOTS) as usize
    }
}

#[cfg(test)]
#[path = "../../../tests/unit/memory/recent.rs"]
mod tests;
