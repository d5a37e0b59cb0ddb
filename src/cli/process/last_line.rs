//! The last line of what a command writes to standard error.

use tokio::io::{AsyncRead, AsyncReadExt};

/// How much of a line is kept, in bytes: more than an error of the contract can hold.
const MOST: usize = 8 << 10;

/// The last line that is not blank, of all that was written so far.
#[derive(Debug, Default)]
pub(super) struct LastLine {
    /// The line that has no end yet.
    open: Vec<u8>,
    last: Vec<u8>,
}

impl LastLine {
    /// Reads to the end. Dropped before, it has what was read so far.
    pub(super) async fn read(&mut self, from: &mut (impl AsyncRead + Unpin)) {
        let mut buffer = vec![0; 8 << 10];
        loop {
            match from.read(&mut buffer).await {
                Ok(0) | Err(_) => return,
                Ok(count) => self.push(buffer.get(..count).unwrap_or_default()),
            }
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|it| *it == b'\n' || *it == b'\r') {
            let is_ended = piece.ends_with(b"\n") || piece.ends_with(b"\r");
            let text = if is_ended {
                piece.get(..piece.len() - 1).unwrap_or_default()
            } else {
                piece
            };
            let room = MOST.saturating_sub(self.open.len());
            self.open
                .extend_from_slice(text.get(..text.len().min(room)).unwrap_or_default());
            if is_ended {
                self.end();
            }
        }
    }

    fn end(&mut self) {
        if !self.open.trim_ascii().is_empty() {
            self.last.clone_from(&self.open);
        }
        self.open.clear();
    }

    /// The line as text, on which nothing acts on a terminal; none where nothing was written.
    pub(super) fn text(mut self) -> Option<String> {
        self.end();
        let text = String::from_utf8_lossy(&self.last);
        let text = super::super::harmless::inert(text.trim());
        (!text.is_empty()).then_some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last(pieces: &[&str]) -> Option<String> {
        let mut line = LastLine::default();
        for piece in pieces {
            line.push(piece.as_bytes());
        }
        line.text()
    }

    #[test]
    fn the_last_line_that_says_something_is_kept() {
        assert_eq!(last(&[]), None);
        assert_eq!(last(&["\n \n\t\n"]), None);
        assert_eq!(last(&["a\nb\n\n"]).as_deref(), Some("b"));
        assert_eq!(last(&["a\r\nb", "c\r\n"]).as_deref(), Some("bc"));
        assert_eq!(last(&["10 %\r20 %\r"]).as_deref(), Some("20 %"));
        assert_eq!(last(&["a\n", "no end"]).as_deref(), Some("no end"));
        assert_eq!(
            last(&["\u{1b}[31mred\u{7}"]).as_deref(),
            Some("\\u{1b}[31mred\\u{7}")
        );
        let mut line = LastLine::default();
        line.push(b"not \xff UTF-8");
        assert_eq!(line.text().as_deref(), Some("not \u{fffd} UTF-8"));
    }

    #[test]
    fn a_line_without_end_takes_no_more_than_it_may() {
        let mut line = LastLine::default();
        for _ in 0..1000 {
            line.push(&[b'x'; 1000]);
        }
        assert_eq!(line.open.len(), MOST);
        assert_eq!(line.text().map(|it| it.len()), Some(MOST));
    }
}
