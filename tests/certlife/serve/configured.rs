//! Options in variables and in a file.

use super::{Serving, token};
use crate::{Run, Scratch, run_to_end};

fn check(store: &Scratch, file: &str) -> Run {
    std::fs::write(store.path("certlife.toml"), file).unwrap();
    let args = ["serve", "--check", "--config", "certlife.toml"];
    store.run(&args, "")
}

#[test]
fn the_command_line_comes_before_variables_and_these_before_the_file() {
    let store = Scratch::new();
    let file = "listen = \"0.0.0.0:1\"\nlog = \"off\"\n";
    std::fs::write(store.path("certlife.toml"), file).unwrap();
    let check = |more: &[&str], variable: Option<&str>| {
        let args = ["serve", "--check", "--config", "certlife.toml"];
        let mut certlife = store.certlife(&[&args, more].concat());
        if let Some(address) = variable {
            certlife.env("CERTLIFE_LISTEN", address);
        }
        run_to_end(&mut certlife, "").stderr
    };
    assert!(check(&[], None).contains("--listen 0.0.0.0:1 can be reached"));
    assert!(check(&[], Some("0.0.0.0:2")).contains("--listen 0.0.0.0:2 can be reached"));
    let given = check(&["--listen", "0.0.0.0:3"], Some("0.0.0.0:2"));
    assert!(
        given.contains("--listen 0.0.0.0:3 can be reached"),
        "{given}"
    );
}

#[test]
fn every_option_can_stand_in_the_file() {
    let store = Scratch::new();
    let token = token(&store);
    // What the store is does not come from the variable
    let help = store.run(&["serve", "--help"], "").stdout;
    let options = help.lines().filter_map(|it| it.trim().strip_prefix("--"));
    let options = options.map(|it| it.split(' ').next().unwrap());
    let options: Vec<_> = options
        .filter(|it| !["config", "check", "help"].contains(it))
        .collect();
    let file = r#"
listen = "127.0.0.1:0"
insecure-listen = false
store = "sqlite:test.db"
patience = "10s"
require-if-match = true
cors-origin = ["https://console.example.com", "http://127.0.0.1:3000"]
console = true
console-reason = ["The documents are incomplete", "The name is wrong"]
console-reason-of = ["uni=The transcript is missing"]
console-mask = true
allow-http = true
allow-target = ["127.0.0.1/32", "10.0.0.0/8"]
deliver = true
deliver-concurrency = 7
deliver-timeout = "3s"
deliver-retry-schedule = "0s,1s"
deliver-retention = "1day"
process = ["sh", "-c", "exit 0"]
process-institution = "default"
process-concurrency = 2
process-timeout = "1m"
process-lease = "10s"
process-attempts = 3
process-first-wait = "1s"
process-grace = "1s"
log = "debug"
"#;
    // Those need files or a port
    let elsewhere = ["tls-cert", "tls-key", "authorities", "metrics"];
    for option in options {
        let is_there = file.contains(&format!("\n{option} = "));
        assert!(is_there || elsewhere.contains(&option), "{option}");
    }
    std::fs::write(store.path("certlife.toml"), file).unwrap();
    let mut certlife = store.certlife(&["serve", "--config", "certlife.toml"]);
    let serving = Serving::with(certlife.env_remove("CERTLIFE_STORE"));
    let (status, body) = serving.ask(&token, "POST /v1/applications", super::UPLOAD);
    assert_eq!(status, 201, "{body}");
    for _ in 0..600 {
        if store.run(&["list"], "").stdout.contains("approved") {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    serving.signal("TERM");
    let (code, log) = serving.ends();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("1 approved"), "{log}");
    assert!(log.contains("0 delivered"), "{log}");
}

#[test]
fn variables_have_every_option_too() {
    let store = Scratch::new();
    let set = |name: &str, value: &str| {
        let mut certlife = store.certlife(&["serve", "--check"]);
        run_to_end(certlife.env(name, value), "")
    };
    for (name, value) in [
        ("CERTLIFE_DELIVER", "true"),
        ("CERTLIFE_ALLOW_TARGET", "10.0.0.0/8,127.0.0.1/32"),
        ("CERTLIFE_PROCESS", "true"),
        ("CERTLIFE_PROCESS_ATTEMPTS", "3"),
    ] {
        let run = set(name, value);
        assert_eq!(run.code, Some(0), "{run:?}");
    }
    for (name, value, option) in [
        ("CERTLIFE_DELIVER", "perhaps", "--deliver"),
        ("CERTLIFE_PROCESS_ATTEMPTS", "hunter2", "--process-attempts"),
        ("CERTLIFE_CONFIG", "none.toml", "none.toml"),
    ] {
        let run = set(name, value);
        assert_eq!(run.code, Some(2), "{run:?}");
        assert!(run.stderr.contains(option), "{}", run.stderr);
        assert!(!run.stderr.contains("hunter2"), "{}", run.stderr);
    }
}

/// Files, and what is said of them.
const WRONG: &[(&str, &str)] = &[
    (
        "\nlisen = \"127.0.0.1:1\"",
        "line 2: there is no option lisen; the nearest is listen",
    ),
    (
        "tls_cert = \"a\"",
        "line 1: there is no option tls_cert; the nearest is tls-cert",
    ),
    ("config = \"a\"", "line 1: there is no option config"),
    ("check = true", "line 1: there is no option check"),
    (
        "# one\nzzzzzz = 1",
        "line 2: there is no option zzzzzz; there are ",
    ),
    (
        "deliver = \"yes\"",
        "line 1: deliver is a string, but must be true or false",
    ),
    (
        "deliver = 1",
        "line 1: deliver is an integer, but must be true or false",
    ),
    (
        "listen = 8080",
        "line 1: listen is an integer, but must be a string",
    ),
    (
        "[listen]\nport = 1",
        "line 1: listen is a table, but must be a string",
    ),
    (
        "process-attempts = \"3\"",
        "process-attempts is a string, but must be an integer",
    ),
    (
        "process-attempts = 0",
        "line 1: process-attempts: 0 is not in 1..=1000",
    ),
    (
        "allow-target = [1]",
        "allow-target is an array, but must be a string, or an array",
    ),
    (
        "allow-target = []",
        "allow-target is an array, but must be a string, or an array",
    ),
    ("allow-target = [\"a\"]", "line 1: allow-target: "),
    (
        "\n\nlisten = \"here\"",
        "line 3: listen: expected an IP address with its port",
    ),
    (
        "log = \"loud\"",
        "line 1: log: expected one of off, error, warn, info, debug",
    ),
    ("tls-cert = \"\"", "line 1: tls-cert: expected a value"),
    (
        "tls-cert = \"a.pem\"",
        "--tls-cert is of no use without --tls-key",
    ),
    ("listen = \"0.0.0.0:1\"", "--insecure-listen"),
    (
        "\nstore = \"postgres://jane:hunter2@h:notaport/d\"",
        "line 2: store cannot be used: the URL cannot be read: invalid value for option `port`",
    ),
    (
        "store = \"postgres://jane:hunter2@h/d?sslmode=never\"",
        "line 1: store cannot be used: the URL's sslmode must be",
    ),
    (
        "store = \"mysql://jane:hunter2@h/d\"",
        "line 1: store must be memory:, sqlite:PATH or postgres://USER@HOST/DATABASE",
    ),
    (
        "store = \"sqlite:\"",
        "line 1: store sqlite: must be followed by the path",
    ),
    (
        "deliver = true\ndeliver = true",
        "line 2: this is no TOML: duplicate key",
    ),
    ("deliver true", "line 1: this is no TOML: "),
];

#[test]
fn what_is_wrong_in_the_file_is_said_by_line() {
    let store = Scratch::new();
    for (file, problem) in WRONG {
        let run = check(&store, file);
        assert_eq!(run.code, Some(2), "{run:?}");
        assert!(run.stderr.contains(problem), "{file:?}: {}", run.stderr);
        assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
        assert!(!run.stderr.contains("hunter2"), "{}", run.stderr);
    }
    let missing = store.run(&["serve", "--check", "--config", "none.toml"], "");
    assert_eq!(missing.code, Some(2));
    assert!(missing.stderr.contains("none.toml"), "{}", missing.stderr);
}

#[test]
fn no_secret_of_the_file_is_repeated() {
    let store = Scratch::new();
    let url = "postgres://jane:hunter2@127.0.0.1/x";
    for file in [
        format!("store = {url}"),
        format!("store = \"{url}"),
        format!("store = \"{url}\"x"),
        format!("store = \"mysql{url}\""),
        format!("store \"{url}\""),
        format!("\"{url}\" = true"),
        "hunter2-hunter2-hunter2-hunter2-hunter2 = true".to_owned(),
        format!("listen = \"{url}\""),
        format!("log = \"{url}\""),
        format!("patience = \"{url}\""),
        format!("process-institution = \"{url}{}\"", "x".repeat(300)),
        format!("deliver-retry-schedule = \"{url}\""),
        format!("allow-target = \"{url}\""),
        format!("metrics = \"{url}\""),
        format!("deliver = \"{url}\""),
        format!("store = {{ url = \"{url}\" }}"),
        format!("[store]\nurl = \"{url}\"\nurl = \"{url}\""),
    ] {
        let mut certlife = store.certlife(&["serve", "--check", "--config", "certlife.toml"]);
        std::fs::write(store.path("certlife.toml"), &file).unwrap();
        let run = run_to_end(certlife.env_remove("CERTLIFE_STORE"), "");
        assert_eq!(run.code, Some(2), "{file}: {run:?}");
        assert!(!run.stderr.contains("hunter2"), "{file}: {}", run.stderr);
    }
    // And the right one is not either
    let mut certlife = store.certlife(&["serve", "--config", "certlife.toml"]);
    let file = format!(
        "listen = \"127.0.0.1:0\"\nstore = \"{}\"",
        url.replace("/x", ":1/x")
    );
    std::fs::write(store.path("certlife.toml"), file).unwrap();
    let run = run_to_end(certlife.env_remove("CERTLIFE_STORE"), "");
    assert_eq!(run.code, Some(2), "{run:?}");
    assert!(!run.stderr.contains("hunter2"), "{}", run.stderr);
}

#[test]
fn a_store_whose_url_serve_would_refuse_is_refused_by_check_and_by_name() {
    let store = Scratch::new();
    for url in [
        "postgres://jane:hunter2@h:notaport/d",
        "postgres://jane:hunter2@h,i/d?port=1,2,3",
        "postgres://jane:of@hunter2@h/d",
        "postgres://jane:hunter2@h/d?sslmode=require&sslrootcert=none.pem",
        "postgres:///d",
    ] {
        for args in [&["serve", "--check"][..], &["serve"], &["list"], &["apply"]] {
            let mut by_variable = store.certlife(args);
            let by_variable = run_to_end(by_variable.env("CERTLIFE_STORE", url), "");
            let by_option = store.run(&[args, &["--store", url]].concat(), "");
            for (run, origin) in [(by_variable, "CERTLIFE_STORE"), (by_option, "--store")] {
                assert_eq!(run.code, Some(2), "{run:?}");
                let said = format!("certlife: {origin} cannot be used: the URL");
                let is_said = run.stderr.contains(&said) || url.contains("none.pem");
                assert!(is_said, "{url}: {}", run.stderr);
                assert!(run.stderr.contains(&format!("{origin} cannot be used: ")));
                assert!(!run.stderr.contains("hunter2"), "{}", run.stderr);
            }
        }
    }
}

#[test]
fn a_value_that_is_no_secret_is_shown_with_what_is_wrong() {
    let store = Scratch::new();
    for (args, shown) in [
        (
            &["serve", "--listen", "localhost:8080"][..],
            "'localhost:8080' for '--listen",
        ),
        (
            &["serve", "--metrics", "127.0.0.1"],
            "'127.0.0.1' for '--metrics",
        ),
        (
            &[
                "token",
                "create",
                "--name",
                "a",
                "--institution",
                "b",
                "--role",
                "viewer",
                "--actor",
                "x:y",
            ],
            "'x:y' for '--actor",
        ),
        (
            &["import", "--actor", "customer"],
            "'customer' for '--actor",
        ),
        (
            &["list", "--updated-after", "2026-06-04"],
            "'2026-06-04' for '--updated-after",
        ),
        (
            &["deliver", "--retention", "1hour30"],
            "'1hour30' for '--retention",
        ),
    ] {
        let run = store.run(args, "");
        assert_eq!(run.code, Some(2), "{run:?}");
        assert!(run.stderr.contains(shown), "{args:?}: {}", run.stderr);
        assert!(!run.stderr.contains("secret"), "{args:?}: {}", run.stderr);
    }
    let secret = ["serve", "--listen", "jane:hunter2"];
    let run = store.run(&secret, "");
    assert!(!run.stderr.contains("hunter2"), "{}", run.stderr);
}

#[test]
fn a_password_that_others_can_see_is_warned_of() {
    let store = Scratch::new();
    let warned = |args: &[&str], variable: &str| {
        let mut certlife = store.certlife(&[&["serve", "--check"], args].concat());
        let run = run_to_end(certlife.env("CERTLIFE_STORE", variable), "");
        assert_eq!(run.code, Some(0), "{run:?}");
        assert!(!run.stderr.contains("hunter2"), "{}", run.stderr);
        run.stderr.contains("can be seen by all users")
    };
    let url = "postgres://jane:hunter2@127.0.0.1/x";
    let without = "postgres://jane@127.0.0.1/x";
    assert!(warned(&["--store", url], without));
    assert!(warned(
        &["--store", "postgres://127.0.0.1/x?password=hunter2"],
        url
    ));
    assert!(!warned(&["--store", without], url));
    assert!(!warned(&[], url));
}
