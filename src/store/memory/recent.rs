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
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::lifecycle::value::{ApplicantEmail, ApplicationId, CertificateTitle};

    fn details(number: u32) -> Arc<ApplicationDetails> {
        Arc::new(ApplicationDetails::new(
            ApplicationId::new(number.into()).unwrap(),
            Uuid::from_u128(number.into()),
            CertificateTitle::new("Certificate of Achievement").unwrap(),
            ApplicantEmail::new("john@example.com").unwrap(),
        ))
    }

    #[test]
    fn details_are_made_once_until_another_takes_their_slot() {
        let mut recent = Recent::default();
        let one = recent.get(1, || Some(details(1))).unwrap();
        let again = recent.get(1, || panic!("they are here")).unwrap();
        assert!(Arc::ptr_eq(&one, &again));

        let other = details(2);
        recent.put(1 + Recent::SLOTS, &other);
        assert_eq!(recent.get(1 + Recent::SLOTS, || None), Some(other));
        assert_eq!(recent.get(1, || None), None);
    }

    #[test]
    fn a_number_that_was_taken_back_has_no_details() {
        let mut recent = Recent::default();
        recent.put(5, &details(5));
        recent.remove(5 + Recent::SLOTS);
        assert!(recent.get(5, || None).is_some());
        recent.remove(5);
        assert_eq!(recent.get(5, || None), None);
    }
}
