//! Commands that stand or fall together: one transaction, of as many statements as it takes.

use std::collections::HashMap;
use std::time::Duration;

use deadpool_postgres::Object;

use super::each::{Outcome, each, prepare};
use super::failure::{Failure, in_time};
use super::queue::{MOST, Token, tokens};
use super::statement::{Kind, Shape};
use crate::store::{Append, ExecuteError};

/// Carries out all of the commands in one transaction, or none.
///
/// Whatever happens before the commit is sent, nothing was changed.
pub(super) async fn together(
    client: &mut Object,
    appends: &[&Append],
    limit: Duration,
) -> Result<Vec<Outcome>, Failure> {
    let waves = waves(appends);
    let mut statements = Vec::with_capacity(waves.len());
    for wave in &waves {
        statements.push(prepare(client, Shape::of(&of(appends, wave)), limit).await?);
    }
    let begun = in_time(limit, async { Ok(client.transaction().await?) }).await;
    let transaction = begun.map_err(Failure::without_effect)?;
    let mut outcomes: Vec<Option<Outcome>> = appends.iter().map(|_| None).collect();
    let mut place = 0;
    for (wave, statement) in waves.into_iter().zip(&statements) {
        let commands = of(appends, &wave);
        let answers = each(&*transaction, statement, &commands, place, limit).await;
        let answers = answers.map_err(Failure::without_effect)?;
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
    let Some(index) = outcomes.iter().position(|it| !went_through(it)) else {
        in_time(limit, async { Ok(transaction.commit().await?) }).await?;
        return Ok(outcomes);
    };
    let undone = in_time(limit, async { Ok(transaction.rollback().await?) }).await;
    undone.map_err(Failure::without_effect)?;
    // Where one is to be tried again, all are, and nobody sees this.
    for outcome in &mut outcomes {
        if went_through(outcome) {
            *outcome = Outcome::Answered(Err(ExecuteError::Abandoned { index }));
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
    // Before these, no wave has room for creations, or for transitions.
    let mut open = [0; 2];
    for (at, append) in appends.iter().enumerate() {
        let tokens: Vec<Token> = tokens(append).collect();
        let after = tokens.iter().filter_map(|token| last.get(token)).max();
        let kind = Kind::of(append);
        let [creations, transitions] = &mut open;
        let first_open = match kind {
            Kind::Creation => creations,
            Kind::Transition => transitions,
        };
        let after = after.map_or(0, |wave| wave + 1);
        let mut wave = after.max(*first_open);
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
        if after <= *first_open {
            *first_open = wave;
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
