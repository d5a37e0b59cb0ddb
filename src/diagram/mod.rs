//! The lifecycle as a picture and as a table, drawn from [`rules`](crate::rules).

mod dot;
mod mermaid;
mod svg;
mod table;

pub use dot::dot;
pub use mermaid::mermaid;
pub use svg::svg;
pub use table::table;

use crate::lifecycle::rules::{CREATIONS, RULES};
use crate::lifecycle::source::{Source, TriggerContext};
use crate::lifecycle::state::Status;

/// Transitions that differ only in their source, as one line of a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Edge {
    /// The state before; none for a creation.
    from: Option<Status>,
    to: Status,
    label: &'static str,
    sources: Vec<Source>,
}

/// Who can take an edge, which decides how it is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Traffic {
    Only(Source),
    Both,
}

impl Edge {
    fn traffic(&self) -> Traffic {
        match self.sources.as_slice() {
            [only] => Traffic::Only(*only),
            _ => Traffic::Both,
        }
    }

    /// The action, and the source where it matters.
    fn text(&self) -> String {
        match self.traffic() {
            Traffic::Only(source) => format!("{} ({source})", self.label),
            Traffic::Both => self.label.to_owned(),
        }
    }
}

fn edges() -> Vec<Edge> {
    let created = CREATIONS.iter().map(|creation| Edge {
        from: None,
        to: Status::Created,
        label: creating_action(creation.trigger_context),
        sources: vec![creation.source],
    });
    let moved = RULES.iter().map(|rule| Edge {
        from: Some(rule.from),
        to: rule.to,
        label: rule.action.as_str(),
        sources: vec![rule.source],
    });
    let mut edges: Vec<Edge> = Vec::new();
    for edge in created.chain(moved) {
        let same = |it: &&mut Edge| (it.from, it.to, it.label) == (edge.from, edge.to, edge.label);
        match edges.iter_mut().find(same) {
            Some(known) if known.sources == edge.sources => {}
            Some(known) => known.sources.extend(edge.sources),
            None => edges.push(edge),
        }
    }
    edges
}

/// What the contract calls the creation.
const fn creating_action(trigger_context: TriggerContext) -> &'static str {
    match trigger_context.source() {
        Source::Customer => "submit",
        Source::Vault => "upload",
    }
}

/// The state's name as the contract writes it.
const fn title(status: Status) -> &'static str {
    match status {
        Status::Created => "Created",
        Status::Processing => "Processing",
        Status::Approved => "Approved",
        Status::Rejected => "Rejected",
        Status::Failed => "Failed",
        Status::Retried => "Retried",
    }
}

fn is_final(status: Status) -> bool {
    RULES.iter().all(|rule| rule.from != status)
}
