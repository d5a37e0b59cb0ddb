//! Whether the file that is open is still the one at its path.
//!
//! SQLite keeps on writing to a file that was moved or removed, and to a log that was: what it
//! acknowledges then is gone for everybody who opens the path. So the writer looks before it
//! acknowledges.
//!
//! To look at the files themselves at each commit took a quarter of a single caller's commits where
//! it was measured (most likely because, with fine-grained timestamps, a write after a look has to
//! change the file's times). So the writer looks at the folders, which no commit changes, and at
//! the files only after something in a folder was made, moved or removed.

use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::store::{Result, StoreError};

/// What distinguishes a file from all others, as long as it is open.
#[cfg(unix)]
pub(super) type Identity = (u64, u64);

#[cfg(unix)]
fn identity_of(metadata: &Metadata) -> Identity {
    use std::os::unix::fs::MetadataExt;

    (metadata.dev(), metadata.ino())
}

/// Elsewhere, a file that is open can be neither moved nor removed.
#[cfg(not(unix))]
pub(super) type Identity = ();

#[cfg(not(unix))]
const fn identity_of(_: &Metadata) -> Identity {}

pub(super) fn identity(path: &Path) -> io::Result<Identity> {
    path.metadata().map(|it| identity_of(&it))
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

    /// Where it stands.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether who opens this path has the same file with the same log. A hard link leads to the
    /// file, but has a log of its own, and two logs destroy a file.
    pub(super) fn is_opened_at(&self, path: &Path) -> bool {
        let place = |it: &Path| {
            let path = it.canonicalize().ok()?;
            let folder = identity(path.parent()?).ok()?;
            // Elsewhere, nothing else distinguishes folders.
            let parent = if cfg!(unix) {
                None
            } else {
                path.parent().map(Path::to_owned)
            };
            Some((folder, parent, path.file_name()?.to_owned()))
        };
        identity(path).is_ok_and(|it| it == self.file)
            && place(path).is_some_and(|it| Some(it) == place(&self.path))
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
    pub(super) fn check(&self) -> Result<()> {
        let lost = self.lost();
        lost.map_or(Ok(()), |reason| Err(StoreError::unavailable(reason)))
    }
}

/// A folder that was changed so lately may be changed again without showing another time.
const TICK: Duration = Duration::from_millis(20);

/// What changes with the names in a folder, and with the folder at a path.
type Folder = (Identity, SystemTime);

/// The same for a writer, which looks at each commit.
#[derive(Debug)]
pub(super) struct Watch {
    anchor: Anchor,
    /// Those in which the file, its log and a link to them stand.
    folders: Vec<PathBuf>,
    /// How the folders were when the files were seen to be in their places; none where that may not
    /// show.
    seen: Option<Vec<Folder>>,
}

impl Watch {
    pub(super) fn new(anchor: Anchor) -> Self {
        let of_the_path = anchor.path.parent();
        let of_the_log = anchor.log.as_ref().and_then(|(log, _)| log.parent());
        let mut folders: Vec<_> = [of_the_path, of_the_log]
            .into_iter()
            .flatten()
            .map(Path::to_owned)
            .collect();
        folders.dedup();
        Self {
            anchor,
            folders,
            seen: None,
        }
    }

    /// See [`Anchor::lost`].
    pub(super) fn lost(&mut self) -> Option<String> {
        // Before the files, so that a change meanwhile shows the next time.
        let folders = self.folders.iter().map(|it| folder(it)).collect();
        let now: Option<Vec<Folder>> = folders;
        if now.is_some() && now == self.seen {
            return None;
        }
        let lost = self.anchor.lost();
        let is_settled = |folders: &Vec<Folder>| {
            let mut ages = folders.iter().map(|(_, changed)| changed.elapsed());
            ages.all(|age| age.is_ok_and(|it| it > TICK))
        };
        self.seen = now.filter(|it| lost.is_none() && is_settled(it));
        lost
    }

    /// See [`Anchor::check`].
    pub(super) fn check(&mut self) -> Result<()> {
        let lost = self.lost();
        lost.map_or(Ok(()), |reason| Err(StoreError::unavailable(reason)))
    }
}

fn folder(path: &Path) -> Option<Folder> {
    let metadata = path.metadata().ok()?;
    Some((identity_of(&metadata), metadata.modified().ok()?))
}
