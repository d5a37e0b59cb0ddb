//! What the program says of itself.

use std::process::Command;

use certificate_lifecycle::{EventKind, diagram, schema};

use crate::listen::Listener;
use crate::{certlife, file, golden, run};

#[test]
fn help_is_what_the_golden_files_say() {
    let help = |args: &[&str]| {
        let run = run(args, "");
        assert_eq!(run.code, Some(0));
        run.stdout
    };
    golden!(help(&["--help"]), "golden/help.txt");
    golden!(help(&["apply", "--help"]), "golden/help-apply.txt");
    golden!(help(&["import", "--help"]), "golden/help-import.txt");
    golden!(help(&["show", "--help"]), "golden/help-show.txt");
    golden!(help(&["history", "--help"]), "golden/help-history.txt");
    golden!(help(&["list", "--help"]), "golden/help-list.txt");
    golden!(help(&["stats", "--help"]), "golden/help-stats.txt");
    golden!(help(&["events", "--help"]), "golden/help-events.txt");
    golden!(help(&["stalled", "--help"]), "golden/help-stalled.txt");
    golden!(help(&["process", "--help"]), "golden/help-process.txt");
    golden!(help(&["webhook", "--help"]), "golden/help-webhook.txt");
    let webhook = |command: &str| help(&["webhook", command, "--help"]);
    golden!(webhook("add"), "golden/help-webhook-add.txt");
    golden!(webhook("list"), "golden/help-webhook-list.txt");
    golden!(webhook("show"), "golden/help-webhook-show.txt");
    golden!(webhook("rotate"), "golden/help-webhook-rotate.txt");
    golden!(webhook("disable"), "golden/help-webhook-disable.txt");
    golden!(webhook("enable"), "golden/help-webhook-enable.txt");
    golden!(webhook("test"), "golden/help-webhook-test.txt");
    golden!(webhook("replay"), "golden/help-webhook-replay.txt");
    golden!(webhook("remove"), "golden/help-webhook-remove.txt");
    golden!(help(&["deliver", "--help"]), "golden/help-deliver.txt");
    golden!(help(&["serve", "--help"]), "golden/help-serve.txt");
    golden!(help(&["token", "--help"]), "golden/help-token.txt");
    let token = |command: &str| help(&["token", command, "--help"]);
    golden!(token("create"), "golden/help-token-create.txt");
    golden!(token("list"), "golden/help-token-list.txt");
    golden!(token("revoke"), "golden/help-token-revoke.txt");
    golden!(
        help(&["deliveries", "--help"]),
        "golden/help-deliveries.txt"
    );
    golden!(help(&["redeliver", "--help"]), "golden/help-redeliver.txt");
    golden!(help(&["migrate", "--help"]), "golden/help-migrate.txt");
    golden!(help(&["doctor", "--help"]), "golden/help-doctor.txt");
    golden!(help(&["listen", "--help"]), "golden/help-listen.txt");
    golden!(help(&["verify", "--help"]), "golden/help-verify.txt");
    golden!(help(&["validate", "--help"]), "golden/help-validate.txt");
    golden!(help(&["diagram", "--help"]), "golden/help-diagram.txt");
    golden!(help(&["schema", "--help"]), "golden/help-schema.txt");
    golden!(
        help(&["completions", "--help"]),
        "golden/help-completions.txt"
    );
}

/// The commands whose help has an example, in an order in which the examples work.
const COMMANDS_WITH_EXAMPLE: [&str; 30] = [
    "apply",
    "import",
    "webhook add",
    "webhook list",
    "webhook show",
    "webhook rotate",
    "webhook disable",
    "webhook enable",
    "webhook replay",
    "webhook remove",
    // What it would send was removed with the webhook.
    "deliver",
    "webhook test",
    "deliveries",
    "redeliver",
    "token create",
    "token list",
    "migrate",
    "listen",
    "verify",
    "show",
    "history",
    "list",
    "stats",
    "events",
    "stalled",
    "process",
    "validate",
    "diagram",
    "schema",
    "completions",
];

#[test]
fn the_example_of_each_help_works_as_pasted() {
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_certlife"));
    let path = std::env::join_paths(
        [program.parent().unwrap().to_owned()]
            .into_iter()
            .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    )
    .unwrap();
    // The examples that read, read what this leaves behind.
    let folder = tempfile::tempdir().unwrap();
    let applied = certlife(&["apply", &file("docs/examples/commands.jsonl")])
        .env_remove("CERTLIFE_STORE")
        .current_dir(&folder)
        .output();
    assert_eq!(applied.unwrap().status.code(), Some(1));
    // A receiver ends by Ctrl-C alone, and its usual port may be taken.
    let listen = "certlife() { timeout --foreground --preserve-status -s INT 1 \
                  $(type -P certlife) \"$@\" --port 0; }\n";
    // The webhook of the examples leads to a server that is not there for tests.
    let listener = Listener::start(&[]);
    let test = format!(
        "certlife webhook remove --yes {id}; certlife webhook add http://{address}/ --id {id} {freely}\n\
         certlife() {{ $(type -P certlife) \"$@\" {freely}; }}\n",
        id = crate::webhook::ID,
        address = listener.address,
        freely = "--allow-http --allow-target 127.0.0.1/32",
    );
    for command in COMMANDS_WITH_EXAMPLE {
        // At the width of a terminal and at a narrow one, for both forms of help.
        for (columns, flag) in [("100", "--help"), ("80", "--help"), ("80", "-h")] {
            // The one that the examples are about: one of them removes it.
            let webhook = [
                "webhook",
                "add",
                "https://example.com/hooks",
                "--id",
                crate::webhook::ID,
            ];
            let added = certlife(&webhook)
                .env_remove("CERTLIFE_STORE")
                .current_dir(&folder)
                .output();
            assert!(added.unwrap().status.code() < Some(2));
            let example = example_of(command, columns, flag);
            let before = match command {
                "listen" => listen,
                "webhook test" => &test,
                "process" => {
                    "printf '#!/bin/sh\nexec cat\n' > make-certificate; chmod +x make-certificate\n"
                }
                _ => "",
            };
            let output = Command::new("bash")
                .arg("-c")
                .arg(before.to_owned() + &example)
                .env("PATH", &path)
                .env_remove("CERTLIFE_STORE")
                .current_dir(&folder)
                .output()
                .unwrap();
            assert_eq!(output.status.code(), Some(0), "{command}: {output:?}");
        }
    }
    assert!(folder.path().join("certlife.db").exists(), "the default");
    assert!(folder.path().join("lifecycle.svg").exists());
    assert!(folder.path().join("asyncapi.json").exists());
}

/// The lines of the example in a help, at this width.
fn example_of(command: &str, columns: &str, flag: &str) -> String {
    let words: Vec<_> = command.split(' ').chain([flag]).collect();
    let help = certlife(&words).env("COLUMNS", columns).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let example: Vec<_> = help
        .lines()
        .skip_while(|line| !line.starts_with("Example"))
        .skip(1)
        .take_while(|line| !line.is_empty())
        .collect();
    assert!(!example.is_empty(), "{command}: {help}");
    example.join("\n")
}

#[test]
fn diagrams_and_schemas_are_the_librarys() {
    let printed = |args: &[&str]| run(args, "").stdout;
    assert_eq!(printed(&["diagram"]), diagram::mermaid());
    assert_eq!(
        printed(&["diagram", "--format", "mermaid"]),
        diagram::mermaid()
    );
    assert_eq!(printed(&["diagram", "--format", "dot"]), diagram::dot());
    assert_eq!(printed(&["diagram", "--format", "svg"]), diagram::svg());
    assert_eq!(printed(&["schema"]), schema::any_event_schema());
    assert_eq!(
        printed(&["schema", "--format", "json-schema", "--event", "failed"]),
        schema::event_schema(EventKind::Failed)
    );
    assert_eq!(
        printed(&["schema", "--format", "asyncapi"]),
        schema::asyncapi()
    );
}

#[test]
fn wrong_arguments_are_explained() {
    for (args, words) in [
        (
            &["schema", "--event", "deleted"][..],
            "possible values: created, processing",
        ),
        (
            &["schema", "--format", "asyncapi", "--event", "failed"],
            "--event goes with --format json-schema; the other documents have all events\n\nUsage: certlife schema",
        ),
        (
            &["diagram", "--format", "png"],
            "possible values: mermaid, dot, svg",
        ),
        (
            &["apply", "--webhook-id", "x"],
            "invalid value 'x' for '--webhook-id <UUID>': expected a hyphenated UUID such as",
        ),
        (
            &["stalled", "--older-than", "soon"],
            "expected a duration such as 30m, 2h or 1day",
        ),
        (
            &["stalled", "--older-than", "30m", "--error", "x"],
            "the following required arguments were not provided:\n  --fail",
        ),
        (
            &["list", "--status", "done"],
            "possible values: created, processing, approved, rejected, failed, retried",
        ),
        (
            &["list", "--email", "x"],
            "applicant_email must be a valid e-mail address",
        ),
        (
            &["events", "--after", "x"],
            "expected a cursor as the feed gives it",
        ),
        (
            &["stats", "--institution", ""],
            "institution must have 1 to 64 characters, but has 0",
        ),
        (&["aply"], "a similar subcommand exists: 'apply'"),
    ] {
        let run = run(args, "");
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""));
        assert!(run.stderr.contains(words), "{}", run.stderr);
    }
}

#[test]
fn every_shell_gets_completions_that_know_the_subcommands() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let run = run(&["completions", shell], "");
        assert_eq!(run.code, Some(0));
        assert!(run.stdout.contains("validate"), "{shell}");
    }
}

#[test]
fn the_version_is_the_packages() {
    let version = concat!("certlife ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(run(&["--version"], "").stdout, version);
}
