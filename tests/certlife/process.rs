//! `certlife process` with commands of a shell.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::{Run, Scratch, golden, run, run_to_end};

/// A store with so many uploads, and a command that is this shell script. Its `$NUMBER` is the
/// application's, and `$HERE` the folder.
fn scratch(on: Scratch, uploads: u32, script: &str) -> Scratch {
    let mut commands = String::new();
    for number in 1..=uploads {
        let _ = writeln!(
            commands,
            r#"{{"command":"upload","uuid":"9e7860f0-05d1-4fd0-b3e0-e98e19f1c{number:03}","application_id":{number},"certificate_title":"Title {number}","applicant_email":"john{number}@example.com","trigger_context":"bulk_upload"}}"#
        );
    }
    let applied = on.run(&["apply"], &commands);
    assert_eq!(applied.code, Some(0), "{applied:?}");
    let head = "read -r APPLICATION\nNUMBER=${APPLICATION#*:}\nNUMBER=${NUMBER%%,*}\n";
    let here = on.folder.path().display();
    let script = format!("HERE={here}\n{head}{script}\n");
    std::fs::write(on.path("work.sh"), script).unwrap();
    on
}

/// The last part of the command line.
const EXEC: [&str; 3] = ["--exec", "sh", "work.sh"];

fn process(on: &Scratch, options: &[&str]) -> Run {
    let args = [&["process"], options, &EXEC].concat();
    on.run(&args, "")
}

fn start(on: &Scratch, options: &[&str]) -> Child {
    let args = [&["process"], options, &EXEC].concat();
    let mut command = on.certlife(&args);
    let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

fn statuses(on: &Scratch) -> Vec<String> {
    let list = on.run(&["list", "--json"], "");
    let rows = list.stdout.lines().map(|line| {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let status = row["status"].as_str().unwrap().to_owned();
        match row["error"].as_str() {
            Some(error) => format!("{status}: {error}"),
            None => status,
        }
    });
    rows.collect()
}

fn wait_for(path: &PathBuf) -> String {
    for _ in 0..600 {
        if let Ok(text) = std::fs::read_to_string(path)
            && text.ends_with('\n')
        {
            return text;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("{} was never written", path.display());
}

/// Whether a process runs, by its number.
fn runs(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
    // One that has ended and is not waited for does not run.
    stat.is_ok_and(|it| !it.contains(") Z "))
}

fn is_gone(pid: &str) -> bool {
    let start = Instant::now();
    while runs(pid) {
        if start.elapsed() > Duration::from_secs(5) {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    true
}

#[test]
fn exit_statuses_decide() {
    for on in [Scratch::new(), Scratch::on_postgres()] {
        let on = scratch(
            on,
            6,
            r#"case $NUMBER in
            1) exit 0;;
            2) echo "loading" >&2; printf 'no \033[31mtemplate\033[0m\n\n' >&2; exit 1;;
            3) [ $CERTLIFE_ATTEMPT -ge 2 ] || { echo busy >&2; exit 75; };;
            4) echo "always busy" >&2; exit 75;;
            5) exit 3;;
            6) kill -9 $$;;
            esac"#,
        );
        let options = [
            "--until-idle",
            "--attempts",
            "2",
            "--first-wait",
            "10ms",
            "--json",
        ];
        let run = process(&on, &options);
        assert_eq!(run.code, Some(1), "{run:?}");
        assert_eq!(
            run.stdout,
            "{\"approved\":2,\"failed\":4,\"again\":2,\"lost\":0}\n"
        );
        assert_eq!(
            statuses(&on),
            [
                "approved",
                "failed: no \\u{1b}[31mtemplate\\u{1b}[0m",
                "approved",
                "failed: always busy",
                "failed: the command ended with exit status: 3",
                "failed: the command ended with signal: 9 (SIGKILL)",
            ]
        );
        // Nothing is left: the next run ends at once.
        let run = process(&on, &["--until-idle"]);
        assert_eq!(run.code, Some(0));
        assert_eq!(
            run.stderr,
            "certlife: 0 approved, 0 failed, 0 attempts made again\n"
        );
    }
}

#[test]
fn the_command_has_the_application_on_its_input_and_the_rest_in_its_environment() {
    let on = scratch(
        Scratch::new(),
        1,
        r#"printf '%s\n' "$APPLICATION" > seen
        env | grep ^CERTLIFE_ | grep -v -e _STORE -e _DEADLINE | sort >> seen
        [ -n "$CERTLIFE_DEADLINE" ]"#,
    );
    let run = process(&on, &["--once"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let seen = std::fs::read_to_string(on.path("seen")).unwrap();
    let (application, environment) = seen.split_once('\n').unwrap();
    let application: serde_json::Value = serde_json::from_str(application).unwrap();
    assert_eq!(application["certificate_title"], "Title 1");
    assert_eq!(application["status"], "created");
    assert_eq!(
        environment,
        "CERTLIFE_ATTEMPT=1\n\
         CERTLIFE_IDEMPOTENCY_KEY=processing:9e7860f0-05d1-4fd0-b3e0-e98e19f1c001:1\n\
         CERTLIFE_INSTITUTION=default\n\
         CERTLIFE_UUID=9e7860f0-05d1-4fd0-b3e0-e98e19f1c001\n\
         CERTLIFE_VERSION=1\n"
    );
}

#[test]
fn a_command_that_cannot_run_is_an_error_before_anything_is_claimed() {
    let on = scratch(Scratch::new(), 1, "");
    for (exec, problem) in [
        (
            "no-such-command",
            "cannot run no-such-command: there is no such command in PATH",
        ),
        (
            "./nothing.sh",
            "cannot run ./nothing.sh: there is no such file",
        ),
        (
            "./work.sh",
            "cannot run ./work.sh: it is not executable: chmod +x makes it so, or its interpreter \
             comes first, as in --exec python3 FILE",
        ),
        ("/", "cannot run /: it is a folder"),
        (
            "",
            "--exec must be followed by a command, but its name is empty",
        ),
    ] {
        let run = on.run(&["process", "--until-idle", "--exec", exec], "");
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""));
        assert_eq!(run.stderr, format!("certlife: {problem}\n"));
    }
    assert_eq!(statuses(&on), ["created"]);
}

#[test]
fn a_program_that_the_system_cannot_start_is_tried_later_and_nothing_is_lost() {
    use std::os::unix::fs::PermissionsExt;

    let on = scratch(Scratch::new(), 1, "");
    let path = on.path("garbage");
    std::fs::write(&path, "\u{7f}no program\n").unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    let run = on.run(&["process", "--once", "--exec", "./garbage"], "");
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(
        run.stderr.contains("the command cannot be started: "),
        "{run:?}"
    );
    assert_eq!(statuses(&on), ["created"]);
}

#[test]
fn at_the_timeout_the_command_is_killed_with_its_children() {
    let on = scratch(
        Scratch::new(),
        1,
        r"trap '' TERM
        (trap '' TERM; while :; do sleep 1; done) &
        echo $! > child
        while :; do sleep 1; done",
    );
    let start = Instant::now();
    let run = process(&on, &["--until-idle", "--attempts", "1", "--timeout", "1s"]);
    assert_eq!(run.code, Some(1), "{run:?}");
    assert!(start.elapsed() < Duration::from_secs(20));
    assert_eq!(statuses(&on), ["failed: an attempt took longer than 1s"]);
    assert!(is_gone(&wait_for(&on.path("child"))));
}

#[test]
fn what_a_command_leaves_behind_is_killed() {
    let on = scratch(
        Scratch::new(),
        1,
        r#"sleep 1000 & echo $! > child; echo "no paper" >&2; exit 9"#,
    );
    let start = Instant::now();
    process(&on, &["--until-idle"]);
    // It has standard error open, which is not waited for.
    assert!(start.elapsed() < Duration::from_secs(20));
    assert_eq!(statuses(&on), ["failed: no paper"]);
    assert!(is_gone(&wait_for(&on.path("child"))));
}

#[test]
fn output_without_end_takes_no_memory_and_is_ended_by_the_timeout() {
    for endless in ["yes >&2", "yes", "tr '\\0' x < /dev/zero >&2"] {
        let on = scratch(Scratch::new(), 1, &format!("exec {endless}"));
        let run = process(&on, &["--until-idle", "--attempts", "1", "--timeout", "1s"]);
        assert_eq!(run.code, Some(1), "{run:?}");
        assert_eq!(statuses(&on), ["failed: an attempt took longer than 1s"]);
    }
}

#[test]
fn a_command_need_not_read_its_input() {
    let on = Scratch::new();
    let on = scratch(on, 3, "");
    let run = on.run(&["process", "--until-idle", "--exec", "true"], "");
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(statuses(&on), ["approved"; 3]);
}

#[test]
fn a_signal_waits_for_what_is_under_way() {
    let on = scratch(Scratch::new(), 1, "echo > begun; sleep 2; echo done > end");
    let child = start(&on, &[]);
    wait_for(&on.path("begun"));
    terminate(&child);
    let run = Run::from(child.wait_with_output().unwrap());
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(
        run.stderr,
        "certlife: waiting for what is under way; once more ends it at once\n\
         certlife: 1 approved, 0 failed, 0 attempts made again\n"
    );
    assert_eq!(statuses(&on), ["approved"]);
}

#[test]
fn a_second_signal_ends_it_at_once_and_leaves_nothing_running() {
    let script = "sleep 1000 & echo $! > child; echo $$ > begun; sleep 1000";
    let on = scratch(Scratch::new(), 1, script);
    let child = start(&on, &[]);
    let pid = wait_for(&on.path("begun"));
    terminate(&child);
    std::thread::sleep(Duration::from_millis(300));
    terminate(&child);
    let run = Run::from(child.wait_with_output().unwrap());
    assert_eq!(run.code, Some(143), "{run:?}");
    assert!(is_gone(&pid) && is_gone(&wait_for(&on.path("child"))));
    assert_eq!(statuses(&on), ["created"]);
}

#[test]
fn after_the_grace_it_is_ended_and_given_back_and_does_not_count() {
    let on = scratch(
        Scratch::new(),
        1,
        "echo $CERTLIFE_ATTEMPT >> attempts; echo $$ > begun; sleep 1000",
    );
    let child = start(&on, &["--grace", "0s"]);
    let pid = wait_for(&on.path("begun"));
    terminate(&child);
    let run = Run::from(child.wait_with_output().unwrap());
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(is_gone(&pid));
    assert_eq!(statuses(&on), ["created"]);
    let on = Scratch { ..on };
    std::fs::write(on.path("work.sh"), "echo $CERTLIFE_ATTEMPT >> attempts").unwrap();
    let run = process(&on, &["--once"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let attempts = std::fs::read_to_string(on.path("attempts")).unwrap();
    assert_eq!(attempts, "1\n1\n");
}

fn terminate(child: &Child) {
    let pid = i32::try_from(child.id()).unwrap();
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
}

#[test]
fn what_is_put_off_is_left_to_the_next_run() {
    let on = scratch(Scratch::new(), 2, "[ $NUMBER = 1 ] || exit 75");
    let start = Instant::now();
    let run = process(&on, &["--once", "--json"]);
    assert!(start.elapsed() < Duration::from_secs(5));
    assert_eq!(
        run.stdout,
        "{\"approved\":1,\"failed\":0,\"again\":1,\"lost\":0}\n"
    );
    assert!(
        run.stderr
            .contains("the command ended with exit status: 75"),
        "{run:?}"
    );
    assert_eq!(statuses(&on), ["approved", "created"]);
}

#[test]
fn the_command_has_no_secret_of_the_program() {
    let on = scratch(
        Scratch::new(),
        1,
        r#"[ -z "$CERTLIFE_STORE$CERTLIFE_WEBHOOK_SECRET" ] || { echo "a secret" >&2; exit 1; }
           [ "$OF_MY_OWN" = kept ] && [ -n "$CERTLIFE_UUID" ]"#,
    );
    let args = [&["process", "--once"], &EXEC[..]].concat();
    let mut process = on.certlife(&args);
    process.env("CERTLIFE_WEBHOOK_SECRET", "whsec_none");
    let run = run_to_end(process.env("OF_MY_OWN", "kept"), "");
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(statuses(&on), ["approved"]);
}

#[test]
fn one_institution_alone() {
    let on = scratch(Scratch::new(), 1, "");
    let run = process(&on, &["--once", "--institution", "other"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(statuses(&on), ["created"]);
    let run = process(&on, &["--once", "--institution", "default"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(statuses(&on), ["approved"]);
}

#[test]
fn the_log_names_no_person() {
    let on = scratch(
        Scratch::new(),
        1,
        r#"echo "KeyError: john1@example.com of Title 1" >&2; exit 75"#,
    );
    let run = process(&on, &["--once", "--log", "debug"]);
    assert!(run.stderr.contains("KeyError: … of …"), "{run:?}");
    assert!(!run.stderr.contains("john1"), "{run:?}");
}

#[test]
fn bad_options_are_explained() {
    let on = |args: &[&str]| run(&[&["process"], args].concat(), "").stderr;
    let messages = [
        on(&["--until-idle"]),
        on(&["--until-idle", "--once", "--exec", "true"]),
        on(&["--timeout", "0s", "--exec", "true"]),
        on(&["--lease", "1week", "--exec", "true"]),
        on(&["--attempts", "0", "--exec", "true"]),
        on(&["--exec", "true"]),
    ];
    golden!(messages.join("---\n"), "golden/process-misuse.txt");
}
