//! `certlife list`, narrowed; `certlife stats`.

use crate::{Scratch, file};

fn example() -> Scratch {
    let store = Scratch::new();
    let applied = store.run(&["apply", &file("docs/examples/commands.jsonl")], "");
    assert_eq!(applied.code, Some(1));
    store
}

#[test]
fn applications_are_found_by_title_number_and_time() {
    let store = example();
    let listed = |args: &[&str]| -> Vec<i64> {
        let run = store.run(&[&["list", "--json"], args].concat(), "");
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
        let number = |it: serde_json::Value| it["application_id"].as_i64().unwrap();
        run.events().into_iter().map(number).collect()
    };
    for (args, expected) in [
        (&["--title", "CERTIFICATE"][..], &[42, 44, 45, 46, 49][..]),
        (&["--title", "FÜR"], &[47]),
        (&["--title", "of", "--status", "retried"], &[49]),
        (&["--title", "%"], &[]),
        (&["--application-id", "44"], &[44]),
        (&["--application-id", "48"], &[]),
        (&["--application-id", "44", "--title", "x"], &[]),
        (&["--updated-after", "2026-06-04T10:50:12Z"], &[46, 47, 49]),
        (&["--updated-after", "2026-06-04T12:50:13+02:00"], &[47, 49]),
        (
            &[
                "--updated-after",
                "2026-06-04T10:41:00Z",
                "--source",
                "vault",
                "--newest-first",
            ],
            &[47, 46, 45],
        ),
    ] {
        assert_eq!(listed(args), expected, "{args:?}");
    }
    let nothing = store.run(&["list", "--title", "No such title"], "");
    let said = "certlife: no application of institution \"default\" matches\n";
    assert_eq!((nothing.code, nothing.stderr.as_str()), (Some(0), said));
    let long = "x".repeat(256);
    for (args, reported) in [
        (
            ["--title", ""],
            "title must have 1 to 255 characters, but has 0",
        ),
        (
            ["--title", &long],
            "title must have 1 to 255 characters, but has 256",
        ),
        (
            ["--application-id", "0"],
            "expected an integer from 1 to 9007199254740991",
        ),
        (
            ["--application-id", "1e3"],
            "expected an integer from 1 to 9007199254740991",
        ),
        (["--updated-after", "today"], "expected an RFC 3339 time"),
    ] {
        let run = store.run(&[&["list"], &args[..]].concat(), "");
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""));
        assert!(run.stderr.contains(reported), "{}", run.stderr);
    }
}

#[test]
fn the_oldest_of_a_state_is_the_one_that_has_been_there_the_longest() {
    let counts = example().run(&["stats", "--json"], "").events();
    let approved = &counts[0];
    assert_eq!(
        (
            &approved["status"],
            &approved["source"],
            &approved["oldest_updated_at"]
        ),
        (
            &"approved".into(),
            &"vault".into(),
            &"2026-06-04T10:34:30Z".into()
        )
    );
}
