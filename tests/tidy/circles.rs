//! No file of `src` uses a file that uses it, directly or by way of others.
//!
//! A file uses another if it names an item of it: in an import, or by a path. A re-export leads to
//! the file that defines the item. Unit tests are left out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::support::{branches, code_of, files_below, is_of_a_name, module_path};

/// The only circle. A transition takes an application, and gives one with its event; an event has
/// the application as it is after it; and `any` is every state, `action` every transition, as a
/// value. None of them means anything without the others: together they are the one machine.
const LIFECYCLE: [&str; 6] = [
    "lifecycle/action",
    "lifecycle/any",
    "lifecycle/application",
    "lifecycle/event",
    "lifecycle/rules",
    "lifecycle/transition",
];

/// Where an item or a file stands among the modules.
type Place = Vec<String>;

/// An import of a file.
struct Import {
    item: Place,
    /// Whether others may use it by way of this file.
    is_shown: bool,
}

/// The files, each with its code.
struct Crate {
    files: BTreeMap<Place, String>,
    /// What is imported somewhere, and from where: also for the modules below, a re-export.
    imported: BTreeMap<Place, Place>,
}

impl Crate {
    fn new(files: BTreeMap<Place, String>) -> Self {
        let mut of = Self {
            files,
            imported: BTreeMap::new(),
        };
        for (file, code) in &of.files {
            for Import { item, .. } in of.imports(file, code).0 {
                let name = item.last().unwrap().clone();
                let place = file.iter().cloned().chain([name]).collect();
                // `pub use dot::dot` shows what has the name of its module.
                if !of.files.contains_key(&place) {
                    of.imported.insert(place, item);
                }
            }
        }
        of
    }

    /// The imports of a file, and its code without them.
    fn imports(&self, file: &Place, code: &str) -> (Vec<Import>, String) {
        let (mut imports, mut rest) = (Vec::new(), Vec::new());
        let mut lines = code.lines();
        while let Some(line) = lines.next() {
            let (before, tree) = line.split_once("use ").unwrap_or((line, ""));
            let before = before.trim_start();
            // A text may have such a line, too.
            let is_path = tree.contains("::") || tree.ends_with([';', '{']);
            if line.ends_with(';') && line.contains("mod ") {
                continue;
            }
            let is_shown = before.starts_with("pub") && before.ends_with(' ');
            if !is_path || !(before.is_empty() || is_shown) {
                rest.push(line);
                continue;
            }
            let mut tree = tree.to_owned();
            while !tree.contains(';') {
                tree += lines.next().unwrap();
            }
            let mut items = Vec::new();
            branches(&tree, file.clone(), &mut items);
            // What is another crate's looks like a path below this file.
            items.retain(|it| self.defining(it).is_some_and(|of| of != *file));
            imports.extend(items.into_iter().map(|item| Import { item, is_shown }));
        }
        (imports, rest.join("\n"))
    }

    /// The file that defines an item.
    fn defining(&self, item: &Place) -> Option<Place> {
        let mut item = item.clone();
        // Each turn follows a re-export.
        for _ in 0..8 {
            let known = (1..=item.len()).rev().map(|length| item.split_at(length));
            let mut known = known.map(|(start, rest)| (start.to_vec(), rest));
            let found = known.find(|(start, _)| {
                self.files.contains_key(start) || self.imported.contains_key(start)
            });
            let (start, rest) = found?;
            let Some(origin) = self.imported.get(&start) else {
                return Some(start);
            };
            item = origin.iter().chain(rest).cloned().collect();
        }
        panic!("{} is imported in a circle", item.join("::"));
    }

    /// The files that a file uses.
    fn used_by(&self, file: &Place, code: &str) -> BTreeSet<Place> {
        let (imports, code) = self.imports(file, code);
        let names: BTreeSet<_> = code.split(|it| !is_of_a_name(it)).collect();
        let imports = imports
            .into_iter()
            .filter(|it| !it.is_shown || names.contains(it.item.last().unwrap().as_str()));
        let mut items: Vec<_> = imports.map(|it| it.item).collect();
        let mut start = 0;
        for (end, _) in code.match_indices("::") {
            let name = code[..end].rfind(|it| !is_of_a_name(it));
            let (first, name) = name.map_or((0, &code[..end]), |at| (at + 1, &code[at + 1..end]));
            // `pub(in crate::store)` says who may use it.
            let before = &code[..first];
            let begins = first >= start && !before.ends_with(':') && !before.ends_with("(in ");
            let below = file.iter().cloned().chain([name.to_owned()]).collect();
            let is_here = ["crate", "super", "self"].contains(&name);
            if begins && (is_here || self.files.contains_key::<Place>(&below)) {
                branches(&code[first..], file.clone(), &mut items);
                start = end;
            }
        }
        let used = items.iter().filter_map(|item| self.defining(item));
        used.filter(|it| it != file).collect()
    }

    /// The circles: their files, and which of these each of them uses.
    fn circles(&self) -> Vec<BTreeMap<Place, BTreeSet<Place>>> {
        let uses: BTreeMap<_, _> = self
            .files
            .iter()
            .map(|(file, code)| (file, self.used_by(file, code)))
            .collect();
        let reached = |from: &Place| {
            let (mut reached, mut next) = (BTreeSet::new(), vec![from]);
            while let Some(file) = next.pop() {
                for used in &uses[file] {
                    if reached.insert(used) {
                        next.push(used);
                    }
                }
            }
            reached
        };
        let reached: BTreeMap<_, _> = uses.keys().map(|it| (*it, reached(it))).collect();
        let mut circles = Vec::new();
        let mut seen: BTreeSet<&Place> = BTreeSet::new();
        for (file, others) in &reached {
            if !others.contains(file) || seen.contains(*file) {
                continue;
            }
            let is_of_it = |it: &&&Place| reached[**it].contains(file);
            let circle: BTreeSet<&Place> = others.iter().filter(is_of_it).copied().collect();
            seen.extend(&circle);
            let inside = |it: &Place| {
                let inner = uses[it].iter().filter(|it| circle.contains(it));
                (it.clone(), inner.cloned().collect())
            };
            circles.push(circle.iter().map(|it| inside(it)).collect());
        }
        circles
    }
}

/// The code of a file before its unit tests, which stand at its end.
fn without_tests(code: &str) -> &str {
    let starts = ["\n#[cfg(test)]\n", "\n#[cfg(all(test,"];
    let ends = starts.iter().filter_map(|it| code.find(it));
    &code[..ends.min().unwrap_or(code.len())]
}

/// The library and the program, but for its `main`.
fn all_code() -> BTreeMap<Place, String> {
    let mut files = files_below("src", "rs");
    files.retain(|it| !it.ends_with("main.rs") && !it.ends_with("tests.rs"));
    let with_code = |file: PathBuf| {
        let code = without_tests(&code_of(&file)).to_owned();
        (module_path(&file), code)
    };
    files.into_iter().map(with_code).collect()
}

/// The path of a file.
fn path(file: &Place) -> String {
    let path = format!("src/{}", file.join("/"));
    let is_folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(&path).is_dir();
    path + if is_folder { "/mod.rs" } else { ".rs" }
}

#[test]
fn no_file_uses_a_file_that_uses_it() {
    let mut of_the_lifecycle = BTreeSet::new();
    let mut others = Vec::new();
    for circle in Crate::new(all_code()).circles() {
        let is_allowed = |it: &Place| LIFECYCLE.contains(&&*it.join("/"));
        if circle.keys().all(is_allowed) {
            of_the_lifecycle.extend(circle.keys().map(|it| it.join("/")));
            continue;
        }
        others.push(format!("\nA circle of {} files:", circle.len()));
        for (file, used) in circle {
            let used: Vec<_> = used.iter().map(path).collect();
            others.push(format!("  {} uses {}", path(&file), used.join(", ")));
        }
    }
    assert!(
        others.is_empty(),
        "Files of src use each other. Move what they share to a file of its own, or pass a value.\n\
         {}",
        others.join("\n")
    );
    let of_the_lifecycle: Vec<_> = of_the_lifecycle.iter().map(String::as_str).collect();
    assert_eq!(
        of_the_lifecycle, LIFECYCLE,
        "the constant has more than the circle"
    );
}

/// The circles of a crate of these files, each as its files.
fn circles_of(files: &[(&str, &str)]) -> Vec<String> {
    let place = |path: &str| path.split('/').map(str::to_owned).collect::<Place>();
    let files = files
        .iter()
        .map(|(path, code)| (place(path), (*code).to_owned()));
    let circles = Crate::new(files.collect()).circles();
    let names = circles.iter().map(|circle| {
        let names: Vec<_> = circle.keys().map(|it| it.join("/")).collect();
        names.join(" ")
    });
    names.collect()
}

#[test]
fn a_circle_is_found_however_a_file_names_another() {
    for [one, two] in [
        ["use crate::b::Two;", "use crate::a::One;"],
        ["use super::{b, c::Three};", "fn two() -> super::a::One {}"],
        [
            "use crate::{\n    b::Two as Other,\n};",
            "pub(crate) use super::a::One;\nOne",
        ],
        [
            "pub(in crate::b) fn one() {\n    crate::b::two()\n}",
            "use crate::a;",
        ],
    ] {
        let files = [("a", one), ("b", two), ("c", "")];
        assert_eq!(circles_of(&files), ["a b"], "{one} {two}");
    }
    let files = [
        ("a", "use crate::b::X;"),
        ("b", "use crate::c::Y;"),
        ("c", "use crate::a::Z;"),
    ];
    assert_eq!(circles_of(&files), ["a b c"]);
    let below = [
        ("a", "fn one() {\n    b::two()\n}"),
        ("a/b", "use super::One;"),
    ];
    assert_eq!(circles_of(&below), ["a a/b"]);
}

#[test]
fn a_re_export_leads_to_the_file_that_defines_the_item() {
    // `b` only shows an item of `b::c`: it uses nothing, and `a` uses nothing of it.
    let shown = ("b", "mod c;\npub use c::{Two, three};");
    let free = [
        ("a", "use crate::b::Two;"),
        shown,
        ("b/c", "use super::super::d;"),
        ("d", ""),
    ];
    assert_eq!(circles_of(&free), [""; 0]);
    let circle = [
        ("a", "use crate::b::Two;"),
        shown,
        ("b/c", "use crate::a::One;"),
    ];
    assert_eq!(circles_of(&circle), ["a b/c"]);
    // Of an import, the modules below are free to use it.
    let import = [
        ("b", "mod c;\nuse c::Two;"),
        ("b/c", ""),
        ("b/d", "use super::Two;"),
    ];
    assert_eq!(circles_of(&import), [""; 0]);
    let used = [("b", "mod d;\nuse d::Four;"), ("b/d", "use super::Two;")];
    assert_eq!(circles_of(&used), ["b b/d"]);
}

#[test]
fn who_may_use_an_item_and_what_tests_use_makes_no_circle() {
    let files = [
        ("a", "pub(in crate::b) struct One;"),
        ("b", "use crate::a::One;"),
    ];
    assert_eq!(circles_of(&files), [""; 0]);
    let tests = "struct One;\n\n#[cfg(test)]\nmod tests {\n    use super::One;\n}\n";
    assert_eq!(without_tests(tests), "struct One;\n");
}
