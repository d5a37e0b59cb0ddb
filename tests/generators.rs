//! What the common code generators and validators of other languages make of the schemas: each
//! reads the six payloads, tells their kinds apart, and writes what docs/events.md says that it
//! writes.
//!
//! `tests/interop/install` fetches the tools once, into `CARGO_TARGET_TMPDIR/interop`.

#[path = "interop/installed.rs"]
mod installed;
#[path = "interop/payloads.rs"]
mod payloads;
mod support;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use certificate_lifecycle::EventKind;
use installed::{folder, installed};
use payloads::{lies, truths};
use serde_json::Value;

/// What a tool's models write of what they read.
#[derive(Clone, Copy)]
enum Writes {
    /// The same bytes; what only checks has nothing else to write.
    Bytes,
    /// The members in another order, and the timestamp with this in place of its `Z`.
    Sorted(&'static str),
}

/// What holds of a tool beyond that it reads each kind by its own schema and by no other.
struct Expected {
    /// It reads all six by `events.schema.json` too.
    any: bool,
    writes: Writes,
    /// The lies that it takes by the schema of their kind: it does not look at what is wrong.
    takes: &'static [&'static str],
}

const EVERY_LIE_IS_REFUSED: &[&str] = &[];

fn schemas() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schema")
}

fn python(script: &str) -> Command {
    let mut command = Command::new(installed().join("venv/bin/python"));
    command.arg(folder().join("tools").join(script));
    // The scripts stand in the source, where nothing is written.
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

fn node(script: &str) -> Command {
    let mut command = Command::new("node");
    command.arg(installed().join(script));
    command
}

fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

/// A folder for what a tool generates, empty.
fn generated(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("generated")
        .join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// What quicktype makes of the schemas of the six kinds, in one file.
fn quicktype(language: &str, file: &Path) {
    let mut command = Command::new("node");
    command.arg(installed().join("node_modules/quicktype/dist/index.js"));
    command.args(["--telemetry", "disable", "--src-lang", "schema"]);
    command
        .args(["--lang", language])
        .arg("--out")
        .arg(file)
        .arg("--src");
    let kinds = EventKind::ALL.iter();
    command.args(kinds.map(|kind| schemas().join(format!("{kind}.schema.json"))));
    run(&mut command);
}

/// For each payload, what the tool's models of each schema write of it, where they read it.
fn read(mut command: Command, payloads: &[String]) -> Vec<BTreeMap<String, String>> {
    let mut process = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut lines = String::new();
    for payload in payloads {
        lines.push_str(&Value::from(payload.as_str()).to_string());
        lines.push('\n');
    }
    let mut input = process.stdin.take().unwrap();
    // Where it ends early, what it says on its standard error tells more.
    let writer = std::thread::spawn(move || drop(input.write_all(lines.as_bytes())));
    let output = process.wait_with_output().unwrap();
    writer.join().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {error}");
    let answers = String::from_utf8(output.stdout).unwrap();
    let answers: Vec<_> = answers
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(answers.len(), payloads.len());
    answers
}

fn check(command: Command, expected: &Expected) {
    let (truths, lies) = (truths(), lies());
    let texts = truths.iter().map(|truth| truth.text.clone());
    let texts: Vec<_> = texts
        .chain(lies.iter().map(|lie| lie.text.clone()))
        .collect();
    let answers = read(command, &texts);
    let (of_truths, of_lies) = answers.split_at(truths.len());

    for (truth, answer) in truths.iter().zip(of_truths) {
        let mut answer = answer.clone();
        if let Some(kind) = answer.remove("kind") {
            assert_eq!(kind, truth.kind, "{}", truth.text);
        }
        let mut readers = vec![truth.kind];
        if expected.any {
            readers.push("events");
        }
        readers.sort_unstable();
        assert!(
            answer.keys().eq(&readers),
            "{}: {:?}",
            truth.text,
            answer.keys()
        );
        for written in answer.values() {
            assert_written(written, &truth.text, expected.writes);
        }
    }
    let taken: Vec<&str> = lies
        .iter()
        .zip(of_lies)
        .filter(|(_, answer)| !answer.is_empty())
        .map(|(lie, _)| lie.what)
        .collect();
    assert_eq!(taken, expected.takes);
}

fn assert_written(written: &str, original: &str, writes: Writes) {
    let value: Value = serde_json::from_str(original).unwrap();
    match writes {
        // A checker gives back the text as it came; a model leaves the white space out.
        Writes::Bytes => assert!(
            written == original || written == payloads::compact(original),
            "{written}"
        ),
        Writes::Sorted(zone) => {
            let mut value = value;
            let timestamp = value["timestamp"].as_str().unwrap().replace('Z', zone);
            value["timestamp"] = timestamp.into();
            // The map of this crate's serde_json is sorted.
            assert_eq!(written, value.to_string());
        }
    }
}

#[test]
fn typify_makes_a_type_of_each_kind() {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("typify");
    let mut command = Command::new(env!("CARGO"));
    command.args(["run", "--quiet", "--locked", "--manifest-path"]);
    command
        .arg(folder().join("typify/Cargo.toml"))
        .arg("--target-dir")
        .arg(target);
    let expected = Expected {
        any: true,
        writes: Writes::Sorted("Z"),
        takes: &[
            "a field of another kind",
            "a number that is too large",
            "an upper-case uuid",
            "a fraction of a second",
            "a line break after the timestamp",
        ],
    };
    check(command, &expected);
}

#[test]
fn datamodel_code_generator_makes_pydantic_models_that_keep_the_bytes() {
    let generated = generated("pydantic");
    let mut generator = Command::new(installed().join("venv/bin/datamodel-codegen"));
    generator.arg("--input").arg(schemas());
    generator.args(["--input-file-type", "jsonschema"]);
    generator.args(["--output-model-type", "pydantic_v2.BaseModel"]);
    generator.arg("--disable-warnings");
    run(generator.arg("--output").arg(generated.join("models")));
    let mut command = python("pydantic_models.py");
    command.arg(generated);
    let expected = Expected {
        any: true,
        writes: Writes::Bytes,
        takes: &[
            "a number as text",
            "a field of another kind",
            "an upper-case uuid",
            "a fraction of a second",
        ],
    };
    check(command, &expected);
}

#[test]
fn quicktype_makes_python_of_each_kind() {
    let generated = generated("quicktype-python");
    quicktype("python", &generated.join("models.py"));
    let mut command = python("quicktype_models.py");
    command.arg(generated);
    let expected = Expected {
        any: false,
        writes: Writes::Sorted("+00:00"),
        takes: &[
            "a submission from the vault",
            "a field of another kind",
            "a number that is too large",
            "a blank title",
            "an upper-case uuid",
            "a fraction of a second",
            "a line break after the timestamp",
            "a line break after the address",
        ],
    };
    check(command, &expected);
}

#[test]
fn quicktype_makes_typescript_of_each_kind() {
    let file = generated("quicktype-typescript").join("models.ts");
    quicktype("typescript", &file);
    let mut command = node("quicktype.mjs");
    command.arg(file);
    let expected = Expected {
        any: false,
        writes: Writes::Sorted(".000Z"),
        takes: &[
            "a submission from the vault",
            "a field of another kind",
            "a number that is too large",
            "a blank title",
            "an upper-case uuid",
            "a fraction of a second",
            "a line break after the uuid",
            "a line break after the address",
        ],
    };
    check(command, &expected);
}

#[test]
fn quicktype_holds_numbers_in_64_bits() {
    for (language, declaration) in [("rust", "application_id: i64,"), ("go", "int64 ")] {
        let file = generated(&format!("quicktype-{language}")).join("models");
        quicktype(language, &file);
        let text = std::fs::read_to_string(file).unwrap();
        assert_eq!(
            text.matches(declaration).count(),
            6,
            "{language}: {declaration}"
        );
    }
}

#[test]
fn json_schema_to_typescript_makes_a_type_of_each_kind() {
    let mut command = node("types.mjs");
    command.arg(schemas());
    let expected = Expected {
        any: true,
        writes: Writes::Bytes,
        takes: &[
            "a field of another kind",
            "a number that is too large",
            "a blank title",
            "an upper-case uuid",
            "a fraction of a second",
            "a line break after the uuid",
            "a line break after the timestamp",
            "a line break after the address",
        ],
    };
    check(command, &expected);
}

#[test]
fn modelina_makes_a_class_of_each_kind() {
    let mut command = node("modelina.mjs");
    command.arg(schemas().join("asyncapi.json"));
    let expected = Expected {
        any: false,
        writes: Writes::Bytes,
        takes: &[
            "no uuid",
            "a number as text",
            "processing from the vault",
            "a submission from the vault",
            "a field of another kind",
            "a number that is too large",
            "a blank title",
            "an upper-case uuid",
            "a fraction of a second",
            "a line break after the uuid",
            "a line break after the timestamp",
            "a line break after the address",
        ],
    };
    check(command, &expected);
}

#[test]
fn modelina_holds_numbers_in_64_bits() {
    let mut command = node("modelina.mjs");
    command.arg(schemas().join("asyncapi.json")).arg("integers");
    let types: Value = serde_json::from_str(&run(&mut command)).unwrap();
    let expected = serde_json::json!({
        "Java": ["long"], "CSharp": ["long"], "Kotlin": ["Long"], "Rust": ["i64"],
    });
    assert_eq!(types, expected);
}

#[test]
fn ajv_in_strict_mode_reads_each_kind() {
    let mut command = node("ajv.mjs");
    command.arg(schemas());
    let expected = Expected {
        any: true,
        writes: Writes::Bytes,
        takes: EVERY_LIE_IS_REFUSED,
    };
    check(command, &expected);
}

#[test]
fn the_python_validators_read_each_kind() {
    let validators: [(_, &[_]); 2] = [
        // `$` matches before a line break at the end in Python. Where the length is fixed, that
        // helps.
        ("jsonschema", &["a line break after the address"]),
        ("fastjsonschema", EVERY_LIE_IS_REFUSED),
    ];
    for (name, takes) in validators {
        let mut command = python("validators.py");
        command.arg(name).arg(schemas());
        let expected = Expected {
            any: true,
            writes: Writes::Bytes,
            takes,
        };
        check(command, &expected);
    }
}
