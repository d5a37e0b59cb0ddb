//! The command, as what does the work.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::ExitStatus;
use std::time::Duration;

use chrono::SecondsFormat;

use super::super::Failure;
use super::super::harmless::unread;
use super::child::{Group, terminate};
use certificate_lifecycle::ProcessingError;
use certificate_lifecycle::processor::{Control, Outcome, Work, Worker};

/// The exit status for a failure that may pass, `EX_TEMPFAIL` of sysexits.h.
const TEMPORARY: i32 = 75;

/// What this program has from its environment, and what the command has no use for: they are, or
/// contain, secrets.
const SECRETS: [&str; 2] = ["CERTLIFE_STORE", "CERTLIFE_WEBHOOK_SECRET"];

/// How long it waits after the command could not be started.
const LOCAL: Duration = Duration::from_secs(10);

/// A command that can be started.
#[derive(Debug)]
pub(in crate::cli) struct Command {
    program: PathBuf,
    arguments: Vec<OsString>,
}

impl Command {
    /// Looks for the command as a shell does. Whatever is wrong with it is found before anything is
    /// claimed. The option that has it stands in the error.
    pub(in crate::cli) fn find(option: &str, exec: &[OsString]) -> Result<Self, Failure> {
        let named = exec.split_first().filter(|(name, _)| !name.is_empty());
        let (name, arguments) = named.ok_or_else(|| {
            Failure::Argument(format!(
                "{option} must be followed by a command, but its name is empty"
            ))
        })?;
        let name = Path::new(name);
        let is_path = name.components().count() > 1 || name.is_absolute();
        let program = if is_path {
            std::path::absolute(name).unwrap_or_else(|_| name.to_owned())
        } else {
            in_path(name).ok_or_else(|| refused(name, "there is no such command in PATH"))?
        };
        check(&program).map_err(|problem| refused(name, problem))?;
        Ok(Self {
            program,
            arguments: arguments.to_vec(),
        })
    }

    fn for_work(&self, work: &Work) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(&self.program);
        let deadline = work.deadline.to_rfc3339_opts(SecondsFormat::Secs, true);
        for secret in SECRETS {
            command.env_remove(secret);
        }
        command
            .args(&self.arguments)
            .env("CERTLIFE_UUID", work.uuid().to_string())
            .env("CERTLIFE_INSTITUTION", work.institution.as_str())
            .env("CERTLIFE_VERSION", work.version().to_string())
            .env("CERTLIFE_ATTEMPT", work.attempt.to_string())
            .env("CERTLIFE_DEADLINE", deadline)
            .env("CERTLIFE_IDEMPOTENCY_KEY", work.idempotency_key());
        command
    }
}

fn refused(name: &Path, problem: &str) -> Failure {
    Failure::Argument(format!("cannot run {}: {problem}", unread(name)))
}

/// The file that is meant by a name without a folder.
fn in_path(name: &Path) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let candidates = std::env::split_paths(&path).map(|folder| folder.join(name));
    let mut found = candidates.filter(|it| it.is_file());
    let first = found.next()?;
    if check(&first).is_ok() {
        return Some(first);
    }
    found.find(|it| check(it).is_ok()).or(Some(first))
}

fn check(program: &Path) -> Result<(), &'static str> {
    let metadata = std::fs::metadata(program).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file",
        std::io::ErrorKind::PermissionDenied => "its folder may not be read",
        _ => "it cannot be looked at",
    })?;
    if metadata.is_dir() {
        return Err("it is a folder");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;

        if metadata.permissions().mode() & 0o111 == 0 {
            return Err(
                "it is not executable: chmod +x makes it so, or its interpreter comes first, as in --exec python3 FILE",
            );
        }
    }
    Ok(())
}

impl Worker for Command {
    async fn work(&self, work: &Work, control: &Control) -> Outcome {
        let mut input = match serde_json::to_vec(&work.application.to_record()) {
            Ok(input) => input,
            Err(error) => return Outcome::Again(error.to_string()),
        };
        input.push(b'\n');
        let (mut group, id) = match Group::start(self.for_work(work)) {
            Ok(group) => {
                let id = group.id();
                (group, id)
            }
            Err(error) => {
                let why = format!("the command cannot be started: {error}");
                return Outcome::Later { after: LOCAL, why };
            }
        };
        // Dropped with this future, the group is killed.
        let mut end = pin!(group.end(&input));
        let ended = tokio::select! {
            ended = &mut end => ended,
            _ = control.cancelled() => {
                terminate(id);
                match end.await {
                    (Ok(status), line) if status.success() => (Ok(status), line),
                    // It was asked to end before it was done.
                    _ => std::future::pending().await,
                }
            }
        };
        match ended {
            (Ok(status), line) => outcome(status, line),
            (Err(error), _) => Outcome::Again(format!("the command was lost: {error}")),
        }
    }
}

fn outcome(status: ExitStatus, line: Option<String>) -> Outcome {
    if status.success() {
        return Outcome::Approve;
    }
    let why = line.unwrap_or_else(|| format!("the command ended with {status}"));
    if status.code() == Some(TEMPORARY) {
        return Outcome::Again(why);
    }
    let short: String = why.chars().take(ProcessingError::MAX_CHARS).collect();
    match ProcessingError::new(short) {
        Ok(error) => Outcome::Fail(error),
        // It is not blank.
        Err(_) => Outcome::Again(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_looked_for_before_anything_is_claimed() {
        let find = |name: &str| {
            let found = Command::find("--exec", &[OsString::from(name)]);
            found.map(|it| it.program).map_err(|it| it.to_string())
        };
        assert!(find("sh").is_ok_and(|it| it.is_absolute()));
        assert!(find("/bin/sh").is_ok());
        for (name, problem) in [
            ("no-such-command", "there is no such command in PATH"),
            ("./no-such-file", "there is no such file"),
            ("/", "it is a folder"),
        ] {
            let error = find(name).err().unwrap_or_default();
            assert!(error.ends_with(problem), "{error}");
        }
    }
}
