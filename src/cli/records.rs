//! The records of a CSV file, each with the line on which it begins.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};

use csv::{ByteRecord, Reader, ReaderBuilder, Trim};

/// The longest record that is read, in bytes: 1 MiB. A quote that nobody closes makes the rest of the
/// file one record.
const MAX_RECORD: u64 = 1 << 20;

/// How much is read at once, in bytes.
const CHUNK: usize = 1 << 16;

/// Records, counted as editors count lines.
pub(super) struct Records {
    reader: Reader<Counted>,
    starts: Arc<Mutex<Starts>>,
    record: ByteRecord,
}

impl Records {
    pub(super) fn new(input: Box<dyn Read + Send>) -> Self {
        let starts = Arc::new(Mutex::new(Starts::default()));
        let input = Counted {
            input,
            starts: Arc::clone(&starts),
        };
        let reader = ReaderBuilder::new()
            // How many fields a record has is told with its line.
            .flexible(true)
            .has_headers(false)
            .trim(Trim::None)
            .buffer_capacity(CHUNK)
            .from_reader(input);
        Self {
            reader,
            starts,
            record: ByteRecord::new(),
        }
    }

    /// The next record and the line on which it begins; none at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<(u64, &ByteRecord)>> {
        let byte = self.reader.position().byte();
        let read = self.reader.read_byte_record(&mut self.record);
        if !read.map_err(io::Error::from)? {
            return Ok(None);
        }
        Ok(Some((self.starts().pass(byte), &self.record)))
    }

    /// How many bytes have been read as records.
    pub(super) fn position(&self) -> u64 {
        self.reader.position().byte()
    }

    fn starts(&self) -> std::sync::MutexGuard<'_, Starts> {
        self.starts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the lines begin that are not empty.
///
/// The reader's own count is that of the place where it went on reading, which is before empty lines and,
/// after a line end of Windows, in the middle of it.
#[derive(Debug, Default)]
struct Starts {
    /// Place and number of those lines that no record has passed yet.
    lines: VecDeque<(u64, u64)>,
    /// How many bytes and line ends have been seen.
    bytes: u64,
    ends: u64,
    last: Option<u8>,
    /// Where the last record began.
    record: u64,
}

impl Starts {
    fn see(&mut self, bytes: &[u8]) {
        for byte in bytes {
            let is_end = matches!(byte, b'\n' | b'\r');
            if !is_end && self.last.is_none_or(|last| matches!(last, b'\n' | b'\r')) {
                self.lines.push_back((self.bytes, self.ends + 1));
            }
            // The two bytes of Windows end one line.
            if is_end && !(*byte == b'\n' && self.last == Some(b'\r')) {
                self.ends += 1;
            }
            self.last = Some(*byte);
            self.bytes += 1;
        }
    }

    /// The number of the line of the record that was found from this place on.
    fn pass(&mut self, byte: u64) -> u64 {
        while self.lines.front().is_some_and(|(place, _)| *place < byte) {
            self.lines.pop_front();
        }
        let (place, line) = self.lines.pop_front().unwrap_or((byte, self.ends + 1));
        self.record = place;
        line
    }
}

/// The input, whose lines are counted on the way.
struct Counted {
    input: Box<dyn Read + Send>,
    starts: Arc<Mutex<Starts>>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        let mut starts = self.starts.lock().unwrap_or_else(PoisonError::into_inner);
        starts.see(buffer.get(..read).unwrap_or_default());
        if starts.bytes - starts.record > MAX_RECORD + 2 * CHUNK as u64 {
            return Err(io::Error::other(format!(
                "one of the records from byte {} on is longer than {MAX_RECORD} bytes (1 MiB); is \
                 a quote not closed?",
                starts.record
            )));
        }
        Ok(read)
    }
}
