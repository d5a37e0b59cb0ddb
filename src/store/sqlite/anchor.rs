//! Whether the file that is open is still the one at its path.
//!
//! SQLite keeps on writing to a file that was moved or removed, and to a log that was: what it acknowledges then is
//! gone for everybody who opens the path. So the writer looks before it acknowledges.

use std::io;
use std::path::{Path, PathBuf};

use crate::store::StoreError;

/// What tells a file from all others, as long as somebody has it open.
#[cfg(unix)]
pub(super) type Identity = (u64, u64);

#[cfg(unix)]
pub(super) fn identity(path: &Path) -> io::Result<Identity> {
    use std::os::unix::fs::MetadataExt;

    let metadata = path.metadata()?;
    Ok((metadata.dev(), metadata.ino()))
}

/// Elsewhere, a file that is open can be neither moved nor removed.
#[cfg(not(unix))]
pub(super) type Identity = ();

#[cfg(not(unix))]
pub(super) fn identity(_: &Path) -> io::Result<Identity> {
    Ok(())
}

/// What stands at a path before it is opened, if anything does.
pub(super) fn before(path: &Path) -> Option<Identity> {
    identity(path).ok()
}

/// Where the files stand that a store has open.
#[derive(Debug, Clone)]
pub(super) struct Anchor {
    path: PathBuf,
    file: Identity,
    /// The log beside the file; none where the file system allows none.
    log: Option<(PathBuf, Identity)>,
}

impl Anchor {
    /// Of what stands at the path and has just been opened.
    pub(super) fn new(path: &Path) -> io::Result<Self> {
        let file = identity(path)?;
        // Logs stand beside the file, not beside a link to it.
        let mut log = path.canonicalize()?.into_os_string();
        log.push("-wal");
        let log = PathBuf::from(log);
        let log = match identity(&log) {
            Ok(found) => Some((log, found)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        Ok(Self {
            path: path.to_owned(),
            file,
            log,
        })
    }

    /// Whether it is another file than what stood there before it was opened.
    pub(super) fn is_other(&self, before: Option<Identity>) -> bool {
        before.is_some_and(|it| it != self.file)
    }

    /// What to say where the files are not the ones that were opened.
    pub(super) fn lost(&self) -> Option<String> {
        let is = |path: &Path, known: Identity| identity(path).is_ok_and(|it| it == known);
        let lost = if !is(&self.path, self.file) {
            self.path.display()
        } else if let Some((log, known)) = &self.log
            && !is(log, *known)
        {
            log.display()
        } else {
            return None;
        };
        Some(format!(
            "{lost} is not the file any more that was opened: it was moved, replaced or removed; put it back, or open \
             the store again"
        ))
    }

    /// That they are the ones that were opened.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        match self.lost() {
            None => Ok(()),
            Some(reason) => Err(StoreError::Unavailable {
                reason,
                cause: None,
            }),
        }
    }
}
