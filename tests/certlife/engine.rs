//! `certlife apply` on a store: institutions, actors, keys, versions, and who else writes.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use crate::{Run, Scratch, certlife, file, objects, run, run_to_end};

/// A line that submits the `number`-th application, with more fields.
fn submit(number: u32, more: &str) -> String {
    format!(
        r#"{{"command":"submit","application_id":{number},"uuid":"00000000-0000-0000-0000-{number:012}","certificate_title":"Diploma","applicant_email":"a@example.com"{more}}}"#
    )
}

fn act(command: &str, number: u32, more: &str) -> String {
    format!(r#"{{"command":"{command}","uuid":"00000000-0000-0000-0000-{number:012}"{more}}}"#)
}

#[test]
fn the_same_file_again_prints_the_same_bytes_and_changes_nothing() {
    apply_twice(&Scratch::new());
}

#[test]
fn the_same_file_again_changes_nothing_in_postgresql() {
    apply_twice(&Scratch::on_postgres());
}

fn apply_twice(store: &Scratch) {
    let keyed = |line: &str, key: u32| {
        let line = line.strip_suffix('}').unwrap();
        format!("{line},\"idempotency_key\":\"line-{key}\"}}")
    };
    let commands = std::fs::read_to_string(file("docs/examples/commands.jsonl")).unwrap();
    let lines: Vec<_> = (1..)
        .zip(commands.lines().filter(|it| it.ends_with('}')))
        .map(|(key, line)| keyed(line, key))
        .collect();
    let lines = lines.join("\n");
    let first = store.run(&["apply"], &lines);
    assert!(first.events().len() > 10);
    let state = store.state_with(first.events().len());
    assert!(!state[0].is_empty());
    for _ in 0..2 {
        let again = store.run(&["apply"], &lines);
        assert_eq!(again.stdout, first.stdout);
        assert_eq!(store.state(), state);
    }
}

#[test]
fn a_line_without_a_time_is_replayed_with_its_first_time() {
    let store = Scratch::new();
    let line = submit(1, r#","idempotency_key":"k""#);
    let first = store.run(&["apply"], &line).stdout;
    std::thread::sleep(std::time::Duration::from_millis(1100));
    assert_eq!(store.run(&["apply"], &line).stdout, first);
}

#[test]
fn what_the_engine_refuses_is_reported_with_its_code_and_what_is_so_instead() {
    let input = [
        submit(1, r#","actor":"customer:ann","idempotency_key":"k1""#),
        act("begin_processing", 1, r#","actor":"customer:ann""#),
        act("begin_processing", 1, r#","expected_version":2"#),
        act("begin_processing", 1, r#","expected_version":1"#),
        act("approve", 1, r#","idempotency_key":"k1""#),
        act("approve", 1, r#","institution":"another""#),
        submit(1, r#","institution":"another""#),
        act("approve", 1, r#","actor":"robot""#),
        act("approve", 1, r#","actor":"system:""#),
        act("approve", 1, r#","actor":7"#),
        act("approve", 1, r#","institution":"""#),
        act("approve", 1, r#","idempotency_key":"\u0007""#),
        act("approve", 1, r#","expected_version":0"#),
        submit(2, r#","expected_version":1"#),
        act(
            "approve",
            1,
            r#","actor":"system:pdf:7","expected_version":2"#,
        ),
    ];
    let run = run(&["apply"], input.join("\n"));
    assert_eq!(run.code, Some(1));
    assert_eq!(run.events().len(), 3, "{}", run.stderr);
    let refusals = run.refusals();
    let reported: Vec<_> = refusals
        .iter()
        .map(|it| {
            let text = |name: &str| it[name].as_str().unwrap_or_default().to_owned();
            (it["line"].as_u64().unwrap(), text("error"), text("field"))
        })
        .collect();
    let expected = [
        (2, "forbidden", ""),
        (3, "conflict", ""),
        (5, "idempotency_mismatch", ""),
        (6, "unknown_application", ""),
        (7, "already_exists", ""),
        (8, "invalid_command", "actor"),
        (9, "invalid_command", "actor"),
        (10, "invalid_command", "actor"),
        (11, "invalid_command", "institution"),
        (12, "invalid_command", "idempotency_key"),
        (13, "invalid_command", "expected_version"),
        (14, "invalid_command", "expected_version"),
    ];
    let expected = expected.map(|(line, error, field)| (line, error.to_owned(), field.to_owned()));
    assert_eq!(reported, expected);
    assert_eq!(
        (
            &refusals[1]["expected"],
            &refusals[1]["version"],
            &refusals[1]["status"]
        ),
        (&2.into(), &1.into(), &"created".into())
    );
    assert_eq!(
        refusals[0]["message"],
        "customer may not begin_processing; who may: administrator"
    );
    assert_eq!(
        refusals[5]["message"],
        "field actor must be customer, administrator or system, alone or with an id as in \
         administrator:jane, but is a string of 5 characters"
    );
}

#[test]
fn the_flag_says_the_institution_of_lines_that_name_none() {
    let store = Scratch::new();
    let input = submit(1, "") + "\n" + &submit(2, r#","institution":"b""#);
    let run = store.run(&["apply", "--institution", "a"], &input);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    for (institution, number) in [("a", 1), ("b", 2)] {
        let list = store.run(&["list", "--json", "--institution", institution], "");
        assert_eq!(list.events().len(), 1);
        assert_eq!(list.events()[0]["application_id"], number);
    }
    assert_eq!(store.run(&["list", "--json"], "").stdout, "");
}

#[test]
fn the_actor_is_the_one_of_the_contract_if_the_line_names_none() {
    let store = Scratch::new();
    let input = [
        submit(1, r#","actor":"system""#),
        act("begin_processing", 1, ""),
        act("approve", 1, r#","actor":"system:pdf""#),
    ];
    store.run(&["apply"], &input.join("\n"));
    let uuid = "00000000-0000-0000-0000-000000000001";
    let history = store.run(&["history", "--json", uuid], "");
    let actors: Vec<_> = history
        .events()
        .into_iter()
        .map(|it| it["actor"].clone())
        .collect();
    assert_eq!(
        actors,
        ["system:certlife", "administrator:certlife", "system:pdf"]
    );
}

#[test]
fn an_event_on_standard_output_is_committed() {
    let store = Scratch::new();
    let mut child = store
        .certlife(&["apply"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut events = BufReader::new(child.stdout.take().unwrap()).lines();
    for number in 1..=3 {
        writeln!(stdin, "{}", submit(number, "")).unwrap();
        events.next().unwrap().unwrap();
        // Another process sees it while this one goes on.
        let list = store.run(&["list", "--json"], "");
        assert_eq!(list.events().len(), number as usize);
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(store.run(&["list", "--json"], "").events().len(), 3);
}

#[test]
fn two_processes_apply_to_one_file_at_once() {
    apply_at_once(&Scratch::new());
}

#[test]
fn two_processes_apply_to_one_database_at_once() {
    apply_at_once(&Scratch::on_postgres());
}

fn apply_at_once(store: &Scratch) {
    let commands = |first: u32| {
        (first..first + 3000)
            .flat_map(|number| {
                [
                    submit(number, ""),
                    act("begin_processing", number, ""),
                    act("approve", number, ""),
                ]
            })
            .collect::<Vec<_>>()
            .join("\n")
    };
    let runs = std::thread::scope(|scope| {
        let start = |first| {
            let input = commands(first);
            scope.spawn(move || store.run(&["apply"], &input))
        };
        [start(10_000), start(20_000)].map(|run| run.join().unwrap())
    });
    for run in &runs {
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
        assert_eq!(run.events().len(), 9000);
    }
    let [stats, log] = store.state_with(18_000);
    let all = "{\"status\":\"approved\",\"source\":\"customer\",\"applications\":6000,\"oldest";
    assert!(stats.starts_with(all), "{stats}");
    assert_eq!(stats.lines().count(), 1, "{stats}");
    let feed = objects(&log);
    assert_eq!(feed.len(), 18_000);
    // The feed has what they printed, for each application in the order in which it was printed.
    // Among applications, a database is free.
    let by_application = |mut events: Vec<serde_json::Value>| {
        events.sort_by_key(|event| event["application_id"].as_u64());
        events
    };
    let printed = runs.iter().flat_map(Run::events).collect();
    let payloads = feed.into_iter().map(|mut line| line["payload"].take());
    assert!(by_application(printed) == by_application(payloads.collect()));
}

#[test]
fn a_store_that_cannot_be_opened_is_a_failure_of_the_run() {
    for (store, words) in [
        (
            "x",
            "must be memory:, sqlite:PATH or postgres://USER@HOST/DATABASE, but is \"x\"; for the \
             file of that name, say sqlite:x\n",
        ),
        ("/path/a:b.db", "say sqlite:/path/a:b.db\n"),
        ("", "but is empty\n"),
        (
            "postgre://ann:secret@host/db",
            "but begins with \"postgre:\"",
        ),
        ("sqlite:", "must be followed by the path of a file"),
        ("sqlite::memory:", "must be followed by the path of a file"),
        (
            "sqlite:no/such/folder/x.db",
            "/no/such/folder/x.db: No such file or directory",
        ),
        (
            &format!("sqlite:{}", file("README.md")),
            "it is not a SQLite database",
        ),
    ] {
        let run = run(&["apply", "--store", store], submit(1, ""));
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""));
        assert!(run.stderr.contains(words), "{}", run.stderr);
        assert!(!run.stderr.contains("secret"), "{}", run.stderr);
    }
}

#[cfg(unix)]
#[test]
fn a_store_may_have_a_path_that_is_no_utf_8() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let folder = Scratch::new();
    let with_store = |args: &[&str], address: &[u8]| {
        let mut certlife = folder.certlife(args);
        run_to_end(
            certlife.arg("--store").arg(OsStr::from_bytes(address)),
            submit(1, ""),
        )
    };
    let path = b"sqlite:caf\xe9.db";
    assert_eq!(with_store(&["apply"], path).code, Some(0));
    let list = with_store(&["list", "--json"], path);
    assert_eq!((list.code, list.events().len()), (Some(0), 1));
    assert!(
        folder
            .path("")
            .join(OsStr::from_bytes(b"caf\xe9.db"))
            .exists()
    );
    let run = with_store(&["list"], b"postgres://me:secret\xe9@host/");
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains("is not UTF-8"), "{}", run.stderr);
    assert!(!run.stderr.contains("secret"), "{}", run.stderr);
}

#[test]
fn help_does_not_show_the_address_in_the_environment() {
    let help = certlife(&["apply", "--help"])
        .env("CERTLIFE_STORE", "postgres://ann:secret@host/db")
        .output()
        .unwrap();
    assert!(!String::from_utf8(help.stdout).unwrap().contains("secret"));
}

#[test]
fn what_the_database_does_not_keep_is_a_refusal_of_its_line() {
    let store = Scratch::new();
    assert_eq!(store.run(&["apply"], &submit(1, "")).code, Some(0));
    // A rule of the institution's own.
    let connection = rusqlite::Connection::open(store.path("test.db")).unwrap();
    connection
        .execute_batch("CREATE TRIGGER rule BEFORE INSERT ON certlife_application WHEN NEW.application_id = 3 BEGIN SELECT RAISE(FAIL, 'not this one'); END")
        .unwrap();
    let lines = [submit(2, ""), submit(3, ""), submit(4, "")].join("\n");
    let run = store.run(&["apply"], &lines);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert_eq!(run.events().len(), 2);
    let [refusal] = &run.refusals()[..] else {
        panic!("{}", run.stderr);
    };
    assert_eq!(
        (&refusal["line"], &refusal["error"], &refusal["message"]),
        (
            &2.into(),
            &"refused_by_database".into(),
            &"the database refuses to keep it: not this one".into()
        )
    );
}

#[test]
fn a_store_that_breaks_ends_the_run_and_says_which_lines_are_open() {
    let store = Scratch::new();
    assert_eq!(store.run(&["apply"], &submit(1, "")).code, Some(0));
    let mut child = store
        .certlife(&["apply"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut events = BufReader::new(child.stdout.take().unwrap()).lines();
    writeln!(stdin, "{}", submit(2, "")).unwrap();
    events.next().unwrap().unwrap();
    // The tables are changed by hand.
    let connection = rusqlite::Connection::open(store.path("test.db")).unwrap();
    let change = |sql: &str| connection.execute_batch(sql).unwrap();
    change("ALTER TABLE certlife_event RENAME TO elsewhere");
    writeln!(stdin, "{}", submit(3, "")).unwrap();
    let output = child.wait_with_output().unwrap();
    change("ALTER TABLE elsewhere RENAME TO certlife_event");
    assert_eq!(output.status.code(), Some(2));
    let stderr = String::from_utf8(output.stderr).unwrap();
    let (line, sentence) = stderr.split_once('\n').unwrap();
    let refusal = &objects(line)[0];
    assert_eq!(
        (&refusal["line"], &refusal["error"]),
        (&2.into(), &"unavailable".into())
    );
    assert!(
        sentence.contains("line 2 was the last that the store was given"),
        "{sentence}"
    );
    assert_eq!(store.run(&["list", "--json"], "").events().len(), 2);
}

#[test]
fn a_database_that_goes_away_ends_the_run_and_nothing_is_lost() {
    // A server of its own: the other tests need theirs.
    let server = crate::postgres::Server::start();
    let store = Scratch::on(server.url());
    let mut child = store
        .certlife(&["apply"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut events = BufReader::new(child.stdout.take().unwrap()).lines();
    writeln!(stdin, "{}", submit(1, "")).unwrap();
    let mut printed = vec![events.next().unwrap().unwrap()];
    server.kill();
    // The server's processes may carry out a few more before they notice.
    let mut line = 1;
    while child.try_wait().unwrap().is_none() {
        line += 1;
        let _ = writeln!(stdin, "{}", submit(line, ""));
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    printed.extend(events.map(Result::unwrap));
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let stderr = String::from_utf8(output.stderr).unwrap();
    let (refused, sentence) = stderr.trim_end().rsplit_once('\n').unwrap();
    let refused = objects(refused);
    for refusal in &refused {
        let error = refusal["error"].as_str().unwrap();
        assert!(
            ["unavailable", "unknown_outcome"].contains(&error),
            "{stderr}"
        );
    }
    let last = &refused.last().unwrap()["line"];
    let reported = format!("line {last} was the last that the store was given");
    assert!(sentence.contains(&reported), "{stderr}");
    server.restart();
    let listed = store.run(&["list", "--json"], "").events();
    for event in objects(&printed.join("\n")) {
        assert!(
            listed.iter().any(|it| it["uuid"] == event["uuid"]),
            "{event}"
        );
    }
}

#[test]
fn the_readmes_example_leaves_no_file_behind() {
    let store = Scratch::new();
    let run = store.run(&["apply", "--store", "memory:"], &act("approve", 1, ""));
    assert_eq!(run.refusals()[0]["error"], "unknown_application");
    assert_eq!(std::fs::read_dir(&store.folder).unwrap().count(), 0);
}

/// The limit on the size of files stands for a disk that is full: writes past it fail.
#[test]
fn a_file_that_cannot_grow_ends_the_run_and_loses_nothing_that_was_printed() {
    let store = Scratch::new();
    let lines: Vec<_> = (1..=20_000).map(|number| submit(number, "")).collect();
    let lines = lines.join("\n");
    let mut limited = Command::new("sh");
    limited
        .args(["-c", "trap '' XFSZ; ulimit -f 2000; exec \"$0\" apply"])
        .arg(env!("CARGO_BIN_EXE_certlife"))
        .env("CERTLIFE_STORE", &store.store)
        .current_dir(&store.folder);
    let run = run_to_end(&mut limited, &lines);
    assert_eq!(run.code, Some(2));
    let printed = run.events();
    assert!(!printed.is_empty());
    // Each line was answered, up to the one that it names
    let (refused, end) = run.stderr.trim_end().rsplit_once('\n').unwrap();
    for refusal in objects(refused) {
        let error = refusal["error"].as_str().unwrap();
        assert!(
            ["unavailable", "unknown_outcome"].contains(&error),
            "{refusal}"
        );
    }
    let last = printed.len() + refused.lines().count();
    assert!(
        end.ends_with(&format!(
            "line {last} was the last that the store was given"
        )),
        "{end}"
    );
    // What was printed is there, and when there is room again, the rest is
    let events = objects(&store.state()[1]);
    let kept: Vec<_> = events.iter().map(|it| &it["payload"]).collect();
    assert!(printed.iter().all(|event| kept.contains(&event)));
    let again = store.run(&["apply"], &lines);
    assert_eq!(again.refusals().len(), kept.len());
    assert_eq!(objects(&store.state()[1]).len(), 20_000);
}
