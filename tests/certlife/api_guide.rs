//! What `docs/api.md` tells to type in the first five minutes, typed. It needs `curl`.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

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
    let lines = output.lines().filter_map(|it| it.strip_prefix("HTTP/1.1 "));
    lines.map(|it| &it[..3]).collect()
}

#[test]
fn the_first_five_minutes_submit_decide_process_and_follow() {
    let folder = tempfile::tempdir().unwrap();
    let blocks = blocks("docs/api.md", "In five minutes");
    let [serve, submit, decide, process, follow, read] = &blocks[..] else {
        panic!("{blocks:?}")
    };
    assert!(submit.contains(ADDRESS), "{submit}");
    // In the place of the shell, so that it ends with the test; on any port that is free.
    let serve = serve.replace("certlife serve", "exec certlife serve --listen 127.0.0.1:0");
    let mut server = Server(shell(&folder, &serve).spawn().unwrap());
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

    let twice = |block: &str| format!("{block}\n{block}");
    let script = [submit, &twice(decide), process]
        .map(String::as_str)
        .concat();
    let script = script.replace(ADDRESS, &address);
    let run = shell(&folder, &script).output().unwrap();
    let (printed, words) = (
        String::from_utf8_lossy(&run.stdout),
        String::from_utf8_lossy(&run.stderr),
    );
    assert!(run.status.success(), "{printed}{words}");
    assert_eq!(
        statuses(&printed),
        ["201", "200", "412", "200"],
        "{printed}"
    );
    assert!(printed.contains(r#""current_version":2"#), "{printed}");
    assert!(
        printed.contains(r#""status":"approved","version":3"#),
        "{printed}"
    );

    let settings = submit
        .split("curl")
        .next()
        .unwrap()
        .replace(ADDRESS, &address);
    // The stream has no end: the last event ends it.
    let follow = follow.replace("curl -N", "timeout 20 curl -sN");
    let mut following = shell(&folder, &format!("{settings}\n{follow}"));
    let mut following = Server(following.stderr(Stdio::null()).spawn().unwrap());
    let began = Instant::now();
    let shown = BufReader::new(following.0.stdout.take().unwrap()).lines();
    let events = shown.map_while(Result::ok).filter_map(|it| {
        let event = it.strip_prefix("event: certificate_application.")?;
        Some(event.to_owned())
    });
    assert_eq!(
        events.take(3).collect::<Vec<_>>(),
        ["created", "processing", "approved"]
    );
    assert!(
        began.elapsed() < Duration::from_secs(15),
        "{:?}",
        began.elapsed()
    );

    let read = read.replace("curl ", "curl -s ").replace('\n', "; echo\n");
    let run = shell(&folder, &format!("{settings}\n{read}"))
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&run.stdout);
    let answers: Vec<Value> = printed
        .lines()
        .filter(|it| !it.is_empty())
        .map(|it| serde_json::from_str(it).unwrap())
        .collect();
    let lengths: Vec<_> = answers
        .iter()
        .map(|it| it["data"].as_array().unwrap().len())
        .collect();
    assert_eq!(lengths, [3, 3, 1], "{printed}");
}
