//! For Graphviz.

use std::fmt::Write as _;

use super::{Edge, Traffic, edges, is_final, title};
use crate::lifecycle::source::Source;
use crate::lifecycle::state::Status;

/// The lifecycle as a Graphviz digraph.
#[must_use]
pub fn dot() -> String {
    let mut out = "digraph lifecycle {\n    rankdir=LR\n    \
        node [shape=box, style=rounded, fontname=\"sans-serif\"]\n    \
        edge [fontname=\"sans-serif\", fontsize=10]\n    \
        start [shape=point, width=0.15]\n"
        .to_owned();
    for status in Status::ALL.iter().copied() {
        let peripheries = if is_final(status) { 2 } else { 1 };
        // Writing to a String cannot fail.
        let _ = writeln!(out, "    {} [peripheries={peripheries}]", title(status));
    }
    for edge in edges() {
        let from = edge.from.map_or("start", title);
        let (to, text, style) = (title(edge.to), edge.text(), style(&edge));
        let _ = writeln!(out, "    {from} -> {to} [label=\"{text}\", {style}]");
    }
    out.push_str("}\n");
    out
}

fn style(edge: &Edge) -> &'static str {
    match edge.traffic() {
        Traffic::Only(Source::Customer) => "color=\"#1d63c4\", fontcolor=\"#1d63c4\"",
        Traffic::Only(Source::Vault) => "color=\"#a03e95\", fontcolor=\"#a03e95\", style=dashed",
        Traffic::Both => "color=\"#555555\", fontcolor=\"#555555\"",
    }
}
