//! Input of any size and shape, output that closes early, files that cannot be read.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Stdio};

use crate::{certlife, file, run};

/// A submission for the `number`-th application.
fn submit(number: u32) -> String {
    format!(
        r#"{{"command":"submit","at":"2026-06-04T10:30:00Z","application_id":1,"uuid":"00000000-0000-0000-0000-{number:012}","certificate_title":"Diploma","applicant_email":"a@example.com"}}"#
    )
}

fn start(args: &[&str]) -> Child {
    certlife(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn an_event_comes_at_once_while_the_input_stays_open() {
    let mut child = start(&["apply"]);
    let (mut stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let stderr = child.stderr.take().unwrap();
    let (mut events, mut refusals) = (
        BufReader::new(stdout).lines(),
        BufReader::new(stderr).lines(),
    );
    for number in 1..=3 {
        // The start of the next line waits in the buffer too.
        write!(stdin, "{}\n{{", submit(number)).unwrap();
        let event = events.next().unwrap().unwrap();
        assert!(event.contains(&format!("{number:012}")));
        writeln!(stdin, "}}").unwrap();
        assert!(
            refusals
                .next()
                .unwrap()
                .unwrap()
                .contains("field command is missing")
        );
    }
    drop(stdin);
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

#[test]
fn a_blank_line_after_a_command_does_not_hold_its_event_back() {
    let mut child = start(&["apply"]);
    let (mut stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    write!(stdin, "{}\n\n  \n", submit(1)).unwrap();
    let event = BufReader::new(stdout).lines().next().unwrap().unwrap();
    assert!(event.contains("000000000001"));
    drop(stdin);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn blank_lines_line_ends_of_windows_and_a_byte_order_mark_are_no_trouble() {
    let input = format!("\u{feff}{}\r\n\r\n  \t\n\n{}", submit(1), submit(2));
    let run = run(&["apply"], input + "\n\nx");
    assert_eq!(run.events().len(), 2);
    assert_eq!(run.refusals().len(), 1);
    assert_eq!(run.refusals()[0]["line"], 7);
}

#[test]
fn a_byte_order_mark_belongs_at_the_start_only() {
    let run = run(&["apply"], format!("\n\u{feff}{}", submit(1)));
    assert_eq!(run.refusals()[0]["error"], "invalid_json");
}

#[test]
fn no_input_is_no_refusal() {
    for input in ["", "\n", "   \n\n"] {
        let run = run(&["apply"], input);
        assert_eq!(
            (run.code, run.stdout, run.stderr),
            (Some(0), String::new(), String::new())
        );
    }
}

#[test]
fn a_line_may_have_a_mebibyte_and_not_one_byte_more() {
    let limit = 1 << 20;
    let padded = |number, length: usize| {
        let mut line = submit(number);
        line.push_str(&" ".repeat(length - line.len()));
        line
    };
    let input = [
        padded(1, limit),
        padded(2, limit + 1),
        padded(3, limit + 2),
        padded(4, 3 * limit),
        submit(5),
        padded(6, limit + 1),
    ];
    // With a line end at the very end, and without.
    for end in ["\n", ""] {
        let run = run(&["apply"], input.join("\n") + end);
        assert_eq!(run.events().len(), 2);
        let refusals = run.refusals();
        let lines: Vec<_> = refusals
            .iter()
            .map(|it| it["line"].as_u64().unwrap())
            .collect();
        assert_eq!(lines, [2, 3, 4, 6]);
        for refusal in refusals {
            assert_eq!(refusal["error"], "invalid_json");
            assert_eq!(
                refusal["message"],
                "the line is longer than 1048576 bytes (1 MiB)"
            );
        }
    }
}

#[test]
fn a_line_without_end_is_not_held_in_memory() {
    // 256 MiB of one line, for a program that may have 64 MiB of memory in all.
    let mut child = std::process::Command::new("sh")
        .args(["-c", "ulimit -v 65536 && exec \"$0\" apply --store memory:"])
        .arg(env!("CARGO_BIN_EXE_certlife"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let piece = vec![b'x'; 1 << 20];
    for _ in 0..256 {
        stdin.write_all(&piece).unwrap();
    }
    writeln!(stdin, "\n{}", submit(1)).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(String::from_utf8(output.stdout).unwrap().lines().count(), 1);
}

#[test]
fn a_reader_that_stops_ends_the_run_without_an_error() {
    let mut child = start(&["apply"]);
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().unwrap();
    for number in 0..2000 {
        if writeln!(stdin, "{}", submit(number)).is_err() {
            break;
        }
    }
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}

#[test]
fn unread_refusals_do_not_stop_the_work() {
    let mut child = start(&["apply"]);
    drop(child.stderr.take());
    let mut stdin = child.stdin.take().unwrap();
    let input = format!("{}{}\n", "nonsense\n".repeat(20_000), submit(1));
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        String::from_utf8(output.stdout)
            .unwrap()
            .contains("000000000001")
    );
}

#[test]
fn errors_that_cannot_be_written_are_no_panic() {
    let full = || File::options().write(true).open("/dev/full").unwrap();
    let missing = certlife(&["apply", "no/such/file"]).stderr(full()).status();
    assert_eq!(missing.unwrap().code(), Some(2));
    let refused = certlife(&["apply", &file("docs/examples/commands.jsonl")])
        .stdout(Stdio::null())
        .stderr(full())
        .status();
    assert_eq!(refused.unwrap().code(), Some(2));
    let mut closed = start(&["apply", "no/such/file"]);
    drop(closed.stderr.take());
    assert_eq!(closed.wait().unwrap().code(), Some(2));
}

#[test]
fn a_full_disk_is_a_failure_of_the_run() {
    let full = || File::options().write(true).open("/dev/full").unwrap();
    let mut child = certlife(&["apply"])
        .stdin(Stdio::piped())
        .stdout(full())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    writeln!(child.stdin.take().unwrap(), "{}", submit(1)).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        "certlife: cannot write to standard output: No space left on device (os error 28)\n"
    );
    let output = certlife(&["diagram"]).stdout(full()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_file_that_cannot_be_read_is_a_failure_of_the_run() {
    for command in ["apply", "validate"] {
        let missing = run(&[command, "no/such/file"], "");
        assert_eq!((missing.code, missing.stdout.as_str()), (Some(2), ""));
        assert_eq!(
            missing.stderr,
            "certlife: cannot read no/such/file: No such file or directory (os error 2)\n"
        );
        let folder = run(&[command, "."], "");
        assert_eq!(folder.code, Some(2));
        assert_eq!(folder.stderr, "certlife: cannot read .: is a directory\n");
    }
}

#[test]
fn a_file_that_breaks_off_is_a_failure_of_the_run() {
    // It opens, and its first page is not there to be read.
    for command in ["apply", "validate"] {
        let broken = run(&[command, "/proc/self/mem"], "");
        assert_eq!(broken.code, Some(2));
        let message = "certlife: cannot read /proc/self/mem: Input/output error (os error 5)\n";
        assert_eq!(broken.stderr, message);
    }
}

#[test]
fn a_file_and_its_standard_input_give_the_same() {
    let path = file("docs/examples/commands.jsonl");
    let (from_file, from_input) = (
        run(&["apply", &path], ""),
        run(&["apply"], std::fs::read(&path).unwrap()),
    );
    assert_eq!(from_file.stdout, from_input.stdout);
    assert_eq!(from_file.stderr, from_input.stderr);
}
