//! What `docs/webhooks.md` tells to type in the first minute, typed.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::file;

/// The blocks of shell in a section of a document.
pub fn blocks(document: &str, section: &str) -> Vec<String> {
    let text = std::fs::read_to_string(file(document)).unwrap();
    let (_, section) = text.split_once(&format!("\n## {section}\n")).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let blocks = section.split("```sh\n").skip(1);
    let code = blocks.map(|it| it.split("```").next().unwrap().to_owned());
    code.collect()
}

/// The port of the document.
const PORT: &str = "8700";

/// A shell that runs what is typed, in a folder where there is nothing but `certlife`.
pub fn shell(folder: &tempfile::TempDir, script: &str) -> Command {
    let programs = std::path::Path::new(env!("CARGO_BIN_EXE_certlife")).parent();
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{path}", programs.unwrap().display());
    let mut shell = Command::new("bash");
    shell
        .args(["-euo", "pipefail", "-c", script])
        .current_dir(folder)
        .env("PATH", path)
        .env_remove("CERTLIFE_STORE")
        .env_remove("CERTLIFE_WEBHOOK_SECRET")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    shell
}

/// The first terminal.
struct Terminal(Child);

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_first_minute_shows_an_event_that_is_verified() {
    let folder = tempfile::tempdir().unwrap();
    let [receive, send, ..] = &blocks("docs/webhooks.md", "In a minute")[..] else {
        panic!("two terminals")
    };
    // It listens on the document's port, unless an option names another: here on any that is free.
    let help = std::fs::read_to_string(file("tests/certlife/golden/help-listen.txt")).unwrap();
    assert!(help.contains(&format!("[default: {PORT}]")), "{help}");
    let listen = "certlife listen";
    assert_eq!(receive.matches(listen).count(), 1, "{receive}");
    // In the place of the shell, so that it ends with the test.
    let receive = receive.replace(listen, &format!("exec {listen} --port 0"));
    let mut terminal = Terminal(shell(&folder, &receive).spawn().unwrap());
    let mut reported = BufReader::new(terminal.0.stderr.take().unwrap());
    let mut line = String::new();
    reported.read_line(&mut line).unwrap();
    let url = line.strip_prefix("certlife: listening on http://127.0.0.1:");
    let port = url.and_then(|it| it.split('/').next());
    let port = port.unwrap_or_else(|| panic!("{line}"));

    assert!(send.contains(PORT), "{send}");
    let run = shell(&folder, &send.replace(PORT, port)).output().unwrap();
    let words = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{words}");
    let all = "certlife: 1 delivered, 0 failed attempts, 0 dead\n";
    assert!(words.ends_with(all), "{words}");

    let shown = BufReader::new(terminal.0.stdout.take().unwrap());
    let mut printed = String::new();
    for line in shown.lines() {
        printed += &(line.unwrap() + "\n");
        if printed.contains("\nanswered ") {
            break;
        }
    }
    for words in [
        "event        certificate_application.created\n",
        "application  9e7860f0-05d1-4fd0-b3e0-e98e19f1cf15\n",
        "verified     by webhook-signature\n",
        "answered     204\n",
    ] {
        assert!(printed.contains(words), "{words}: {printed}");
    }
}
