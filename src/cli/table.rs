//! Tables for people: as wide as the terminal, plain where there is none.

use std::io::{self, IsTerminal};

use comfy_table::{ColumnConstraint, ContentArrangement, Width};

/// Columns stand this far apart.
const GAP: u16 = 2;

/// Text is not broken into lines shorter than this. Where that does not fit, the terminal may break lines
/// as it does.
const SHORTEST: u16 = 24;

/// A column: its heading, and whether its text may be broken where the terminal is narrow.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    heading: &'static str,
    breaks: bool,
}

impl Column {
    /// Of short words that are only legible whole.
    pub(super) const fn whole(heading: &'static str) -> Self {
        Self {
            heading,
            breaks: false,
        }
    }

    /// Of text.
    pub(super) const fn text(heading: &'static str) -> Self {
        Self {
            heading,
            breaks: true,
        }
    }
}

/// A table that is shown page by page, so that one of any length streams. The columns of a page are at
/// least as wide as those of the pages before.
pub(super) struct Table {
    columns: &'static [Column],
    widths: Vec<u16>,
    /// The width of the terminal; none where the output is a file or a pipe.
    terminal: Option<u16>,
    has_heading: bool,
}

impl Table {
    pub(super) fn new(columns: &'static [Column]) -> Self {
        let stdout = io::stdout();
        let size = stdout
            .is_terminal()
            .then(|| terminal_size::terminal_size_of(&stdout));
        Self {
            columns,
            widths: vec![0; columns.len()],
            terminal: size.flatten().map(|(width, _)| width.0),
            has_heading: false,
        }
    }

    /// A table without a line of headings.
    pub(super) fn headless(columns: &'static [Column]) -> Self {
        Self {
            has_heading: true,
            ..Self::new(columns)
        }
    }

    /// The next rows as text, the headings above the first ones. Nothing for no rows.
    ///
    /// What could make a terminal do something else than show it is escaped.
    pub(super) fn page(&mut self, rows: impl IntoIterator<Item = Vec<String>>) -> String {
        let mut page = comfy_table::Table::new();
        page.load_preset(comfy_table::presets::NOTHING);
        for row in rows {
            page.add_row(row.iter().map(|cell| harmless(cell)));
        }
        if page.row_count() == 0 {
            return String::new();
        }
        if !std::mem::replace(&mut self.has_heading, true) {
            page.set_header(self.columns.iter().map(|column| column.heading));
        }
        let needed = page.column_max_content_widths();
        for (width, needed) in self.widths.iter_mut().zip(needed) {
            *width = needed.max(*width);
        }
        let terminal = self.terminal.filter(|terminal| self.least() <= *terminal);
        if let Some(width) = terminal {
            page.set_content_arrangement(ContentArrangement::Dynamic);
            page.set_width(width);
        }
        let columns = self.columns.iter().zip(&self.widths);
        for (shown, (column, width)) in page.column_iter_mut().zip(columns) {
            shown.set_padding((0, GAP));
            shown.set_constraint(if column.breaks && terminal.is_some() {
                ColumnConstraint::LowerBoundary(with_gap(*width.min(&SHORTEST)))
            } else {
                ColumnConstraint::Absolute(with_gap(*width))
            });
        }
        let mut text = page.trim_fmt();
        text.push('\n');
        text
    }

    /// The width below which it cannot be shown.
    fn least(&self) -> u16 {
        let least = |(column, width): (&Column, &u16)| {
            let width = if column.breaks {
                *width.min(&SHORTEST)
            } else {
                *width
            };
            width.saturating_add(GAP)
        };
        let columns = self.columns.iter().zip(&self.widths);
        columns.map(least).fold(0, u16::saturating_add)
    }
}

fn with_gap(width: u16) -> Width {
    Width::Fixed(width.saturating_add(GAP))
}

/// The text, with control characters, line breaks and marks that turn the direction of writing escaped
/// as Rust writes them. A backslash is escaped as well, so that no text looks like another.
pub(super) fn harmless(text: &str) -> String {
    let mut harmless = String::with_capacity(text.len());
    for character in text.chars() {
        let acts = character.is_control()
            || matches!(
                character,
                '\\' | '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                    | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
                    | '\u{e0000}'..='\u{e007f}'
            );
        if acts {
            harmless.extend(character.escape_default());
        } else {
            harmless.push(character);
        }
    }
    harmless
}
