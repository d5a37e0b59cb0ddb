//! Everything that is logged on a test's thread, in one text.
//!
//! Whether something is to be logged is remembered for all threads: a test with a subscriber of its
//! own would lose what another thread came to first, without one. So there is one subscriber for
//! all, and each thread has its text.

use std::cell::RefCell;
use std::io::{Result, Write};
use std::sync::Once;

use tracing_subscriber::fmt::format::FmtSpan;

thread_local! {
    static TEXT: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// What is logged on this thread is kept from now on.
pub fn start() {
    static SUBSCRIBER: Once = Once::new();
    SUBSCRIBER.call_once(|| {
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_span_events(FmtSpan::CLOSE)
            .with_ansi(false)
            .with_writer(|| ToThread)
            .init();
        // What was come to before.
        tracing::callsite::rebuild_interest_cache();
    });
    TEXT.set(Some(Vec::new()));
}

/// What was logged since.
pub fn end() -> String {
    String::from_utf8(TEXT.take().unwrap()).unwrap()
}

/// Without what libraries say.
pub fn own_lines(text: &str) -> String {
    let is_own = |line: &&str| line.contains("certificate_lifecycle::");
    text.lines()
        .filter(is_own)
        .fold(String::new(), |own, line| own + line + "\n")
}

struct ToThread;

impl Write for ToThread {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        TEXT.with_borrow_mut(|text| text.as_mut().map_or(Ok(bytes.len()), |it| it.write(bytes)))
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}
