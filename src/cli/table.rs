//! Tables for people. Where the terminal is too narrow for one, there is a block for each record
//! instead.

use std::io::{self, IsTerminal};

use comfy_table::{CellAlignment, ColumnConstraint, Width};

use super::harmless::harmless;

/// Columns stand this far apart.
const GAP: u16 = 2;

/// Text is not broken into lines shorter than this.
const SHORTEST: u16 = 24;

/// A column: its heading, and how its values are shown.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    heading: &'static str,
    kind: Kind,
    /// How wide it is at least. Columns whose values are known beforehand are as wide from the
    /// first row on as they can become: what comes later, and is shown at once, stands below what
    /// is there.
    width: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A word that is only legible, and can only be copied, whole.
    Word,
    /// The same; numbers are compared from their ends.
    Number,
    /// Text, which may be broken between words where the terminal is narrow.
    Text,
}

impl Column {
    pub(super) const UUID: Self = Self::word("UUID").at_least(36);
    pub(super) const WEBHOOK: Self = Self::word("WEBHOOK").at_least(36);
    pub(super) const APPLICATION: Self = Self::word("APPLICATION").at_least(36);
    pub(super) const VERSION: Self = Self::number("VERSION");
    /// As wide as a database's become in years.
    pub(super) const CURSOR: Self = Self::number("CURSOR").at_least(10);
    /// As wide as `processing`.
    pub(super) const STATUS: Self = Self::word("STATUS").at_least(10);
    pub(super) const EVENT: Self = Self::word("EVENT").at_least(10);
    /// As wide as `customer`.
    pub(super) const SOURCE: Self = Self::word("SOURCE").at_least(8);

    const fn new(heading: &'static str, kind: Kind) -> Self {
        Self {
            heading,
            kind,
            width: 0,
        }
    }

    /// Of words that are shown whole.
    pub(super) const fn word(heading: &'static str) -> Self {
        Self::new(heading, Kind::Word)
    }

    /// Of numbers, each below the other.
    pub(super) const fn number(heading: &'static str) -> Self {
        Self::new(heading, Kind::Number)
    }

    /// Of text. It takes what room the others leave: there is one at most, and it is the last.
    pub(super) const fn text(heading: &'static str) -> Self {
        Self::new(heading, Kind::Text)
    }

    /// Of times.
    pub(super) const fn time(heading: &'static str) -> Self {
        Self::word(heading).at_least(20)
    }

    pub(super) const fn at_least(self, width: u16) -> Self {
        Self { width, ..self }
    }

    const fn alignment(self) -> CellAlignment {
        match self.kind {
            Kind::Number => CellAlignment::Right,
            Kind::Word | Kind::Text => CellAlignment::Left,
        }
    }

    /// How much of its width it needs.
    fn least(self, width: u16) -> u16 {
        match self.kind {
            Kind::Text => width.min(SHORTEST),
            Kind::Word | Kind::Number => width,
        }
    }
}

/// A table that is shown page by page, so that one of any length streams. The columns of a page are
/// at least as wide as those of the pages before.
pub(super) struct Table {
    columns: &'static [Column],
    widths: Vec<u16>,
    /// The width of the terminal; none where the output is a file or a pipe.
    terminal: Option<u16>,
    /// Whether something has been shown.
    is_begun: bool,
    /// Whether each record is a block of its own, because the terminal is too narrow.
    in_blocks: bool,
}

impl Table {
    pub(super) fn new(columns: &'static [Column]) -> Self {
        Self {
            columns,
            widths: columns.iter().map(|column| column.width).collect(),
            terminal: terminal_width(),
            is_begun: false,
            in_blocks: false,
        }
    }

    /// The next rows as text, the headings above the first ones. Nothing for no rows.
    ///
    /// What could make a terminal do something else than show it is escaped.
    pub(super) fn page(&mut self, rows: impl IntoIterator<Item = Vec<String>>) -> String {
        let mut rows = rows.into_iter().peekable();
        if rows.peek().is_none() {
            return String::new();
        }
        let is_first = !std::mem::replace(&mut self.is_begun, true);
        if self.in_blocks {
            return self.blocks(rows, is_first);
        }
        let rows: Vec<_> = rows.collect();
        let mut page = plain();
        page.add_rows(rows.iter().map(|row| row.iter().map(|cell| harmless(cell))));
        if is_first {
            page.set_header(self.columns.iter().map(|column| column.heading));
        }
        let needed = page.column_max_content_widths();
        for (width, needed) in self.widths.iter_mut().zip(needed) {
            *width = needed.max(*width);
        }
        if self.terminal.is_some_and(|width| self.least() > width) {
            // And so it stays: what changes its form again and again is hard to read.
            self.in_blocks = true;
            return self.blocks(rows.into_iter(), is_first);
        }
        let mut room = self.terminal.unwrap_or(u16::MAX);
        let columns = self.columns.iter().zip(&self.widths);
        for (shown, (column, width)) in page.column_iter_mut().zip(columns) {
            let width = *width.min(&room);
            room = room.saturating_sub(width.saturating_add(GAP));
            shown.set_cell_alignment(column.alignment());
            show_at(shown, width);
        }
        text_of(&page)
    }

    /// The width below which it cannot be shown.
    fn least(&self) -> u16 {
        let columns = self.columns.iter().zip(&self.widths);
        let least = columns.map(|(column, width)| column.least(*width));
        // After the last, there is no gap.
        least.fold(0, |sum, width| {
            let gap = if sum == 0 { 0 } else { GAP };
            sum.saturating_add(gap).saturating_add(width)
        })
    }

    /// Each row as a block, with an empty line between two.
    fn blocks(&self, rows: impl Iterator<Item = Vec<String>>, is_first: bool) -> String {
        let names = self.columns.iter().map(|column| column.heading.len());
        // The same in all blocks, whichever facts are absent.
        let widest_name = names.max().unwrap_or_default();
        let mut text = String::new();
        for row in rows {
            if !(is_first && text.is_empty()) {
                text.push('\n');
            }
            let facts = self.columns.iter().zip(row);
            let facts = facts.filter(|(_, value)| !value.is_empty());
            let facts = facts.map(|(column, value)| Fact {
                name: column.heading.to_lowercase(),
                value,
                breaks: column.kind == Kind::Text,
            });
            text.push_str(&block(facts, widest_name, self.terminal));
        }
        text
    }
}

/// One line of a record that is shown on its own.
pub(super) struct Fact {
    name: String,
    value: String,
    /// Whether the value is text, which may be broken between words.
    breaks: bool,
}

impl Fact {
    /// Of a word that is shown whole.
    pub(super) fn word(name: &str, value: impl Into<String>) -> Self {
        Self {
            name: name.to_owned(),
            value: value.into(),
            breaks: false,
        }
    }

    /// Of text.
    pub(super) fn text(name: &str, value: impl Into<String>) -> Self {
        Self {
            breaks: true,
            ..Self::word(name, value)
        }
    }
}

/// One record, a line for each fact.
pub(super) fn record(facts: impl IntoIterator<Item = Fact>) -> String {
    block(facts, 0, terminal_width())
}

fn block(
    facts: impl IntoIterator<Item = Fact>,
    widest_name: usize,
    terminal: Option<u16>,
) -> String {
    let (mut block, mut words) = (plain(), plain());
    for Fact {
        name,
        value,
        breaks,
    } in facts
    {
        let value = harmless(&value);
        if !breaks {
            words.add_row([&value]);
        }
        block.add_row([name, value]);
    }
    let widest = |table: &comfy_table::Table, column| -> u16 {
        let widths = table.column_max_content_widths();
        widths.get(column).copied().unwrap_or_default()
    };
    let (name, value) = (widest(&block, 0), widest(&block, 1));
    let name = name.max(u16::try_from(widest_name).unwrap_or_default());
    let room = terminal.map_or(value, |width| width.saturating_sub(name + GAP));
    let value = value.min(room.max(SHORTEST)).max(widest(&words, 0));
    for (column, width) in block.column_iter_mut().zip([name, value]) {
        show_at(column, width);
    }
    text_of(&block)
}

/// The width of the terminal, if the output is one.
fn terminal_width() -> Option<u16> {
    let stdout = io::stdout();
    let size = stdout
        .is_terminal()
        .then(|| terminal_size::terminal_size_of(&stdout));
    size.flatten().map(|(width, _)| width.0)
}

/// A table without lines.
fn plain() -> comfy_table::Table {
    let mut table = comfy_table::Table::new();
    table.load_preset(comfy_table::presets::NOTHING);
    table
}

fn show_at(column: &mut comfy_table::Column, width: u16) {
    column.set_padding((0, GAP));
    column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(
        width.saturating_add(GAP),
    )));
}

fn text_of(table: &comfy_table::Table) -> String {
    let mut text = table.trim_fmt();
    text.push('\n');
    text
}
