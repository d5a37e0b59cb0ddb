//! What is corrupt in a store is reported beside what is not, and the run ends as one that went
//! wrong.

use crate::Scratch;

/// Five uploads, of which some were edited by hand.
fn edited(sql: &str) -> Scratch {
    let store = Scratch::new();
    let upload = |number| {
        format!(
            r#"{{"command":"upload","application_id":{number},"uuid":"00000000-0000-0000-0000-{number:012}","certificate_title":"Diploma","applicant_email":"a@example.com","trigger_context":"bulk_upload","at":"2026-06-04T10:30:00Z"}}"#
        )
    };
    let lines: Vec<_> = (1..=5).map(upload).collect();
    assert_eq!(store.run(&["apply"], &lines.join("\n")).code, Some(0));
    let connection = rusqlite::Connection::open(store.path("test.db")).unwrap();
    connection.execute_batch(sql).unwrap();
    store
}

/// The numbers of the applications that are named, one a line; 0 is the webhook.
fn numbers(text: &str) -> Vec<usize> {
    let number = |line: &str| {
        let uuids = line.split("00000000-0000-0000-0000-").skip(1);
        let mut numbers = uuids.filter_map(|it| it.get(..12)?.parse().ok());
        numbers.find(|number| *number > 0)
    };
    text.lines().filter_map(number).collect()
}

#[test]
fn lists_print_what_is_sound_and_tell_what_is_not() {
    let store = edited("UPDATE certlife_application SET certificate_title = '' WHERE no IN (2, 5)");
    let stalled = ["stalled", "--older-than", "1s"];
    for args in [
        &["list"][..],
        &["list", "--json"],
        &stalled,
        &[&stalled[..], &["--json"]].concat(),
    ] {
        let run = store.run(args, "");
        assert_eq!(run.code, Some(2), "{args:?}");
        assert_eq!(numbers(&run.stdout), [1, 3, 4], "{args:?}");
        assert_eq!(numbers(&run.stderr), [2, 5], "{}", run.stderr);
        let reported = run.stderr.lines().all(|it| it.starts_with("certlife: "));
        assert!(reported, "{}", run.stderr);
    }
    // What --limit counts is what is printed.
    let run = store.run(&["list", "--limit", "2"], "");
    assert_eq!((run.code, numbers(&run.stdout)), (Some(2), vec![1, 3]));
    assert!(
        run.stderr.contains("go on with --after 3"),
        "{}",
        run.stderr
    );
    let run = store.run(&["list", "--limit", "2", "--after", "3"], "");
    assert_eq!((run.code, numbers(&run.stdout)), (Some(2), vec![4]));
}

#[test]
fn failing_the_stalled_fails_the_sound_and_tells_of_one_that_is_not() {
    let store = edited("UPDATE certlife_application SET certificate_title = '' WHERE no IN (2, 5)");
    let run = store.run(&["stalled", "--older-than", "1s", "--fail", "--json"], "");
    assert_eq!(run.code, Some(2));
    assert_eq!(run.events().len(), 3);
    assert_eq!(numbers(&run.stderr), [2]);
}

#[test]
fn events_tell_what_comes_before_a_corrupt_one_and_then_of_it() {
    let store = edited("UPDATE certlife_event SET actor = '' WHERE seq = 3");
    for args in [
        &["events"][..],
        &["events", "--json"],
        &["events", "--json", "--follow"],
        &["events", "--json", "--institution", "default"],
        &["events", "--limit", "4"],
    ] {
        let run = store.run(args, "");
        assert_eq!(run.code, Some(2), "{args:?}");
        assert_eq!(numbers(&run.stdout), [1, 2], "{args:?}");
        assert_eq!(numbers(&run.stderr), [3], "{}", run.stderr);
    }
    // A page of no more than what comes before does not report it, and a page that begins behind it
    // neither.
    for (args, found) in [
        (&["events", "--limit", "2"][..], [1, 2]),
        (&["events", "--after", "3"], [4, 5]),
    ] {
        let run = store.run(args, "");
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
        assert_eq!(numbers(&run.stdout), found);
    }
}

#[test]
fn what_cannot_be_sent_is_dead_and_neither_log_nor_reason_quotes_it() {
    for (sql, field) in [
        (
            "UPDATE certlife_application SET applicant_email = 'jane doe' WHERE no = 1",
            "applicant_email must be a valid e-mail address",
        ),
        (
            "UPDATE certlife_application SET certificate_title = printf('Jane Doe%.*c', 300, 'x') WHERE no = 1",
            "certificate_title must have 1 to 255 characters",
        ),
        (
            "UPDATE certlife_event SET text = 'jane doe failed' WHERE seq = 1",
            "must not have a text",
        ),
        (
            "UPDATE certlife_event SET actor = char(7) || 'jane doe' WHERE seq = 1",
            "actor",
        ),
    ] {
        let store = Scratch::new();
        let url = "https://hooks.example.com/";
        let add = ["webhook", "add", url, "--events", "created"];
        assert_eq!(store.run(&add, "").code, Some(0));
        let upload = r#"{"command":"upload","application_id":1,"uuid":"00000000-0000-0000-0000-000000000001","certificate_title":"Diploma","applicant_email":"a@example.com","trigger_context":"bulk_upload"}"#;
        assert_eq!(store.run(&["apply"], upload).code, Some(0));
        let connection = rusqlite::Connection::open(store.path("test.db")).unwrap();
        connection.execute_batch(sql).unwrap();
        let run = store.run(&["deliver", "--until-idle", "--log", "debug"], "");
        assert_eq!(run.code, Some(1), "{}", run.stderr);
        assert!(run.stderr.contains("what is stored cannot be sent"));
        let kept = store.run(&["deliveries", "--json"], "");
        assert!(kept.stdout.contains(field), "{}", kept.stdout);
        for reported in [run.stderr, kept.stdout] {
            let lower = reported.to_lowercase();
            assert!(
                !lower.contains("jane") && !lower.contains("doe"),
                "{reported}"
            );
        }
    }
}
