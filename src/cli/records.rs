//! The records of a CSV file as RFC 4180 has them, each with the line on which it begins.
//!
//! The crate `csv` takes what the RFC forbids: the end of the file closes a quote, and what stands
//! after a closing quote joins the field. Then one lost quote makes a title of the rows after it.

use std::io::{self, BufRead, BufReader, Read};

/// The longest record that is read, in bytes: 1 MiB. A quote that is never closed makes the rest of
/// the file one record.
const MAX_RECORD: usize = 1 << 20;

/// How much is read at once, in bytes.
const CHUNK: usize = 1 << 16;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Records, counted as editors count lines.
pub(super) struct Records {
    reader: BufReader<Box<dyn Read + Send>>,
    splitter: Splitter,
}

impl Records {
    pub(super) fn new(input: Box<dyn Read + Send>) -> Self {
        Self {
            reader: BufReader::with_capacity(CHUNK, input),
            splitter: Splitter::default(),
        }
    }

    /// The next record, or what is wrong with it, and the line on which it begins; none at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<(u64, Result<&Record, Flaw>)>> {
        self.splitter.begin();
        while !self.splitter.is_complete() {
            let waiting = match self.reader.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                waiting => waiting?,
            };
            if waiting.is_empty() {
                if self.splitter.place == Place::Start {
                    return Ok(None);
                }
                self.splitter.end_of_file();
                break;
            }
            let taken = self.splitter.take(waiting);
            self.reader.consume(taken);
        }
        let Splitter {
            record,
            flaw,
            start,
            ..
        } = &mut self.splitter;
        Ok(Some((*start, flaw.take().map_or(Ok(record), Err))))
    }

    /// How many bytes have been read as records.
    pub(super) fn position(&self) -> u64 {
        self.splitter.position
    }
}

/// The fields of a record.
#[derive(Debug, Default)]
pub(super) struct Record {
    bytes: Vec<u8>,
    /// Where each field ends.
    ends: Vec<usize>,
}

impl Record {
    /// How many fields there are.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn get(&self, field: usize) -> Option<&[u8]> {
        let end = *self.ends.get(field)?;
        self.bytes.get(self.start_of(field)..end)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).filter_map(|field| self.get(field))
    }

    /// Whether no field holds anything: spreadsheets write such rows below and between the others.
    pub(super) fn is_blank(&self) -> bool {
        self.iter().all(is_blank)
    }

    fn start_of(&self, field: usize) -> usize {
        let before = field.checked_sub(1).and_then(|it| self.ends.get(it));
        before.copied().unwrap_or(0)
    }

    /// What has been read of the field that has no end yet.
    fn open(&self) -> &[u8] {
        let open = self.bytes.get(self.start_of(self.len())..);
        open.unwrap_or_default()
    }
}

/// Whether a field is empty or only white space.
pub(super) fn is_blank(field: &[u8]) -> bool {
    str::from_utf8(field).is_ok_and(|it| it.trim().is_empty())
}

/// Why a record cannot be read.
#[derive(Debug)]
pub(super) enum Flaw {
    /// The next line is another record.
    Record(String),
    /// Where the next record begins is unknown.
    Rest(String),
}

/// Where in a record the next byte stands.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before the record, where empty lines are passed over.
    #[default]
    Start,
    /// At the beginning of a field that is not the first.
    Field,
    /// In a field that did not begin with a quote.
    Plain,
    Quoted,
    /// After a quote in a quoted field: the closing one, or the first of two that stand for one.
    Closed,
    /// In a line that is too long, of which nothing is kept.
    TooLong,
    Complete,
}

/// Splits bytes into records.
#[derive(Debug, Default)]
struct Splitter {
    place: Place,
    record: Record,
    /// What is wrong with its quotes, though its end is not known yet.
    wrong: Option<String>,
    flaw: Option<Flaw>,
    /// The line on which the record begins.
    start: u64,
    /// How many bytes it has.
    length: usize,
    /// The line on which its last quoted field begins.
    quote: u64,
    /// The line on which the first of its fields begins that holds a line end.
    broken: Option<u64>,
    /// How many bytes and line ends have been read.
    position: u64,
    ends: u64,
    /// Whether a line end of Windows may have begun.
    is_after_return: bool,
}

impl Splitter {
    fn begin(&mut self) {
        self.place = Place::Start;
        self.record.bytes.clear();
        self.record.ends.clear();
        self.wrong = None;
        self.broken = None;
        self.length = 0;
    }

    fn is_complete(&self) -> bool {
        self.place == Place::Complete
    }

    /// Reads up to the end of the record; returns how many bytes that were.
    fn take(&mut self, bytes: &[u8]) -> usize {
        for (at, byte) in bytes.iter().enumerate() {
            self.step(*byte);
            if self.is_complete() {
                return at + 1;
            }
        }
        bytes.len()
    }

    fn step(&mut self, byte: u8) {
        use Place::{Closed, Complete, Field, Plain, Quoted, Start, TooLong};

        let was = self.place;
        self.place = match (was, byte) {
            (Start, b'\r' | b'\n') => Start,
            (Start | Field, b'"') => self.open_quote(),
            (Quoted, b'"') => Closed,
            (Closed, b'"') => self.keep(byte, Quoted),
            (Plain, b'"') => self.stray_quote(),
            (Quoted, byte) => self.keep(byte, Quoted),
            (TooLong, b'\r' | b'\n') | (Complete, _) => Complete,
            (TooLong, _) => TooLong,
            (Start | Field | Plain | Closed, b',') => self.end_field(Field),
            (Field | Plain | Closed, b'\r' | b'\n') => self.end_field(Complete),
            (Closed, byte) => self.go_on_after_quote(byte),
            (Start | Field | Plain, byte) => self.keep(byte, Plain),
        };
        if was == Start && self.place != Start {
            self.start = self.line();
        }
        self.count(byte);
        if self.position == 3 && self.record.bytes == BYTE_ORDER_MARK {
            self.begin();
        }
        match self.place {
            Start | TooLong => {}
            Complete => self.judge(),
            Field | Plain | Quoted | Closed => {
                self.length += 1;
                if self.length > MAX_RECORD {
                    self.place = self.too_long();
                }
            }
        }
    }

    /// The line of the next byte.
    fn line(&self) -> u64 {
        self.ends + 1
    }

    fn count(&mut self, byte: u8) {
        // The two bytes of Windows end one line.
        let is_end = byte == b'\r' || byte == b'\n' && !self.is_after_return;
        if is_end && self.place == Place::Quoted {
            self.broken.get_or_insert(self.quote);
        }
        self.ends += u64::from(is_end);
        self.is_after_return = byte == b'\r';
        self.position += 1;
    }

    fn keep(&mut self, byte: u8, place: Place) -> Place {
        self.record.bytes.push(byte);
        place
    }

    fn end_field(&mut self, place: Place) -> Place {
        self.record.ends.push(self.record.bytes.len());
        place
    }

    fn open_quote(&mut self) -> Place {
        self.quote = self.line();
        Place::Quoted
    }
}

/// What is wrong. A record with a flaw is read to its end all the same: quotes that follow may hold
/// line ends.
impl Splitter {
    /// The RFC allows quotes in quoted fields alone, and spreadsheets and databases write them so.
    fn stray_quote(&mut self) -> Place {
        let field = self.field();
        self.wrong(if self.record.open().trim_ascii().is_empty() {
            format!("a blank stands before the quote of {field}")
        } else {
            format!("a quote stands inside {field}, which does not begin with one")
        });
        self.keep(b'"', Place::Plain)
    }

    fn go_on_after_quote(&mut self, byte: u8) -> Place {
        let field = self.field();
        self.wrong(format!("{field} goes on after its closing quote"));
        self.keep(byte, Place::Plain)
    }

    fn wrong(&mut self, problem: String) {
        // The first tells most: the others may follow from it.
        self.wrong.get_or_insert(problem);
    }

    /// The field of the next byte, for people.
    fn field(&self) -> String {
        format!("field {}", self.record.len() + 1)
    }

    fn too_long(&mut self) -> Place {
        if self.place != Place::Quoted && self.broken.is_none() {
            let message = format!("the line is longer than {MAX_RECORD} bytes (1 MiB)");
            self.flaw = Some(Flaw::Record(message));
            return Place::TooLong;
        }
        let quote = self.broken.unwrap_or(self.quote);
        self.lose(format!(
            "a record is longer than {MAX_RECORD} bytes (1 MiB), as if the quote that opens on line {quote} were \
             not closed"
        ));
        Place::Complete
    }

    fn end_of_file(&mut self) {
        match self.place {
            Place::Quoted => {
                // Where quotes went wrong before, it is another one that this closed.
                let broken = self.broken.filter(|_| self.wrong.is_some());
                let quote = broken.unwrap_or(self.quote);
                self.lose(format!(
                    "the quote that opens on line {quote} is not closed"
                ));
            }
            Place::TooLong => {}
            _ => {
                self.end_field(Place::Complete);
                self.judge();
            }
        }
        self.place = Place::Complete;
    }

    /// Judges a record at its end. Where quotes went wrong in one of many lines, one that is not
    /// closed may have swallowed the beginning of another.
    fn judge(&mut self) {
        let Some(wrong) = self.wrong.take() else {
            return;
        };
        match self.broken {
            None => self.flaw = Some(Flaw::Record(format!("{wrong}; {RULE}"))),
            Some(quote) => self.lose(format!(
                "{wrong}, as if the quote that opens on line {quote} were not closed"
            )),
        }
    }

    fn lose(&mut self, problem: String) {
        self.flaw = Some(Flaw::Rest(problem));
    }
}

const RULE: &str =
    "quotes enclose a whole field, from comma to comma, and a quote inside is doubled";
