//! Everything that is logged, in one text.

use std::io::{Result, Write};
use std::sync::{Arc, Mutex};

use tracing::Subscriber;

/// Everything that is logged, in one text.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// What writes it.
    pub fn subscriber(&self) -> impl Subscriber + Send + Sync + 'static {
        let writer = self.clone();
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish()
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// Without what libraries say.
    pub fn own_lines(&self) -> String {
        let text = self.text();
        let is_own = |line: &&str| line.contains("certificate_lifecycle::");
        text.lines()
            .filter(is_own)
            .fold(String::new(), |own, line| own + line + "\n")
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}
