//! Lines of any number, each of a bounded length.

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Read};
use std::path::{Path, PathBuf};

use super::harmless::unread;
use super::{Failure, say};

/// The longest line that is read, in bytes without its end: 1 MiB.
const MAX_LINE: usize = 1 << 20;

/// How much is read from the file at once, in bytes.
const CHUNK: usize = 1 << 18;

/// How many lines a [`Chunk`] has at most beside its first: each may be a finding in memory.
const MOST_LINES: usize = 1 << 10;

pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What is wrong with an input that begins in another encoding than UTF-8: by its byte order mark
/// or, without one, by a zero among its first two bytes (RFC 4627, section 3: JSON begins with
/// ASCII).
pub(super) fn other_encoding(start: &[u8]) -> Option<String> {
    let encoding = match start {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, ..] | [_, 0, 0, ..] => "UTF-32",
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, ..] | [_, 0, ..] => "UTF-16",
        _ => return None,
    };
    Some(format!(
        "it begins as {encoding} does, and must be UTF-8; save the file in UTF-8"
    ))
}

/// One line of the input, without its end.
pub(super) enum Line<'a> {
    Text(&'a [u8]),
    /// More than [`MAX_LINE`] bytes, which have been passed over.
    TooLong,
    /// Nothing but white space; to be passed over.
    Blank,
}

impl<'a> Line<'a> {
    fn new(text: &'a [u8]) -> Self {
        if text.len() > MAX_LINE {
            Self::TooLong
        } else if text.trim_ascii().is_empty() {
            Self::Blank
        } else {
            Self::Text(text)
        }
    }
}

/// Some lines that follow one another.
#[derive(Default)]
pub(super) struct Chunk {
    /// Each with its end. Of a line that is too long, one byte more than [`MAX_LINE`].
    text: Vec<u8>,
    /// The number of the first.
    first: u64,
    /// How many there are.
    pub(super) count: usize,
    /// How many bytes of the input have been read with it.
    pub(super) position: u64,
}

impl Chunk {
    /// The lines and their numbers.
    pub(super) fn lines(&self) -> impl Iterator<Item = (u64, Line<'_>)> {
        let mut start = 0;
        let lines = memchr::memchr_iter(b'\n', &self.text).filter_map(move |end| {
            let line = self.text.get(start..end);
            start = end + 1;
            line
        });
        (self.first..).zip(lines.map(Line::new))
    }
}

/// What is wrong with a line that is too long.
pub(super) fn too_long() -> String {
    format!("the line is longer than {MAX_LINE} bytes (1 MiB)")
}

/// The lines of a file or of standard input, counted from 1.
pub(super) struct Lines {
    reader: BufReader<Box<dyn Read + Send>>,
    name: String,
    line: Vec<u8>,
    number: u64,
    position: u64,
    /// Up to where, as far as is known, whole lines wait in the buffer.
    ready_to: u64,
    size: Option<u64>,
}

impl Lines {
    /// Opens the file; none, or `-`, is standard input.
    pub(super) fn open(path: Option<&PathBuf>) -> Result<Self, Failure> {
        let Opened { name, read, size } = open(path)?;
        let mut reader = BufReader::with_capacity(CHUNK, read);
        if size.is_some() {
            // Before anything else is done. Of standard input, the first line says so: it may be
            // long in coming.
            let start = reader.fill_buf().map_err(|error| Failure::Read {
                input: name.clone(),
                error,
            })?;
            refuse_other_encoding(&name, start)?;
        }
        Ok(Self {
            reader,
            name,
            line: Vec::new(),
            number: 0,
            position: 0,
            ready_to: 0,
            size,
        })
    }

    /// The next line, and its number.
    pub(super) fn next(&mut self) -> Result<Option<(u64, Line<'_>)>, Failure> {
        if !self.read_line()? {
            return Ok(None);
        }
        if self.line.len() > MAX_LINE {
            self.line = Vec::new();
            return Ok(Some((self.number, Line::TooLong)));
        }
        Ok(Some((self.number, Line::new(self.text()))))
    }

    /// Takes the next line and those that can be had after it without waiting, for another thread
    /// to look at; returns `false` at the end.
    pub(super) fn next_chunk(&mut self, chunk: &mut Chunk) -> Result<bool, Failure> {
        chunk.text.clear();
        if !self.read_line()? {
            return Ok(false);
        }
        chunk.first = self.number;
        chunk.text.extend_from_slice(self.text());
        chunk.text.push(b'\n');
        chunk.count = 1;
        let mut length = 0;
        let waiting = self.reader.buffer();
        for end in memchr::memchr_iter(b'\n', waiting).take(MOST_LINES) {
            chunk.count += 1;
            length = end + 1;
        }
        let whole = waiting.get(..length).unwrap_or_default();
        chunk.text.extend_from_slice(whole);
        self.reader.consume(length);
        self.number += chunk.count as u64 - 1;
        self.position += length as u64;
        chunk.position = self.position;
        Ok(true)
    }

    /// Whether the next line can be had without waiting for more input.
    pub(super) fn is_ready(&mut self) -> bool {
        if self.size.is_some() {
            // A file never lets its reader wait.
            return true;
        }
        if self.position >= self.ready_to {
            // From the end: one short look for all the lines of a chunk.
            let last_end = memchr::memrchr(b'\n', self.reader.buffer());
            self.ready_to = self.position + last_end.map_or(0, |at| at as u64 + 1);
        }
        self.position < self.ready_to
    }

    /// How many bytes have been read as lines.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// How many bytes there are in all, where that is known.
    pub(super) fn size(&self) -> Option<u64> {
        self.size
    }

    /// Reads one line, of which at most one byte more than [`MAX_LINE`] is kept.
    fn read_line(&mut self) -> Result<bool, Failure> {
        self.line.clear();
        let read =
            read_bounded(&mut self.reader, &mut self.line).map_err(|error| Failure::Read {
                input: self.name.clone(),
                error,
            })?;
        self.position += read;
        self.number += 1;
        if self.number == 1 {
            refuse_other_encoding(&self.name, &self.line)?;
        }
        Ok(read > 0)
    }

    /// The line without a byte order mark, which does count for its length.
    fn text(&self) -> &[u8] {
        match self.number {
            1 if self.line.len() <= MAX_LINE => self
                .line
                .strip_prefix(BYTE_ORDER_MARK)
                .unwrap_or(&self.line),
            _ => &self.line,
        }
    }
}

fn refuse_other_encoding(name: &str, start: &[u8]) -> Result<(), Failure> {
    other_encoding(start).map_or(Ok(()), |problem| {
        let input = name.to_owned();
        Err(Failure::Content { input, problem })
    })
}

/// Reads to the end of a line and takes the end off; returns how many bytes that were. Of a line
/// that is too long, one byte more than [`MAX_LINE`] is kept.
fn read_bounded(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<u64> {
    let mut read = 0;
    loop {
        let waiting = match reader.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            waiting => waiting?,
        };
        let end = memchr::memchr(b'\n', waiting);
        let text = end.and_then(|end| waiting.get(..end)).unwrap_or(waiting);
        let room = (MAX_LINE + 1).saturating_sub(line.len());
        line.extend_from_slice(text.get(..room).unwrap_or(text));
        let taken = text.len() + usize::from(end.is_some());
        reader.consume(taken);
        read += taken as u64;
        if end.is_some() || taken == 0 {
            return Ok(read);
        }
    }
}

/// A file or standard input.
pub(super) struct Opened {
    /// For messages.
    pub(super) name: String,
    pub(super) read: Box<dyn Read + Send>,
    /// How many bytes there are, where that is known.
    pub(super) size: Option<u64>,
}

/// Opens a file; none, or `-`, is standard input.
pub(super) fn open(path: Option<&PathBuf>) -> Result<Opened, Failure> {
    match path {
        Some(path) if path != Path::new("-") => {
            let name = path.display().to_string();
            match open_file(path) {
                Ok((file, size)) => Ok(Opened {
                    name,
                    read: Box::new(file),
                    size,
                }),
                Err(error) => {
                    let input = unread(path);
                    Err(Failure::Read { input, error })
                }
            }
        }
        _ => {
            if io::stdin().is_terminal() && io::stderr().is_terminal() {
                say("reading from the terminal; end with Ctrl-D");
            }
            Ok(Opened {
                name: "standard input".to_owned(),
                read: Box::new(io::stdin()),
                size: None,
            })
        }
    }
}

fn open_file(path: &Path) -> io::Result<(File, Option<u64>)> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let size = metadata.is_file().then_some(metadata.len());
    Ok((file, size))
}
