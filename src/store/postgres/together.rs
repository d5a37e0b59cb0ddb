//! Commands that stand or fall together: one transaction, of as many statements as it takes.

use std::collections::HashMap;

use deadpool_postgres::Object;

use super::each::{Outcome, each, prepare};
use super::failure::{Failure, unavailable};
use super::queue::{MOST, Token, tokens};
use super::statement::Kind;
use crate::store::{Append, ExecuteError};

/// Carries out all of the commands in one transaction, or none.
pub(super) async fn together(
    client: &mut Object,
    appends: &[&Append],
) -> Result<Vec<Outcome>, Failure> {
    let waves = waves(appends);
    let mut statements = Vec::with_capacity(waves.len());
    for wave in &waves {
        statements.push(prepare(client, &of(appends, wave)).await?);
    }
    let transaction = client.transaction().await.map_err(|error| {
        // Nothing was asked for yet.
        Failure::Unsent(unavailable(error))
    })?;
    let mut outcomes: Vec<Option<Outcome>> = appends.iter().map(|_| None).collect();
    let mut place = 0;
    for (wave, statement) in waves.into_iter().zip(&statements) {
        let commands = of(appends, &wave);
        let answers = each(&*transaction, statement, &commands, place).await?;
        place += commands.len();
        for (at, answer) in wave.into_iter().zip(answers) {
            if let Outcome::Unexplained(failure) = answer {
                return Err(failure);
            }
            if let Some(outcome) = outcomes.get_mut(at) {
                *outcome = Some(answer);
            }
        }
    }
    let mut outcomes: Vec<Outcome> = outcomes
        .into_iter()
        .map(|outcome| outcome.unwrap_or(Outcome::Again))
        .collect();
    let went_through = |it: &Outcome| matches!(it, Outcome::Answered(Ok(_)));
    if outcomes.iter().all(went_through) {
        transaction.commit().await?;
        return Ok(outcomes);
    }
    transaction
        .rollback()
        .await
        .map_err(|error| Failure::Unsent(unavailable(error)))?;
    for outcome in &mut outcomes {
        if went_through(outcome) {
            *outcome = Outcome::Answered(Err(ExecuteError::Abandoned));
        }
    }
    Ok(outcomes)
}

/// The commands at these places.
fn of<'a>(appends: &[&'a Append], places: &[usize]) -> Vec<&'a Append> {
    let places = places.iter();
    places.filter_map(|at| appends.get(*at).copied()).collect()
}

/// The places of the commands, in groups of one kind and without common tokens, each after those that it
/// must follow.
fn waves(appends: &[&Append]) -> Vec<Vec<usize>> {
    let mut last: HashMap<Token, usize> = HashMap::new();
    let mut waves: Vec<Vec<usize>> = Vec::new();
    for (at, append) in appends.iter().enumerate() {
        let tokens: Vec<Token> = tokens(append).collect();
        let after = tokens.iter().filter_map(|token| last.get(token)).max();
        let mut wave = after.map_or(0, |wave| wave + 1);
        let kind = Kind::of(append);
        let has_room = |it: &Vec<usize>| {
            it.len() < MOST
                && it
                    .first()
                    .and_then(|first| appends.get(*first))
                    .is_none_or(|first| Kind::of(first) == kind)
        };
        while waves.get(wave).is_some_and(|it| !has_room(it)) {
            wave += 1;
        }
        while waves.len() <= wave {
            waves.push(Vec::new());
        }
        if let Some(places) = waves.get_mut(wave) {
            places.push(at);
        }
        for token in tokens {
            last.insert(token, wave);
        }
    }
    waves
}
