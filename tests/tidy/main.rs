//! The style of the house, as far as a program can check it.

mod circles;
mod modules;
mod support;

use std::fs;
use std::path::{Path, PathBuf};

use support::files_below;

/// Files of at most this many lines are about one noun.
const LONGEST_FILE: usize = 450;

/// A function fits a screen.
const LONGEST_FUNCTION: usize = 70;

/// A comment, or a line of Markdown, has at most so many columns.
const WIDEST_LINE: usize = 100;

#[test]
fn the_core_depends_on_six_crates_and_the_rest_is_optional() {
    let manifest = fs::read_to_string("Cargo.toml").unwrap();
    let dependencies = manifest.split("\n[dependencies]\n").nth(1).unwrap();
    let dependencies = dependencies.split("\n[").next().unwrap();
    let (optional, core): (Vec<_>, Vec<_>) = dependencies
        .lines()
        .filter(|line| !line.is_empty())
        .partition(|line| line.contains("optional = true"));
    let names = |lines: Vec<&str>| -> Vec<String> {
        let name = |line: &str| line.split(" = ").next().unwrap().to_owned();
        lines.into_iter().map(name).collect()
    };
    assert_eq!(
        names(core),
        [
            "chrono",
            "email_address",
            "serde",
            "serde_json",
            "thiserror",
            "uuid"
        ]
    );
    // The receiving side adds no more than what signs.
    let features = manifest.split("\n[features]\n").nth(1).unwrap();
    let verify = features.lines().find(|line| line.starts_with("verify = "));
    assert_eq!(verify, Some(r#"verify = ["dep:hmac", "dep:sha2"]"#));
    // Every dependency says why it is there.
    let decision = fs::read_to_string("docs/decisions/0003-dependencies.md").unwrap();
    for name in names(optional) {
        assert!(decision.contains(&format!("`{name}`")), "{name}");
    }
}

/// Taken in by `use certificate_lifecycle::*`, the name of a crate would be ambiguous where another
/// version of it is a dependency.
#[test]
fn the_root_re_exports_no_crate() {
    let root = fs::read_to_string("src/lib.rs").unwrap();
    let crates: Vec<_> = root
        .lines()
        .filter_map(|line| line.strip_prefix("pub use ")?.strip_suffix(';'))
        .filter(|path| !path.contains("::"))
        .collect();
    assert_eq!(crates, [""; 0]);
}

#[test]
fn files_are_short_and_lines_have_no_loose_ends() {
    let folders = [
        ("src", "rs"),
        ("tests", "rs"),
        ("benches", "rs"),
        ("examples", "rs"),
        ("docs", "md"),
    ];
    for (folder, extension) in folders {
        for file in files_below(folder, extension) {
            let text = fs::read_to_string(&file).unwrap();
            let name = file.display();
            if folder == "src" {
                let lines = text.lines().count();
                assert!(lines <= LONGEST_FILE, "{name} has {lines} lines");
            }
            // In two pieces, so that this line is none of them.
            for mark in [["TO", "DO"], ["FIX", "ME"], ["XX", "X"], ["HA", "CK"]] {
                assert!(!text.contains(&mark.concat()), "{name}: {}", mark.concat());
            }
            assert!(text.lines().count() > 2, "{name} says nothing");
            for (number, line) in text.lines().enumerate() {
                assert_eq!(line.trim_end(), line, "{name}:{}", number + 1);
            }
        }
    }
}

#[test]
fn every_source_file_says_what_it_is_about() {
    for folder in ["src", "tests", "benches", "examples"] {
        for file in files_below(folder, "rs") {
            let code = fs::read_to_string(&file).unwrap();
            let about = code.starts_with("//! ") || code.starts_with("#![doc");
            assert!(about, "{}", file.display());
        }
    }
}

#[test]
fn nothing_in_src_panics_without_saying_why_it_cannot() {
    for file in files_below("src", "rs") {
        let code = fs::read_to_string(&file).unwrap();
        let lines: Vec<_> = code.lines().collect();
        for (index, line) in lines.iter().enumerate() {
            let code_only = line.split("//").next().unwrap();
            let may_panic = [
                ".unwrap()",
                ".expect(",
                "panic!",
                "unreachable!",
                "todo!",
                "unimplemented!",
            ]
            .iter()
            .any(|it| code_only.contains(it));
            let explained = index > 0 && lines[index - 1].trim_start().starts_with("//");
            assert!(!may_panic || explained, "{}:{}", file.display(), index + 1);
        }
    }
}

#[test]
fn links_between_the_documents_lead_somewhere() {
    let mut documents = files_below("docs", "md");
    documents.push(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md"));
    for document in documents {
        let text = fs::read_to_string(&document).unwrap();
        let inline = text.split("](").skip(1);
        let defined = text
            .lines()
            .filter_map(|line| line.strip_prefix('[')?.split_once("]: "));
        let defined = defined.filter(|(label, _)| !label.contains('['));
        for link in inline.chain(defined.map(|(_, target)| target)) {
            let target = link.split([')', '#']).next().unwrap();
            if target.is_empty() || target.starts_with("http") {
                continue;
            }
            let path = document.parent().unwrap().join(target);
            assert!(path.exists(), "{}: {target}", document.display());
        }
    }
}

const CODE: [&str; 4] = ["src", "tests", "benches", "examples"];

/// The lines of each function, from its name to its end.
fn functions(code: &str) -> Vec<(String, usize)> {
    let lines: Vec<_> = code.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let text = line.trim_start();
        if text.starts_with("//") {
            continue;
        }
        let words = text.split(|it: char| !it.is_alphanumeric() && it != '_');
        let words: Vec<_> = words.filter(|it| !it.is_empty()).take(6).collect();
        let is_before = |it: &&str| ["pub", "crate", "super", "in", "const", "async"].contains(it);
        let before = words.iter().take_while(|it| is_before(it)).count();
        let [Some(&"fn"), Some(name)] = [words.get(before), words.get(before + 1)] else {
            continue;
        };
        let indent = &line[..line.len() - text.len()];
        let ends = |it: &&str| **it == format!("{indent}}}") || **it == format!("{indent});");
        let is_declared = |it: &&str| it.starts_with(indent) && it.trim_end().ends_with(';');
        let rest = &lines[at..];
        // What has no body ends with the first line that begins where it does and ends so.
        let opens = rest.iter().position(|it| it.trim_end().ends_with('{'));
        let declared = rest.iter().position(is_declared);
        if declared < opens && declared.is_some() {
            continue;
        }
        let length = rest.iter().position(ends).map_or(1, |it| it + 1);
        found.push(((*name).to_owned(), length));
    }
    found
}

#[test]
fn the_length_of_a_function_is_counted_to_its_own_end() {
    let code = "    pub(crate) async fn one(\n    ) {\n        if x {\n        }\n    }\n\
                \n    fn declared(&self);\n    const fn two() {\n    }\n";
    assert_eq!(
        functions(code),
        [("one".to_owned(), 5), ("two".to_owned(), 2)]
    );
}

#[test]
fn functions_fit_a_screen() {
    for file in CODE.iter().flat_map(|folder| files_below(folder, "rs")) {
        for (name, length) in functions(&fs::read_to_string(&file).unwrap()) {
            let name = format!("{}: `{name}` has {length} lines", file.display());
            assert!(length <= LONGEST_FUNCTION, "{name}");
        }
    }
}

/// Documents for people, but for the contract, which is a copy.
fn documents() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut documents = files_below("docs", "md");
    documents.retain(|it| !it.ends_with("CONTRACT.md"));
    let others = [
        "README.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
    ];
    documents.extend(others.map(|it| root.join(it)));
    documents
}

#[test]
fn comments_and_documents_wrap() {
    let code = CODE.iter().flat_map(|folder| files_below(folder, "rs"));
    for file in code.chain(documents()) {
        let is_code = file.extension().is_some_and(|it| it == "rs");
        let text = fs::read_to_string(&file).unwrap();
        let mut is_fenced = false;
        for (number, line) in text.lines().enumerate() {
            let text = line.trim_start();
            let comment = text.trim_start_matches(['/', '!']).trim_start();
            if is_code && !text.starts_with("//") {
                is_fenced = false;
                continue;
            }
            is_fenced ^= comment.starts_with("```");
            // Tables, headings, the definitions of links, and pictures cannot wrap.
            let is_whole = comment.starts_with(['|', '#', '['])
                || comment.contains("]: ")
                || comment.contains(['─', '▶']);
            let is_wide = line.chars().count() > WIDEST_LINE && !is_fenced && !is_whole;
            assert!(!is_wide, "{}:{}: {line}", file.display(), number + 1);
        }
    }
}

/// Words that STYLE banishes from the subjects of sentences, and how often the code has them still:
/// the benchmarks, the tests and this list. A number may only fall: a change that lowers one writes
/// the new one here. `nobody` is a user of Unix as well.
const BANISHED: [(&str, usize); 4] = [("whoever", 1), ("somebody", 1), ("nobody", 5), ("told", 1)];

#[test]
fn banished_words_only_become_fewer() {
    let count = |files: Vec<PathBuf>, word: &str| -> usize {
        let of = |file: PathBuf| {
            let text = fs::read_to_string(file).unwrap().to_lowercase();
            let words = text.split(|it: char| !it.is_alphanumeric() && it != '_');
            words.filter(|it| *it == word).count()
        };
        files.into_iter().map(of).sum()
    };
    for (word, left) in BANISHED {
        assert_eq!(count(documents(), word), 0, "{word} in a document");
        let mut code = files_below("src", "rs");
        code.extend(files_below("src", "sql"));
        code.extend(files_below("examples", "rs"));
        assert_eq!(count(code, word), 0, "{word} in src or examples");
        let mut tests = files_below("tests", "rs");
        tests.extend(files_below("benches", "rs"));
        assert_eq!(count(tests, word), left, "{word} in tests and benches");
    }
}
