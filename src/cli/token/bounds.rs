//! What a token is good for.

use certificate_lifecycle::store::InstitutionId;

/// What stands for all institutions.
pub(super) const ALL: &str = "*";

/// One institution, or all of them. An error repeats nothing of the text.
#[derive(Debug, Clone)]
pub(super) struct Bounds(pub(super) Option<InstitutionId>);

impl std::str::FromStr for Bounds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == ALL {
            return Ok(Self(None));
        }
        let institution = InstitutionId::new(text).map_err(|error| error.to_string())?;
        Ok(Self(Some(institution)))
    }
}
