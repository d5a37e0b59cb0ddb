//! The files of the Debian package fit the program. `tests/packaging/run` builds and installs it.

use std::collections::BTreeSet;

use crate::{Scratch, file};

const UNITS: [&str; 3] = ["certlife-serve", "certlife-deliver", "certlife-process"];

fn read(path: &str) -> String {
    std::fs::read_to_string(file(path)).unwrap()
}

/// The lines of the configuration file that are keys, those that are commented out too.
fn settings() -> Vec<String> {
    let text = read("packaging/certlife.toml");
    let lines = text.lines().map(|it| it.strip_prefix('#').unwrap_or(it));
    let is_setting = |it: &&str| !it.is_empty() && !it.starts_with([' ', '#']);
    lines.filter(is_setting).map(str::to_owned).collect()
}

/// The long options of a command, as its help has them.
fn options(store: &Scratch, command: &str) -> BTreeSet<String> {
    let help = store.run(&[command, "--help"], "").stdout;
    let options = help.lines().filter_map(|it| it.trim().strip_prefix("--"));
    options
        .map(|it| it.split(' ').next().unwrap().to_owned())
        .collect()
}

#[test]
fn the_configuration_file_has_each_option_of_serve() {
    let store = Scratch::new();
    let keys = settings().into_iter();
    let keys: BTreeSet<_> = keys
        .map(|it| it.split_once(" = ").unwrap().0.to_owned())
        .collect();
    let mut options = options(&store, "serve");
    // The store stands in `environment`.
    for outside in ["config", "check", "store"] {
        assert!(options.remove(outside), "{outside}");
    }
    assert_eq!(keys, options);
}

#[test]
fn what_the_configuration_file_has_can_be_used() {
    let store = Scratch::new();
    let check = |text: &str| {
        std::fs::write(store.path("certlife.toml"), text).unwrap();
        store.run(&["serve", "--check", "--config", "certlife.toml"], "")
    };
    let shipped = check(&read("packaging/certlife.toml"));
    assert!(shipped.stderr.contains("can be used"), "{}", shipped.stderr);
    for setting in settings() {
        // What is no mistake of the file: it names files that are not there.
        let (key, _) = setting.split_once(" = ").unwrap();
        let expected = match key {
            "tls-cert" | "tls-key" => "--tls-",
            "authorities" => "/etc/certlife/authorities.pem",
            "process" => "there is no such file",
            _ => "can be used",
        };
        let stderr = check(&setting).stderr;
        assert!(stderr.contains(expected), "{setting}: {stderr}");
        assert!(!stderr.contains("certlife.toml, line"), "{stderr}");
    }
}

#[test]
fn the_units_and_their_environment_name_options_that_exist() {
    let store = Scratch::new();
    let environment = read("packaging/environment");
    let variable = |name: &str| {
        let lines = environment.lines().map(|it| it.trim_start_matches('#'));
        let mut values = lines.filter_map(|it| it.strip_prefix(name)?.strip_prefix('='));
        values
            .next()
            .unwrap_or_else(|| panic!("packaging/environment has no {name}"))
            .to_owned()
    };
    for unit in UNITS {
        let text = read(&format!("packaging/debian/{unit}.service"));
        let lines = text
            .lines()
            .filter_map(|it| it.strip_prefix("ExecStart=/usr/bin/certlife "));
        let lines: Vec<_> = lines.collect();
        let [line] = lines[..] else {
            panic!("{unit}: {lines:?}")
        };
        let (command, rest) = line.split_once(' ').unwrap();
        assert_eq!(unit, format!("certlife-{command}"));
        let known = options(&store, command);
        let mut named = 0;
        for word in rest.split(' ') {
            let words = match word.strip_prefix('$') {
                Some("PROCESS_COMMAND") => continue,
                Some(name) if !name.starts_with('{') => variable(name),
                _ => word.to_owned(),
            };
            for option in words.split(' ').filter_map(|it| it.strip_prefix("--")) {
                assert!(known.contains(option), "{unit}: --{option}");
                named += 1;
            }
        }
        assert!(named > 0, "{unit}");
        assert!(text.contains("\nEnvironmentFile=/etc/certlife/environment\n"));
    }
    assert!(variable("CERTLIFE_STORE").starts_with("sqlite:/var/lib/certlife/"));
}

/// As they work on one file, they are one user; and all are as closed as the first.
#[test]
fn the_units_are_alike_in_what_they_may_do() {
    let sandbox = |unit: &str| -> Vec<String> {
        let text = read(&format!("packaging/debian/{unit}.service"));
        let (_, rest) = text.split_once("DynamicUser=yes\n").unwrap();
        let (settings, _) = rest.split_once("\n[Install]").unwrap();
        let settings = settings.lines().filter(|it| !it.starts_with('#'));
        settings.map(str::to_owned).collect()
    };
    let serve = sandbox("certlife-serve");
    assert_eq!(serve, sandbox("certlife-deliver"));
    let mut process = sandbox("certlife-process");
    // Commands may be programs that compile as they run.
    process.push("MemoryDenyWriteExecute=yes".to_owned());
    assert_eq!(serve, process);
}
