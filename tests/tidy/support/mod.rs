//! The files of the project, and the paths in their code.

use std::fs;
use std::path::{Path, PathBuf};

pub fn files_below(folder: &str, extension: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                // The benchmarks' peers are built beside their source.
                if !path.ends_with("target") {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|it| it == extension) {
                files.push(path);
            }
        }
    }
    assert!(!files.is_empty());
    files
}

/// Where a file stands among the modules.
pub fn module_path(file: &Path) -> Vec<String> {
    let inside = file.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let inside = inside.unwrap().with_extension("");
    let names = inside.iter().map(|it| it.to_str().unwrap().to_owned());
    names
        .filter(|it| !["lib", "main", "mod"].contains(&it.as_str()))
        .collect()
}

/// The file without its comments.
pub fn code_of(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    let code = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    code.flat_map(|line| [line, "\n"]).collect()
}

/// Every path in the code that begins with `crate` or `super`, from the root of the crate.
pub fn paths(module: &[String], code: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for start in ["crate::", "super::"] {
        for (place, _) in code.match_indices(start) {
            let before = &code[..place];
            // `pub(in crate::store)` says who may use it.
            if before.ends_with("(in ") {
                continue;
            }
            let before = before.chars().next_back();
            let goes_on = before.is_some_and(|it| is_of_a_name(it) || it == ':');
            if !goes_on {
                branches(&code[place..], module.to_vec(), &mut found);
            }
        }
    }
    found
}

/// Adds the paths of a tree as `use` has it, that begins in this module; what follows it.
pub fn branches<'c>(tree: &'c str, module: Vec<String>, found: &mut Vec<Vec<String>>) -> &'c str {
    let tree = tree.trim_start();
    if let Some(mut rest) = tree.strip_prefix('{') {
        while !rest.is_empty() && !rest.starts_with('}') {
            rest = branches(rest, module.clone(), found);
            rest = rest.trim_start_matches(|it: char| it != ',' && it != '}');
            rest = rest.trim_start_matches(',').trim_start();
        }
        return rest.trim_start_matches('}');
    }
    let end = tree.find(|it| !is_of_a_name(it));
    let (name, rest) = tree.split_at(end.unwrap_or(tree.len()));
    let mut path = module;
    match name {
        "crate" => path.clear(),
        "super" => drop(path.pop()),
        "self" | "" => {}
        name => path.push(name.to_owned()),
    }
    if let Some(rest) = rest.strip_prefix("::") {
        return branches(rest, path, found);
    }
    found.push(path);
    rest
}

/// Whether names have this character.
pub fn is_of_a_name(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}
