//! Every option and argument of every command gets every secret, in the right place and in wrong
//! ones.

use std::process::{Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::{
    CONNECTION, DATABASE, ESCAPED_URL, HEADER, KEY, Mark, SECRET, SECRET_START, URL, refuse,
};
use crate::webhook::ID;
use crate::{Scratch, certlife, run};

const SECRETS: [Mark; 8] = [
    SECRET,
    HEADER,
    URL,
    ESCAPED_URL,
    DATABASE,
    CONNECTION,
    SECRET_START,
    KEY,
];

/// Those that are given; the others are parts of the first.
const GIVEN: [Mark; 6] = [SECRET, HEADER, URL, ESCAPED_URL, DATABASE, CONNECTION];

/// What may be shown, and why: the words of the command, and the option or argument.
const SHOWN: [(&str, &str); 2] = [
    // The one time that it is shown.
    ("webhook add", "--secret"),
    ("webhook rotate", "--secret"),
];

/// Some commands run until they are ended. By then, they have said what is wrong with their
/// arguments.
const PATIENCE: Duration = Duration::from_secs(2);

/// A command without subcommands, as its help lists what it takes.
struct Listed {
    words: Vec<String>,
    /// With the leading hyphens.
    options: Vec<String>,
    flags: Vec<String>,
    /// Arguments by position that it cannot do without, with a right value for each.
    required: Vec<&'static str>,
    takes_arguments: bool,
    /// Its own, so that no other command has put a mark there.
    store: Scratch,
}

/// All commands below these words.
fn commands(words: &[String]) -> Vec<Listed> {
    let args: Vec<_> = words.iter().map(String::as_str).chain(["--help"]).collect();
    let help = run(&args, "");
    assert_eq!(help.code, Some(0), "{words:?}");
    refuse(&SECRETS, &help.stdout, "help");
    let names = section(&help.stdout, "Commands:").filter_map(|line| {
        let name = line.strip_prefix("  ")?.split(' ').next()?;
        (!name.is_empty() && name != "help").then(|| name.to_owned())
    });
    let names: Vec<_> = names.collect();
    if !names.is_empty() {
        let below = |name| commands(&[words, &[name]].concat());
        return names.into_iter().flat_map(below).collect();
    }
    vec![Listed::new(words, &help.stdout)]
}

/// The lines of a part of the help.
fn section<'a>(help: &'a str, heading: &'a str) -> impl Iterator<Item = &'a str> {
    let lines = help
        .lines()
        .skip_while(move |line| *line != heading)
        .skip(1);
    lines.take_while(|line| line.is_empty() || line.starts_with(' '))
}

impl Listed {
    fn new(words: &[String], help: &str) -> Self {
        let (mut options, mut flags) = (Vec::new(), Vec::new());
        for line in section(help, "Options:") {
            let line = line.trim_start();
            let Some(at) = line.find("--").filter(|_| line.starts_with('-')) else {
                continue;
            };
            let mut parts = line[at..].split(' ');
            let name = parts.next().unwrap().to_owned();
            match parts.next() {
                Some(value) if value.starts_with('<') => options.push(name),
                _ => flags.push(name),
            }
        }
        assert!(flags.contains(&"--help".to_owned()), "{words:?}: {help}");
        let arguments: Vec<_> = section(help, "Arguments:").map(str::trim_start).collect();
        let required = arguments.iter().filter(|it| it.starts_with('<'));
        let store = Scratch::new();
        let add = ["webhook", "add", "https://example.com/", "--id", ID];
        assert_eq!(store.run(&add, "").code, Some(0));
        Self {
            store,
            words: words.to_vec(),
            options,
            flags,
            required: required.map(|it| right_value(it)).collect(),
            takes_arguments: arguments.iter().any(|it| it.starts_with(['<', '['])),
        }
    }

    /// Every way to give it a text.
    fn tries(&self, mark: Mark) -> Vec<Try<'_>> {
        let text = mark.text;
        let mut tries = Vec::new();
        let mut add = |place: &str, before: Vec<String>, has_required: bool| {
            let required = self.required.iter().filter(|_| has_required);
            let args = self.words.iter().cloned().chain(before);
            tries.push(Try {
                command: self,
                place: place.to_owned(),
                args: args.chain(required.map(|it| (*it).to_owned())).collect(),
            });
        };
        for option in &self.options {
            add(option, vec![option.clone(), text.to_owned()], true);
            add("misspelt", vec![format!("{option}x={text}")], true);
        }
        for flag in &self.flags {
            add("flag", vec![format!("{flag}={text}")], true);
        }
        add("unknown", vec![format!("--{text}")], true);
        add("unknown", vec![format!("-Z{text}")], true);
        add("argument", vec![text.to_owned()], false);
        add("after --", vec!["--".to_owned(), text.to_owned()], false);
        add("surplus", vec![text.to_owned()], true);
        tries
    }
}

/// A value for an argument that a command cannot do without.
fn right_value(argument: &str) -> &'static str {
    match argument.split('>').next() {
        Some("<URL") => "https://example.com/",
        Some("<SHELL") => "fish",
        // A file, or an id of something.
        _ => ID,
    }
}

struct Try<'a> {
    command: &'a Listed,
    place: String,
    args: Vec<String>,
}

impl Try<'_> {
    fn is_allowed(&self) -> bool {
        let command = self.command.words.join(" ");
        SHOWN.contains(&(command.as_str(), self.place.as_str()))
    }
}

/// Runs it, but not for ever.
fn output(store: &Scratch, args: &[String]) -> Output {
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    let mut certlife = store.certlife(&args);
    let mut child = certlife
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let start = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if start.elapsed() > PATIENCE {
            child.kill().unwrap();
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    child.wait_with_output().unwrap()
}

#[test]
fn no_option_and_no_argument_repeats_a_secret() {
    let commands = commands(&[]);
    assert!(commands.len() > 20, "{}", commands.len());
    let options: usize = commands.iter().map(|it| it.options.len()).sum();
    assert!(options > 80, "{options}");
    assert!(commands.iter().any(|it| it.takes_arguments));
    let tries: Vec<_> = commands
        .iter()
        .flat_map(|it| GIVEN.into_iter().flat_map(move |mark| it.tries(mark)))
        .filter(|it| !it.is_allowed())
        .collect();
    let (next, leaks) = (AtomicUsize::new(0), std::sync::Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(it) = tries.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let Output { stdout, stderr, .. } = output(&it.command.store, &it.args);
                    for bytes in [stdout, stderr] {
                        let text = String::from_utf8_lossy(&bytes);
                        let found = SECRETS.iter().find_map(|mark| mark.found_in(&text));
                        if let Some(form) = found {
                            leaks
                                .lock()
                                .unwrap()
                                .push(format!("{:?} ({form}): {text}", it.args));
                        }
                    }
                }
            });
        }
    });
    let leaks = leaks.into_inner().unwrap();
    assert!(
        leaks.is_empty(),
        "{} of {}:\n{}",
        leaks.len(),
        tries.len(),
        leaks.join("\n")
    );
}

/// In a variable of the environment as well.
#[test]
fn no_variable_of_the_environment_is_repeated() {
    for mark in GIVEN {
        for variable in ["CERTLIFE_STORE", "CERTLIFE_WEBHOOK_SECRET"] {
            for args in [
                &["list"][..],
                &["apply"],
                &["webhook", "list"],
                &["verify", "-"],
                &["deliver", "--until-idle"],
                &["verify", "--help"],
                &["list", "--help"],
            ] {
                let output = certlife(args).env(variable, mark.text).output().unwrap();
                for bytes in [output.stdout, output.stderr] {
                    let text = String::from_utf8_lossy(&bytes);
                    refuse(&SECRETS, &text, &format!("{variable} and {args:?}"));
                }
            }
        }
    }
}

/// Escape sequences, controls of C1, marks of direction, and what cannot be seen.
#[test]
fn nothing_of_an_argument_acts_on_the_terminal() {
    let store = Scratch::new();
    let acting = [
        '\u{1b}', '\u{7}', '\u{9b}', '\u{85}', '\u{180e}', '\u{200b}', '\u{202e}', '\u{2028}',
        '\u{2066}', '\u{feff}',
    ];
    for character in acting {
        let text = format!("a{character}[31mb");
        for args in [
            &["list", &text][..],
            &[&text],
            &["list", &format!("--{text}")],
            &["list", &format!("-{character}")],
            &["list", "--status", &text],
            &["list", "--institution", &text],
            &["list", "--store", &text],
            &["list", "--store", &format!("sqlite:{text}/none.db")],
            &["list", "--email", &text],
            &["show", &text],
            &["apply", &format!("{text}.csv")],
            &["deliver", "--authorities", &text],
            &["import", "--actor", &text],
            &["import", "--actor", &format!("customer:{text}")],
            &["webhook", "add", &format!("https://{text}/")],
            &[
                "webhook",
                "add",
                "https://example.com/",
                "--header",
                &format!("{text}: x"),
            ],
            &["webhook", "test", ID, "--institution", &text],
        ] {
            let run = store.run(args, "");
            assert!(!run.stderr.is_empty(), "{args:?}");
            assert!(
                !run.stderr.contains(character),
                "{args:?}: {:?}",
                run.stderr
            );
        }
    }
}
