//! A webhook that is removed: asked first, with what goes with it.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;

use super::asked::Asked;
use super::row::{Row, find};
use crate::console::frame::Frame;
use crate::console::language::counted;
use crate::console::page::{go_to, page};
use crate::console::refused::Refused;
use crate::console::site::Console;
use crate::console::visit::Visit;
use crate::store::Scope;

#[derive(Template)]
#[template(path = "webhook_remove.html")]
struct Ask {
    frame: Frame,
    row: Row,
    revision: u64,
    /// What goes with it.
    losses: Vec<String>,
}

pub(in crate::console) async fn ask(
    State(console): State<Console>,
    visit: Visit,
    Path(id): Path<String>,
) -> Result<Response, Refused> {
    for scope in [Scope::WebhooksRead, Scope::WebhooksWrite] {
        visit.require(&[scope])?;
    }
    let id = id.parse().map_err(|_| Refused::not_found(&visit.frame))?;
    let (webhook, row) = find(&console, &visit, id).await?;
    let texts = visit.frame.texts;
    let numbers = [
        (
            row.pending,
            texts.remove_pending_one,
            texts.remove_pending_many,
        ),
        (row.dead, texts.remove_dead_one, texts.remove_dead_many),
    ];
    let losses = numbers.into_iter().filter(|(count, ..)| *count > 0);
    Ok(page(&Ask {
        losses: losses
            .map(|(count, one, many)| counted(count, one, many))
            .collect(),
        revision: webhook.revision,
        row,
        frame: visit.frame,
    }))
}

pub(in crate::console) async fn remove(asked: Asked) -> Result<Response, Refused> {
    let done = asked.administration().remove(asked.id).await;
    let answer = |it: Asked, ()| go_to(&format!("{}/webhooks?notice=removed", it.visit.frame.base));
    asked.answer(done, answer).await
}
