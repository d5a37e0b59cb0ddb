//! How many files the process may open; connections are files.

/// More are not counted on, wherever there is no limit.
const ENOUGH: usize = 16 << 10;

/// Lets it open as many as the system lets it: the limit that it starts with, often 1,024, is for
/// programs that cannot wait for more.
pub(super) fn raise() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

        let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
        let current = maximum;
        // Where it is refused, it stays as it is.
        let _ = setrlimit(Resource::Nofile, Rlimit { current, maximum });
    }
}

/// How many it may open.
pub(super) fn most() -> usize {
    #[cfg(unix)]
    {
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
        let most = limit.current.and_then(|it| usize::try_from(it).ok());
        most.map_or(ENOUGH, |it| it.min(ENOUGH))
    }
    #[cfg(not(unix))]
    ENOUGH
}
