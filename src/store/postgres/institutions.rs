//! Whose applications and webhooks there are.

use std::collections::BTreeSet;

use super::session::Session;

use super::failure::failed;
use super::read;
use super::sql::statements;
use crate::store::{InstitutionId, Result, StoreError};

statements! {
    /// From one to the next in the index, so that it takes as many steps as there are institutions,
    /// however many applications they have.
    ALL() = "\
        WITH RECURSIVE of_applications (id) AS ( \
            (SELECT institution FROM certlife_application ORDER BY institution LIMIT 1) \
            UNION ALL \
            SELECT (SELECT a.institution FROM certlife_application a \
                    WHERE a.institution > last.id ORDER BY a.institution LIMIT 1) \
            FROM of_applications last WHERE last.id IS NOT NULL \
        ) \
        SELECT id FROM of_applications WHERE id IS NOT NULL \
        UNION SELECT institution FROM certlife_webhook WHERE NOT removed";
}

pub(super) async fn all(client: &Session) -> Result<Vec<InstitutionId>> {
    let rows = read::query(client, ALL, &[]).await?;
    let ids = rows.iter().map(|row| {
        let id: String = row.try_get(0).map_err(failed)?;
        InstitutionId::new(&id)
            .map_err(|it| StoreError::corrupt(format!("institution {id:?}"), it.to_string()))
    });
    // In the order of their characters, whatever the database's collation is.
    let ids: BTreeSet<InstitutionId> = ids.collect::<Result<_, _>>()?;
    Ok(ids.into_iter().collect())
}
