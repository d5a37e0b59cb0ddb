//! For Markdown that renders Mermaid.

use std::fmt::Write as _;

use super::{edges, is_final, title};
use crate::lifecycle::state::Status;

/// The lifecycle as a Mermaid state diagram.
#[must_use]
pub fn mermaid() -> String {
    let mut out = "stateDiagram-v2\n    direction LR\n".to_owned();
    for edge in edges() {
        let from = edge.from.map_or("[*]", title);
        // Writing to a String cannot fail.
        let _ = writeln!(out, "    {from} --> {}: {}", title(edge.to), edge.text());
    }
    for status in Status::ALL.iter().filter(|status| is_final(**status)) {
        let _ = writeln!(out, "    {} --> [*]", title(*status));
    }
    out
}
