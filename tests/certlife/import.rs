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
fn bad_lines_are_reported_by_their_numbers_and_the_good_ones_are_uploaded() {
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
            "Diploma,ann@example.com,4,unknown",
            "  ,ann@example.com,5,",
            "Diploma,ann@example.com",
            "Diploma,ann@example.com,6,,more",
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
fn atomic_or_not_every_bad_line_is_reported() {
    let stores: [fn() -> Scratch; 2] = [Scratch::new, Scratch::on_postgres];
    for store in stores.map(|new| new()) {
        let heading = "title,email,application_id,uuid\n";
        let known = format!("{heading}A,a@example.com,1,{UUID}\n");
        assert_eq!(import(&store, &known, &[]).code, Some(0));
        let twice = "00000000-0000-0000-0000-000000000001";
        let table = format!(
            "{heading}A,a@example.com,1,{UUID}\nB,b,2,\nC,c@example.com,3,{twice}\n\
             D,d@example.com,4,{twice}\nE,e@example.com,5\nF,f@example.com,6,\n"
        );
        let expected = [
            (2, "already_exists"),
            (3, "applicant_email"),
            (5, "already_exists"),
            (6, "invalid_command"),
        ];
        let expected = expected.map(|(line, field)| (line, field.to_owned()));
        let run = import(&store, &table, &["--atomic"]);
        assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""));
        assert_eq!(refused(&run), expected);
        assert_eq!(count(&store, "default"), 1);
        // Where the file cannot be read to its end, the bad lines before are reported as well.
        let cut = format!("{table}\"G,g@example.com,7,\n");
        let run = import(&store, &cut, &["--atomic"]);
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""));
        let (last, bad) = run.stderr.trim_end().rsplit_once('\n').unwrap();
        assert_eq!(
            (
                last.lines().count(),
                bad.contains("on line 8 is not closed; nothing was imported")
            ),
            (4, true),
            "{}",
            run.stderr
        );
        assert_eq!(count(&store, "default"), 1);
        let run = import(&store, &table, &[]);
        assert_eq!((run.code, run.events().len()), (Some(1), 2));
        assert_eq!(refused(&run), expected);
    }
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
    // The longest prefix works for every line.
    let longest = ["--idempotency-prefix", &"ä".repeat(234)];
    let run = import(&store, &format!("{}{table}", "\n".repeat(2_000)), &longest);
    assert_eq!((run.code, run.events().len()), (Some(0), 2));
}

#[test]
fn a_corrected_line_is_uploaded_under_another_prefix() {
    let store = Scratch::new();
    let heading = "title,email,application_id,uuid\n";
    let table = format!("{heading}A,a@example.com,1,{UUID}\nB,b@example.com,2,{UUID}\n");
    let june = ["--idempotency-prefix", "june"];
    let first = import(&store, &table, &june);
    assert_eq!(refused(&first), [(3, "already_exists".to_owned())]);
    let hint = "; to upload this line as it is now, import it in a file of its own, under another \
                --idempotency-prefix (with that, the other lines would be uploaded again)";
    assert!(!first.stderr.contains(hint), "{}", first.stderr);
    let corrected = table.replace(&format!("2,{UUID}"), "2,");
    for (table, code) in [
        (&table, "already_exists"),
        (&corrected, "idempotency_mismatch"),
    ] {
        let run = import(&store, table, &june);
        assert_eq!(refused(&run), [(3, code.to_owned())]);
        let message = run.refusals()[0]["message"].as_str().unwrap().to_owned();
        assert!(message.ends_with(hint), "{message}");
    }
    let line = format!("{heading}B,b@example.com,2,\n");
    let run = import(&store, &line, &["--idempotency-prefix", "june-2"]);
    assert_eq!((run.code, run.events().len()), (Some(0), 1));
    assert_eq!(count(&store, "default"), 2);
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
            ",\n\"\",\" \"\n  \n",
            "it has no line that names the columns".to_owned(),
        ),
        (
            "title,email,",
            format!("the column application_id is missing; {known}"),
        ),
        (
            "sep=;\ntitle;email;application_id",
            format!(
                "unknown column \"sep=;\"; {known}; the line sep= is not read: take it out, and separate \
                 fields by commas"
            ),
        ),
        (
            "t\0i\0t\0l\0e\0",
            "the line that names the columns is not UTF-8; save the file as CSV in UTF-8"
                .to_owned(),
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
fn a_prefix_that_can_begin_no_key_is_reported_once() {
    for (prefix, problem) in [
        ("", "it is empty"),
        ("a\nb", "must not contain control characters"),
        (
            &"x".repeat(235),
            "it has 235 characters, but may have 234: with a colon and the number of a line, it is an \
             idempotency key, which has at most 255\n",
        ),
        (&"ä".repeat(253), "it has 253 characters, but may have 234"),
    ] {
        let table = "title,email,application_id\nA,a@example.com,1\nB,b@example.com,2\n";
        let run = import(&Scratch::new(), table, &["--idempotency-prefix", prefix]);
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""));
        assert_eq!(run.stderr.matches(problem).count(), 1, "{}", run.stderr);
        assert!(
            run.stderr.contains("--idempotency-prefix"),
            "{}",
            run.stderr
        );
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
fn an_unclosed_quote_ends_the_import_and_makes_no_title_of_the_rows_after_it() {
    let good = "application_id,email,title\n1,a@example.com,First\n";
    for (rest, problem) in [
        (
            "2,b@example.com,\"Second\n3,c@example.com,Third\n",
            "the quote that opens on line 3 is not closed",
        ),
        // The quote of another row seems to close it.
        (
            "2,b@example.com,\"Second\n3,c@example.com,\"Third\"\n4,d@example.com,Fourth\n",
            "field 3 goes on after its closing quote, as if the quote that opens on line 3 were \
             not closed",
        ),
        (
            "\"2\",b@example.com,\"Second\n3\",c@example.com,\"Third\n\"4\",d@example.com,\"Fourth",
            "the quote that opens on line 3 is not closed",
        ),
    ] {
        let table = format!("{good}{rest}");
        for (more, imported, rest) in [(&[][..], 1, " from line 3 on"), (&["--atomic"], 0, "")] {
            let reported =
                format!("certlife: standard input: {problem}; nothing was imported{rest}\n");
            let store = Scratch::new();
            let run = import(&store, &table, more);
            assert_eq!((run.code, &run.stderr), (Some(2), &reported), "{table}");
            assert_eq!(run.events().len(), imported);
            assert_eq!(count(&store, "default"), imported);
        }
    }
    let run = import(&Scratch::new(), "title,\"email\n1,2\n", &[]);
    let problem = "the quote that opens on line 1 is not closed";
    assert!(run.stderr.contains(problem), "{}", run.stderr);
}

#[test]
fn an_unclosed_quote_does_not_fill_the_memory() {
    let store = Scratch::new();
    let mut table =
        "title,email,application_id\nA,a@example.com,1\n\"B,b@example.com,2\n".to_owned();
    table += &"x".repeat(4 << 20);
    let run = import(&store, &table, &[]);
    assert_eq!(run.code, Some(2));
    assert_eq!(run.events().len(), 1);
    let problem =
        "a record is longer than 1048576 bytes (1 MiB), as if the quote that opens on line 3";
    assert!(run.stderr.contains(problem), "{}", run.stderr);
    let run = import(&store, &table, &["--atomic"]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""));
}

#[test]
fn a_line_that_is_too_long_is_refused_and_the_next_is_read() {
    let long = "x".repeat(3 << 20);
    let table = format!("title,email,application_id\n{long},b@example.com,2\nA,a@example.com,1\n");
    let run = import(&Scratch::new(), &table, &[]);
    assert_eq!(refused(&run), [(2, "invalid_command".to_owned())]);
    assert_eq!(run.events().len(), 1);
}

#[test]
fn empty_lines_belong_to_no_record_however_many_they_are() {
    for end in ["\n", "\r\n"] {
        let blank = end.repeat(1_500_000);
        let table = format!(
            "{blank}title,email,application_id{end}{blank}A,a@example.com,1{end}{blank}B,b,2{end}{blank}"
        );
        let run = import(&Scratch::new(), &table, &[]);
        assert_eq!(refused(&run), [(4_500_003, "applicant_email".to_owned())]);
        assert_eq!(run.events().len(), 1);
    }
}

#[test]
fn quotes_that_enclose_no_whole_field_are_refused() {
    let rule = "quotes enclose a whole field, from comma to comma, and a quote inside is doubled";
    for (title, found) in [
        (
            "\"Diploma\" of Merit",
            "field 2 goes on after its closing quote",
        ),
        (
            "Diploma \"summa\"",
            "a quote stands inside field 2, which does not begin with one",
        ),
        (
            "5\" pipe",
            "a quote stands inside field 2, which does not begin with one",
        ),
    ] {
        let store = Scratch::new();
        let table = format!(
            "application_id,title,email\n1,A,a@example.com\n2,{title},b@example.com\n3,C,c@example.com\n"
        );
        let run = import(&store, &table, &[]);
        assert_eq!(run.code, Some(1));
        assert_eq!(refused(&run), [(3, "invalid_command".to_owned())]);
        assert_eq!(run.refusals()[0]["message"], format!("{found}; {rule}"));
        assert_eq!(count(&store, "default"), 2);
    }
}

#[test]
fn a_blank_beside_a_comma_is_part_of_the_field_and_a_refusal_shows_it() {
    let table = "application_id, email, title\n1, a@example.com, \"Diploma, First\"\n\
                 2,b@example.com,\t\"Second\"\n3,c@example.com,\"Third\" \n4, d@example.com,Fourth\n\
                 5 ,e@example.com,Fifth\n6,f@example.com, Sixth\n";
    let run = import(&Scratch::new(), table, &[]);
    let rule = "quotes enclose a whole field, from comma to comma, and a quote inside is doubled";
    let expected = [
        (
            2,
            format!("a blank stands before the quote of field 3; {rule}"),
        ),
        (
            3,
            format!("a blank stands before the quote of field 3; {rule}"),
        ),
        (
            4,
            format!("field 3 goes on after its closing quote; {rule}"),
        ),
        (5, "but it begins or ends with white space".to_owned()),
        (6, "but is the string \"5 \"".to_owned()),
    ];
    assert_eq!(run.refusals().len(), expected.len());
    for (refusal, (line, message)) in run.refusals().iter().zip(expected) {
        assert_eq!(refusal["line"], line);
        let reported = refusal["message"].as_str().unwrap();
        assert!(reported.contains(&message), "{reported}");
    }
    assert_eq!(run.events()[0]["certificate_title"], " Sixth");
}

#[test]
fn what_is_quoted_by_the_rules_is_read_as_it_was_written() {
    let titles = [
        "\"",
        "\"\"\"",
        ",",
        "a\nb",
        "a\r\nb",
        "\r\n,\"\r\n.",
        " a ",
        "\"a\"\n\"b\"",
        "ä\u{feff}",
    ];
    for end in ["\n", "\r\n", "\r"] {
        let mut table = format!("\u{feff}\"application_id\",email,\"title\"{end}");
        for (number, title) in (1..).zip(titles) {
            let title = title.replace('"', "\"\"");
            let _ = write!(table, "\"{number}\",a@example.com,\"{title}\"{end}{end}");
        }
        let run = import(&Scratch::new(), table.trim_end(), &[]);
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
        let events = run.events();
        let read: Vec<_> = events
            .iter()
            .map(|event| event["certificate_title"].as_str().unwrap())
            .collect();
        assert_eq!(read, titles);
    }
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
            "certlife: customer may not upload; who may: administrator\n"
        )
    );
    assert!(!store.path("test.db").exists());
}

#[test]
fn what_is_no_utf_8_is_reported_with_its_field() {
    let store = Scratch::new();
    let table = b"title,email,application_id\nA,a@example.com,1\n\xff,b@example.com,2\n";
    std::fs::write(store.path("t.csv"), table).unwrap();
    let run = store.run(&["import", "t.csv"], "");
    assert_eq!(refused(&run), [(3, "certificate_title".to_owned())]);
    assert_eq!(
        run.refusals()[0]["message"],
        "field certificate_title is not UTF-8; save the file as CSV in UTF-8"
    );
    assert_eq!(run.events().len(), 1);
    // "Prénom" of Latin 1.
    std::fs::write(store.path("t.csv"), b"title,email,pr\xe9nom\n").unwrap();
    let run = store.run(&["import", "t.csv"], "");
    assert_eq!(
        (run.code, run.stderr.as_str()),
        (
            Some(2),
            "certlife: t.csv: the line that names the columns is not UTF-8; save the file as CSV in UTF-8\n"
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

#[test]
fn rows_that_are_blank_throughout_are_passed_over() {
    for end in ["\n", "\r\n"] {
        for more in [&[][..], &["--atomic"]] {
            let store = Scratch::new();
            let table = [
                ",,,",
                "title,email,application_id",
                "\"\",\"\",\"\"",
                "D,d@example.com,1",
                ",,",
                "  ",
                "\t,\" \",\u{a0}\u{3000}",
                "\"\n\",,,,,",
                "E,e,2",
                ",,",
            ];
            let run = import(&store, &table.join(end), more);
            // The line number is the file's: the quoted line break of the blank row counts.
            assert_eq!(refused(&run), [(10, "applicant_email".to_owned())]);
            assert_eq!(run.events().len(), usize::from(more.is_empty()));
            let table = table.join(end).replace("E,e,2", "E,e@example.com,2");
            let store = Scratch::new();
            let prefix = ["--idempotency-prefix", "june"];
            let run = import(&store, &table, &[more, &prefix].concat());
            assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
            assert_eq!(run.events().len(), 2);
            let key = |row: &str| {
                let uuid = run.events()[usize::from(row == "E")]["uuid"].clone();
                let history = ["history", "--json", uuid.as_str().unwrap()];
                store.run(&history, "").events()[0]["idempotency_key"].clone()
            };
            assert_eq!((key("D"), key("E")), ("june:4".into(), "june:10".into()));
        }
    }
}

#[test]
fn a_column_without_a_name_is_taken_where_it_is_blank() {
    for heading in [
        "title,email,application_id,",
        "title,email,application_id, ,\"\"",
        "title,email,application_id",
    ] {
        let table = format!(
            "{heading}\nD,d@example.com,1,\nE,e@example.com,2\nF,f@example.com,3,\" \",\t,,\n"
        );
        let run = import(&Scratch::new(), &table, &["--atomic"]);
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{heading}");
        assert_eq!(run.events().len(), 3);
    }
    let table = ",title,,email,application_id,,uuid\n,D, ,d@example.com,1,,\n";
    let run = import(&Scratch::new(), table, &[]);
    assert_eq!((run.code, run.events().len()), (Some(0), 1));
}

#[test]
fn what_stands_in_no_named_column_is_reported_with_its_column() {
    let unnamed = "field 3 is not blank, but the first line gives column 3 no name: name it there, or take \
                   it out";
    let surplus = "field 6 is not blank, but the first line has 5 columns: a field that holds a comma is \
                   quoted";
    let table = "title,email,,application_id,\n\
                 A,a@example.com,x,1,\n\
                 B,b@example.com,,2,,, x\n\
                 C,c@example.com,,3,,\u{200b}\n\
                 D,d@example.com,\n\
                 E\n\
                 F,f@example.com,,6\n";
    let run = import(&Scratch::new(), table, &[]);
    let expected = [
        (2, unnamed.to_owned()),
        (3, surplus.replace("field 6", "field 7")),
        (4, surplus.to_owned()),
        (
            5,
            "the line has 3 fields, but the column application_id is field 4".to_owned(),
        ),
        (
            6,
            "the line has 1 field, but the column applicant_email is field 2".to_owned(),
        ),
    ];
    let reported = run.refusals().into_iter().map(|it| {
        let message = it["message"].as_str().unwrap().to_owned();
        (it["line"].as_u64().unwrap(), message)
    });
    assert!(reported.eq(expected), "{:?}", run.refusals());
    assert_eq!(run.events().len(), 1);
}

#[test]
fn a_file_without_a_line_of_names_does_not_show_what_it_has() {
    for (table, reported) in [
        (
            "Diploma of John Doe,john@example.com,1\n",
            "unknown column of 19 characters",
        ),
        ("title,mail,application_id\n", "unknown column \"mail\""),
    ] {
        let run = import(&Scratch::new(), table, &[]);
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""));
        assert!(run.stderr.contains(reported), "{}", run.stderr);
        assert!(!run.stderr.contains("John"), "{}", run.stderr);
    }
}
