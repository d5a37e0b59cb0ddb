//! `certlife import`.

use std::fmt::Write;

use crate::{Run, Scratch};

const UUID: &str = "9e7860f0-05d1-4fd0-b3e0-e98e19f1cf15";

fn import(store: &Scratch, table: &str, more: &[&str]) -> Run {
    store.run(&[&["import", "-"], more].concat(), table)
}

/// The lines that were refused, and why.
fn refused(run: &Run) -> Vec<(u64, String)> {
    let line = |it: serde_json::Value| {
        let field = it["field"].as_str().or(it["error"].as_str()).unwrap();
        (it["line"].as_u64().unwrap(), field.to_owned())
    };
    run.refusals().into_iter().map(line).collect()
}

fn count(store: &Scratch, institution: &str) -> usize {
    let list = ["list", "--json", "--institution", institution];
    store.run(&list, "").events().len()
}

#[test]
fn each_row_becomes_an_upload_of_the_institution() {
    let store = Scratch::new();
    let table = format!(
        "uuid,applicant_email,application_id,certificate_title\n\
         {UUID},ann@example.com,42,Diploma\n,bob@example.com,43,\"Diploma, with \"\"honours\"\"\"\n"
    );
    let run = import(
        &store,
        &table,
        &["--institution", "uni", "--actor", "administrator:jane"],
    );
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    let events = run.events();
    assert_eq!(events.len(), 2);
    assert_eq!(events[0]["uuid"], UUID);
    assert_eq!(events[0]["trigger_context"], "bulk_upload");
    assert_eq!(events[1]["certificate_title"], "Diploma, with \"honours\"");
    assert_eq!(count(&store, "uni"), 2);
    let history = ["history", "--json", "--institution", "uni", UUID];
    let history = store.run(&history, "").events();
    assert_eq!(history[0]["actor"], "administrator:jane");
}

#[test]
fn bad_lines_are_told_by_their_numbers_and_the_good_ones_are_uploaded() {
    for end in ["\n", "\r\n"] {
        let store = Scratch::new();
        let table = [
            "\u{feff}title,email,application_id,uuid",
            "\"Diploma",
            "",
            "in three lines\",ann@example.com,1,",
            "",
            "Diploma,ann,2,",
            "Diploma,ann@example.com,two,",
            "Diploma,ann@example.com,+3,",
            "Diploma,ann@example.com,4,nobody",
            "  ,ann@example.com,5,",
            "Diploma,ann@example.com",
            "Diploma,ann@example.com,6,,",
            "Diploma,ann@example.com,7,9e7860f0-05d1-4fd0-b3e0-e98e19f1cf15",
            "Diploma,ann@example.com,8,9e7860f0-05d1-4fd0-b3e0-e98e19f1cf15",
            "Diploma,ann@example.com,9,",
        ];
        let run = import(&store, &table.join(end), &[]);
        assert_eq!(run.code, Some(1));
        let expected = [
            (6, "applicant_email"),
            (7, "application_id"),
            (8, "application_id"),
            (9, "uuid"),
            (10, "certificate_title"),
            (11, "invalid_command"),
            (12, "invalid_command"),
            (14, "already_exists"),
        ];
        let expected = expected.map(|(line, field)| (line, field.to_owned()));
        assert_eq!(refused(&run), expected);
        assert_eq!(run.refusals()[0]["command"], "upload");
        let title = &run.events()[0]["certificate_title"];
        assert_eq!(*title, format!("Diploma{end}{end}in three lines"));
        assert_eq!((run.events().len(), count(&store, "default")), (3, 3));
    }
}

#[test]
fn atomic_means_all_or_nothing() {
    let store = Scratch::new();
    let good = format!("title,email,application_id,uuid\nA,a@example.com,1,{UUID}\n");
    // Refused before the store sees it, and by the store.
    for bad in ["B,b,2,\n".to_owned(), format!("B,b@example.com,2,{UUID}\n")] {
        let run = import(&store, &(good.clone() + &bad), &["--atomic"]);
        assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""));
        assert_eq!(refused(&run).len(), 1);
        assert_eq!(refused(&run)[0].0, 3);
        assert_eq!(count(&store, "default"), 0);
    }
    let run = import(&store, &good, &["--atomic"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(count(&store, "default"), 1);
}

#[test]
fn ten_thousand_rows_are_one_call_and_more_are_more() {
    let store = Scratch::new();
    let mut table = "email,title,application_id\n".to_owned();
    for number in 1..=25_000 {
        let _ = writeln!(table, "a{number}@example.com,Diploma {number},{number}");
    }
    let run = import(&store, &table, &[]);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    let ids: Vec<_> = run
        .events()
        .iter()
        .map(|event| event["application_id"].as_u64().unwrap())
        .collect();
    assert!(ids.into_iter().eq(1..=25_000), "in the order of the lines");
}

#[test]
fn an_import_with_a_prefix_can_be_repeated() {
    let store = Scratch::new();
    let table = "title,email,application_id\nA,a@example.com,1\nB,b@example.com,2\n";
    let repeatable = ["--idempotency-prefix", "june"];
    let first = import(&store, table, &repeatable);
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    let state = store.state();
    for more in [&[][..], &["--atomic"]] {
        let again = import(&store, table, &[&repeatable, more].concat());
        assert_eq!((again.code, &again.stdout), (Some(0), &first.stdout));
        assert_eq!(store.state(), state);
    }
    // The same lines for another institution are others.
    let other = import(
        &store,
        table,
        &["--institution", "b", "--idempotency-prefix", "june"],
    );
    assert_eq!(other.code, Some(0), "{}", other.stderr);
    assert_ne!(other.stdout, first.stdout);
    // The same key for another upload is a mistake.
    let changed = import(&store, &table.replace("A,", "C,"), &repeatable);
    assert_eq!(refused(&changed), [(2, "idempotency_mismatch".to_owned())]);
}

#[test]
fn a_heading_that_is_wrong_says_what_would_be_right() {
    let known = "the columns are certificate_title (or title), applicant_email (or email), \
                 application_id and, optionally, uuid";
    for (table, problem) in [
        ("", "it has no line that names the columns".to_owned()),
        (
            "title,email",
            format!("the column application_id is missing; {known}"),
        ),
        ("title,mail", format!("unknown column \"mail\"; {known}")),
        (
            "title;email;application_id",
            format!(
                "unknown column \"title;email;application_id\"; {known}; fields are separated by \
                 commas, not by semicolons"
            ),
        ),
        (
            "title,certificate_title",
            "the column certificate_title stands there twice".to_owned(),
        ),
    ] {
        let store = Scratch::new();
        let run = import(&store, table, &[]);
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""));
        assert_eq!(run.stderr, format!("certlife: standard input: {problem}\n"));
        assert!(!store.path("test.db").exists());
    }
}

#[test]
fn a_heading_alone_is_nothing_to_do() {
    let run = import(&Scratch::new(), "title,email,application_id\n", &[]);
    assert_eq!(
        (run.code, run.stdout.as_str(), run.stderr.as_str()),
        (Some(0), "", "")
    );
}

#[test]
fn a_quote_that_nobody_closes_does_not_fill_the_memory() {
    let store = Scratch::new();
    let mut table =
        "title,email,application_id\nA,a@example.com,1\n\"B,b@example.com,2\n".to_owned();
    table += &"x".repeat(4 << 20);
    let run = import(&store, &table, &[]);
    assert_eq!(run.code, Some(2));
    assert_eq!(run.events().len(), 1);
    assert!(
        run.stderr.contains("is a quote not closed?"),
        "{}",
        run.stderr
    );
    let run = import(&store, &table, &["--atomic"]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""));
}

#[test]
fn only_an_administrator_uploads() {
    let table = "title,email,application_id\nA,a@example.com,1\n";
    let store = Scratch::new();
    let run = import(&store, table, &["--actor", "customer:ann"]);
    // Once, not for each line; and nothing is read or opened for it.
    assert_eq!(
        (run.code, run.stdout.as_str(), run.stderr.as_str()),
        (
            Some(2),
            "",
            "certlife: customer:ann may not upload; who may: administrator\n"
        )
    );
    assert!(!store.path("test.db").exists());
}

#[test]
fn what_is_no_utf_8_is_told_with_its_field() {
    let store = Scratch::new();
    let table = b"title,email,application_id\nA,a@example.com,1\n\xff,b@example.com,2\n";
    std::fs::write(store.path("t.csv"), table).unwrap();
    let run = store.run(&["import", "t.csv"], "");
    assert_eq!(refused(&run), [(3, "certificate_title".to_owned())]);
    assert_eq!(
        run.refusals()[0]["message"],
        "field certificate_title is not UTF-8; save the file as UTF-8"
    );
    assert_eq!(run.events().len(), 1);
    // "Prénom" of Latin 1.
    std::fs::write(store.path("t.csv"), b"title,email,pr\xe9nom\n").unwrap();
    let run = store.run(&["import", "t.csv"], "");
    assert_eq!(
        (run.code, run.stderr.as_str()),
        (
            Some(2),
            "certlife: t.csv: the line that names the columns is not UTF-8; save the file as UTF-8\n"
        )
    );
}

#[test]
fn the_names_of_columns_may_be_written_as_people_write_them() {
    let table = " Title ,EMAIL,Application_ID,uuid\nA,a@example.com,1,\n";
    let run = import(&Scratch::new(), table, &[]);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    assert_eq!(run.events().len(), 1);
    let twice = import(&Scratch::new(), "title,Title\n", &[]);
    assert_eq!(
        twice.stderr,
        "certlife: standard input: the column Title stands there twice\n"
    );
}
