//! Reading takes no more than the permission to read.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::webhook::ID;
use crate::{Run, Scratch, run_to_end};

const UUID: &str = "9e7860f0-05d1-4fd0-b3e0-e98e19f1cf15";

const READING: [&[&str]; 9] = [
    &["show", UUID],
    &["history", UUID],
    &["list", "--json"],
    &["stats"],
    &["events"],
    &["stalled", "--older-than", "30m"],
    &["webhook", "list"],
    &["webhook", "show", ID],
    &["deliveries", "--attempts", "--json"],
];

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Runs the program as a user who may read the folder and write nothing there.
fn run_as_reader(store: &Scratch, args: &[&str]) -> Run {
    run_as_reader_of(store, 0o444, args)
}

/// The same, of a file with this mode.
fn run_as_reader_of(store: &Scratch, mode: u32, args: &[&str]) -> Run {
    // Root may do everything, so another user reads: one who may not look into the build.
    let program = store.path("certlife");
    if !program.exists() {
        fs::copy(env!("CARGO_BIN_EXE_certlife"), &program).unwrap();
        set_mode(store.folder.path(), 0o555);
    }
    set_mode(&store.path("test.db"), mode);
    let mut reader = Command::new(program);
    reader
        .args(args)
        .env("CERTLIFE_STORE", &store.store)
        .current_dir(&store.folder);
    if fs::metadata(store.folder.path()).unwrap().uid() == 0 {
        reader.uid(65534).gid(65534);
    }
    run_to_end(&mut reader, "")
}

#[test]
fn a_role_that_may_only_read_reads_what_the_owner_does() {
    let store = crate::webhook::example();
    let expected = READING.map(|args| store.run(args, "").stdout);
    for (args, expected) in READING.iter().zip(expected) {
        let run = run_as_reader(&store, args);
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{args:?}");
        assert_eq!(run.stdout, expected);
    }
    // What would change something says why it does not.
    for args in [
        &["stalled", "--older-than", "30m", "--fail"][..],
        &["apply"],
        &["webhook", "disable", ID],
        &["redeliver", "--all-dead"],
    ] {
        let run = run_as_reader(&store, args);
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""));
        assert!(run.stderr.contains("may not be written"), "{}", run.stderr);
    }
    set_mode(store.folder.path(), 0o755);
    let mut names: Vec<_> = fs::read_dir(store.folder.path())
        .unwrap()
        .map(|it| it.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["certlife", "test.db"]);
}

#[test]
fn a_file_that_may_be_written_in_a_folder_that_may_not_is_read_as_well() {
    let store = crate::webhook::example();
    let expected = READING.map(|args| store.run(args, "").stdout);
    for (args, expected) in READING.iter().zip(expected) {
        let run = run_as_reader_of(&store, 0o666, args);
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{args:?}");
        assert_eq!(run.stdout, expected);
    }
    // What would change something says why it does not.
    for args in [&["apply"][..], &["webhook", "disable", ID], &["deliver"]] {
        let run = run_as_reader_of(&store, 0o666, args);
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""));
        assert!(run.stderr.contains("not set up right"), "{}", run.stderr);
        let words = "the folder of ";
        assert!(run.stderr.contains(words), "{}", run.stderr);
    }
    set_mode(store.folder.path(), 0o755);
    assert_eq!(fs::read_dir(store.folder.path()).unwrap().count(), 2);
}

#[test]
fn what_a_full_disk_leaves_beside_a_file_does_not_keep_it_from_being_read() {
    let store = crate::webhook::example();
    let expected = READING.map(|args| store.run(args, "").stdout);
    // A log that could be made, but not grow.
    fs::write(store.path("test.db-wal"), "").unwrap();
    fs::write(store.path("test.db-shm"), "\0\0\0").unwrap();
    for (args, expected) in READING.iter().zip(expected) {
        let run = run_as_reader_of(&store, 0o666, args);
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{args:?}");
        assert_eq!(run.stdout, expected);
    }
}

#[test]
fn a_file_that_may_not_be_read_is_reported_as_such() {
    let store = crate::webhook::example();
    for args in READING.iter().chain(&[&["apply"][..], &["deliver"]]) {
        let run = run_as_reader_of(&store, 0o000, args);
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""));
        let path = store.path("test.db");
        assert!(
            run.stderr
                .starts_with("certlife: the store is not set up right: cannot open ")
                && run.stderr.contains(&path.display().to_string())
                && run.stderr.contains("Permission denied"),
            "{}",
            run.stderr
        );
    }
}

#[test]
fn what_only_reads_makes_no_store_in_a_database_of_another_program() {
    let store = Scratch::new();
    let connection = rusqlite::Connection::open(store.path("test.db")).unwrap();
    connection
        .execute_batch("CREATE TABLE application (text TEXT); PRAGMA user_version = 3")
        .unwrap();
    drop(connection);
    let before = fs::read(store.path("test.db")).unwrap();
    let changing: [&[&str]; 4] = [
        &["deliver", "--until-idle"],
        &["redeliver", "--all-dead"],
        &["webhook", "disable", ID],
        &["stalled", "--older-than", "30m", "--fail"],
    ];
    for args in READING.iter().chain(&changing) {
        let run = store.run(args, "");
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""), "{args:?}");
        assert_eq!(
            run.stderr,
            "certlife: there is no store in test.db; apply, import, webhook add, token create and migrate create it\n"
        );
    }
    assert_eq!(fs::read(store.path("test.db")).unwrap(), before);
    // What makes one makes it beside what is there.
    let file = crate::file("docs/examples/lives.jsonl");
    assert_eq!(store.run(&["apply", &file], "").code, Some(0));
    let connection = rusqlite::Connection::open(store.path("test.db")).unwrap();
    let version: i64 = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap();
    assert_eq!(version, 3);
}

#[test]
fn reading_an_empty_file_leaves_it_empty() {
    let store = Scratch::new();
    fs::write(store.path("test.db"), "").unwrap();
    for args in READING {
        let run = store.run(args, "");
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""));
        assert_eq!(
            run.stderr,
            "certlife: there is no store in test.db; apply, import, webhook add, token create and migrate create it\n"
        );
    }
    assert_eq!(fs::metadata(store.path("test.db")).unwrap().len(), 0);
    assert_eq!(fs::read_dir(store.folder.path()).unwrap().count(), 1);
}

#[test]
fn a_file_of_an_older_program_is_left_as_it_is_by_what_only_reads() {
    let store = Scratch::new();
    let connection = rusqlite::Connection::open(store.path("test.db")).unwrap();
    let older = include_str!("../store/migrations/sqlite-4.sql");
    connection.execute_batch(older).unwrap();
    drop(connection);
    let before = fs::read(store.path("test.db")).unwrap();
    for args in READING {
        let run = store.run(args, "");
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""), "{args:?}");
        assert_eq!(
            run.stderr,
            "certlife: the database has schema version 4, but this program needs version 10; it is upgraded when \
             it is opened for writing, and by certlife migrate\n"
        );
    }
    assert_eq!(fs::read(store.path("test.db")).unwrap(), before);
    // Which it is.
    assert_eq!(store.run(&["migrate"], "").code, Some(0));
    let deliveries = store.run(
        &["deliveries", "--json", "--institution", "our-university"],
        "",
    );
    assert_eq!(deliveries.events().len(), 4);
}
