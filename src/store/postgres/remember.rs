//! Keys remember that their commands were refused.

use std::collections::HashSet;
use std::time::Duration;

use uuid::Uuid;

use super::each::Carried;
use super::failure::{Failure, in_time, not_understood};
use super::link::Link;
use super::sql::{input, statements};
use crate::store::remembered::Refused;
use crate::store::stored::Columns;
use crate::store::{Append, ExecuteError};

input! {
    /// Keys of commands that were refused.
    RefusedKeys<'a> {
        key: &'a str = TEXT,
        institution: &'a str = TEXT,
        uuid: Uuid = UUID,
        refused: &'a str = TEXT,
    }
}

statements! {
    /// A key that another command has used at the same moment stays as it is.
    REMEMBER(; RefusedKeys) = "\
        INSERT INTO certlife_idempotency (key, institution, uuid, version, refused) \
        SELECT key, institution, uuid, 0, refused FROM {input} \
        ON CONFLICT (key, institution) DO NOTHING RETURNING uuid";
}

/// Lets the keys of commands that were refused remember it, before anybody hears of it; a command
/// whose key was used meanwhile is to be looked at again.
pub(super) async fn remember(
    link: &impl Link,
    appends: &[&Append],
    outcomes: &mut [Carried],
    limit: Duration,
) {
    let mut refused_keys = Vec::new();
    for (at, (append, outcome)) in appends.iter().zip(outcomes.iter()).enumerate() {
        if let Carried::Answered(Err(ExecuteError::Refused(refusal))) = outcome
            && let Some(refused) = Refused::of(append, refusal)
            && let Some(key) = &append.request.idempotency_key
        {
            let institution = append.request.institution.as_str();
            let key = (key.as_str(), institution);
            refused_keys.push((key, at, append.uuid(), refused.to_text()));
        }
    }
    if refused_keys.is_empty() {
        return;
    }
    // The keys are locked in the order in which every statement locks them.
    refused_keys.sort_unstable_by_key(|(key, ..)| *key);
    let mut input = RefusedKeys::default();
    for ((key, institution), _, uuid, refused) in &refused_keys {
        input.key.push(key);
        input.institution.push(institution);
        input.uuid.push(*uuid);
        input.refused.push(refused);
    }
    let remembered = async {
        let rows = link.send(&REMEMBER, &input.typed()).await?;
        let uuids = rows.iter().map(|row| row.uuid(0, "uuid"));
        uuids
            .collect::<Result<HashSet<_>, _>>()
            .map_err(not_understood)
    };
    // Should it be remembered although no caller hears so: the next try has the same answer.
    let remembered = in_time(limit, remembered).await;
    let remembered = remembered.map_err(Failure::without_effect);
    for (_, at, uuid, _) in &refused_keys {
        let Some(outcome) = outcomes.get_mut(*at) else {
            continue;
        };
        match &remembered {
            // No two commands of a batch are about one application.
            Ok(remembered) if remembered.contains(uuid) => {}
            Ok(_) => *outcome = Carried::Again,
            Err(failure) => *outcome = Carried::Unexplained(failure.clone()),
        }
    }
}
