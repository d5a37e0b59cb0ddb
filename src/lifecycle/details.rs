//! What an application says of itself, and how its events share it.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

use uuid::Uuid;

use super::text::Text;
use super::value::{ApplicantEmail, ApplicationId, CertificateTitle, InvalidValue};

/// What an application says of itself and never changes: shared by it and all of its events.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ApplicationDetails {
    application_id: ApplicationId,
    uuid: Uuid,
    certificate_title: CertificateTitle,
    applicant_email: ApplicantEmail,
}

impl ApplicationDetails {
    /// The details of one application; `uuid` is its identity.
    #[must_use]
    pub const fn new(
        application_id: ApplicationId,
        uuid: Uuid,
        certificate_title: CertificateTitle,
        applicant_email: ApplicantEmail,
    ) -> Self {
        Self {
            application_id,
            uuid,
            certificate_title,
            applicant_email,
        }
    }

    /// The same, of texts that have not been checked. Both stand in one.
    pub(crate) fn of_texts(
        application_id: ApplicationId,
        uuid: Uuid,
        title: &str,
        email: &str,
    ) -> Result<Self, InvalidValue> {
        CertificateTitle::check(title)?;
        ApplicantEmail::check(email)?;
        Ok(Self::of_checked(application_id, uuid, title, email))
    }

    /// The same, of texts that have been checked.
    pub(crate) fn of_checked(
        application_id: ApplicationId,
        uuid: Uuid,
        title: &str,
        email: &str,
    ) -> Self {
        let texts = std::iter::once([title, email]);
        let texts = Text::together(texts).next();
        let [title, email] = texts.unwrap_or_else(|| [title.into(), email.into()]);
        Self::of_parts(application_id, uuid, [title, email])
    }

    fn of_parts(application_id: ApplicationId, uuid: Uuid, [title, email]: [Text; 2]) -> Self {
        Self {
            application_id,
            uuid,
            certificate_title: CertificateTitle::from_checked(title),
            applicant_email: ApplicantEmail::from_checked(email),
        }
    }

    /// The backend's own number, carried along.
    #[must_use]
    pub const fn application_id(&self) -> ApplicationId {
        self.application_id
    }

    /// The identity.
    #[must_use]
    pub const fn uuid(&self) -> Uuid {
        self.uuid
    }

    /// What the certificate is called.
    #[must_use]
    pub const fn certificate_title(&self) -> &CertificateTitle {
        &self.certificate_title
    }

    /// Where the applicant is reached.
    #[must_use]
    pub const fn applicant_email(&self) -> &ApplicantEmail {
        &self.applicant_email
    }
}

/// Details that are shared: to copy them is to count them.
#[derive(Clone)]
pub(crate) enum SharedDetails {
    /// An allocation of their own.
    Own(Arc<ApplicationDetails>),
    /// One allocation with those of other applications: at this place, which is below
    /// [`MANY`](Self::MANY).
    Among(Arc<ManyDetails>, u8),
}

/// The details of applications that were kept together.
pub(crate) type ManyDetails = [ApplicationDetails; SharedDetails::MANY];

#[cfg_attr(
    not(feature = "engine"),
    expect(dead_code, reason = "the store in memory alone keeps them together")
)]
impl SharedDetails {
    /// How many stand in one allocation.
    pub(crate) const MANY: usize = 64;

    /// The same details in one allocation, and their texts in another; none, if they are not
    /// [`MANY`](Self::MANY).
    pub(crate) fn together(all: &[Self]) -> Option<Arc<ManyDetails>> {
        let texts = all
            .iter()
            .map(|it| [it.certificate_title.as_str(), it.applicant_email.as_str()]);
        let one = |(it, texts): (&Self, _)| {
            ApplicationDetails::of_parts(it.application_id, it.uuid, texts)
        };
        let together: Arc<[_]> = all.iter().zip(Text::together(texts)).map(one).collect();
        together.try_into().ok()
    }

    /// The details in one allocation, each.
    pub(crate) fn each(many: &Arc<ManyDetails>) -> impl Iterator<Item = Self> {
        (0..)
            .take(Self::MANY)
            .map(|at| Self::Among(Arc::clone(many), at))
    }
}

impl Deref for SharedDetails {
    type Target = ApplicationDetails;

    #[inline]
    fn deref(&self) -> &ApplicationDetails {
        match self {
            Self::Own(details) => details,
            Self::Among(many, at) => {
                let [first, ..] = &**many;
                many.get(usize::from(*at)).unwrap_or(first)
            }
        }
    }
}

impl From<Arc<ApplicationDetails>> for SharedDetails {
    fn from(details: Arc<ApplicationDetails>) -> Self {
        Self::Own(details)
    }
}

impl fmt::Debug for SharedDetails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl PartialEq for SharedDetails {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for SharedDetails {}

impl Hash for SharedDetails {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}
