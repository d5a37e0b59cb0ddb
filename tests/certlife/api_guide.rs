//! What `docs/api.md` tells to type in the first five minutes, typed. It needs `curl`.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};

use serde_json::Value;

use crate::webhooks_guide::{blocks, shell};

/// The address of the document.
const ADDRESS: &str = "127.0.0.1:8080";

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The statuses of answers that are shown with their heads.
fn statuses(output: &str) -> Vec<&str> {
    // No line ends between the body of one answer and the head of the next.
    let answers = output.split("HTTP/1.1 ").skip(1);
    answers.map(|it| &it[..3]).collect()
}

/// The server of the first terminal, and its address.
fn serve(folder: &tempfile::TempDir, block: &str) -> (Server, String) {
    // In the place of the shell, so that it ends with the test; on any port that is free.
    let block = block.replace("certlife serve", "exec certlife serve --listen 127.0.0.1:0");
    let mut server = Server(shell(folder, &block).spawn().unwrap());
    let mut reported = BufReader::new(server.0.stderr.take().unwrap());
    let address = loop {
        let mut line = String::new();
        assert!(reported.read_line(&mut line).unwrap() > 0, "it has ended");
        if let Some((_, rest)) = line.split_once("http://") {
            break rest.split(';').next().unwrap().to_owned();
        }
    };
    // The log, so that the server never waits for its reader.
    std::thread::spawn(move || reported.read_to_string(&mut String::new()));
    (server, address)
}

/// What a script prints that has to end well.
fn printed(folder: &tempfile::TempDir, script: &str) -> String {
    let run = shell(folder, script).output().unwrap();
    let printed = String::from_utf8(run.stdout).unwrap();
    let words = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{printed}{words}");
    printed
}

/// The first events of a stream, which has no end.
fn followed(folder: &tempfile::TempDir, script: &str, events: usize) -> Vec<String> {
    let script = script.replace("curl -N", "exec timeout 20 curl -sN");
    let mut following = Server(
        shell(folder, &script)
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );
    let shown = BufReader::new(following.0.stdout.take().unwrap()).lines();
    let names = shown.map_while(Result::ok).filter_map(|it| {
        let event = it.strip_prefix("event: certificate_application.")?;
        Some(event.to_owned())
    });
    names.take(events).collect()
}

#[test]
fn the_first_five_minutes_submit_decide_process_and_follow() {
    let folder = tempfile::tempdir().unwrap();
    let blocks = blocks("docs/api.md", "In five minutes");
    let [server, submit, decide, process, follow, read] = &blocks[..] else {
        panic!("{blocks:?}")
    };
    let (_server, address) = serve(&folder, server);
    let here = |script: String| {
        assert!(script.contains(ADDRESS), "{script}");
        script.replace(ADDRESS, &address)
    };
    let shown = printed(
        &folder,
        &here(
            [submit, decide, decide, process]
                .map(String::as_str)
                .concat(),
        ),
    );
    assert_eq!(statuses(&shown), ["201", "200", "412", "200"], "{shown}");
    assert!(shown.contains(r#""current_version":2"#), "{shown}");
    assert!(
        shown.contains(r#""status":"approved","version":3"#),
        "{shown}"
    );

    let settings = submit.split("curl").next().unwrap();
    let events = followed(&folder, &here(format!("{settings}\n{follow}")), 3);
    assert_eq!(events, ["created", "processing", "approved"]);

    let read = read.replace("curl ", "curl -s ").replace('\n', "; echo\n");
    let shown = printed(&folder, &here(format!("{settings}\n{read}")));
    let answers = shown.lines().filter(|it| !it.is_empty());
    let lengths = answers.map(|it| {
        let answer: Value = serde_json::from_str(it).unwrap();
        answer["data"].as_array().unwrap().len()
    });
    assert_eq!(lengths.collect::<Vec<_>>(), [3, 3, 1], "{shown}");
}
