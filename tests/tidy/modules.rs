//! Which module may use which, and what the core may not do.

use std::path::Path;

use super::support::{branches, code_of, files_below, module_path, paths};

fn module_of(file: &Path) -> String {
    let inside = file.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let first = inside.unwrap().components().next().unwrap();
    let name = first.as_os_str().to_str().unwrap();
    name.trim_end_matches(".rs").to_owned()
}

#[test]
fn a_path_is_followed_wherever_it_begins() {
    let module = ["store", "sqlite", "outbox"].map(str::to_owned);
    let of = |code: &str| {
        let paths = paths(&module, code).into_iter();
        paths.map(|it| it.join("::")).collect::<Vec<_>>()
    };
    assert_eq!(of("use crate::engine::Engine;"), ["engine::Engine"]);
    assert_eq!(of("super::super::super::engine::x()"), ["engine::x"]);
    assert_eq!(
        of("use super::row::{get, set as put};"),
        ["store::sqlite::row::get", "store::sqlite::row::set"]
    );
    assert_eq!(
        of("use super::super::{memory, X, self};"),
        ["store::memory", "store::X", "store"]
    );
    assert_eq!(
        of("use crate::{engine, store::{self, A}};"),
        ["engine", "store", "store::A"]
    );
    assert_eq!(of("supercrate::x"), [""; 0]);
}

/// What each module may use: what an error quotes of a value, forms of values, places by identity,
/// how options are set, lengths beside moments, and what a dispatcher and a processor have in
/// common.
const UTILITIES: [&str; 9] = [
    "excerpt", "forms", "places", "setters", "lengths", "share", "backoff", "jitter", "instants",
];

#[test]
fn modules_depend_on_each_other_one_way() {
    for file in files_below("src", "rs") {
        let module = module_of(&file);
        let code = code_of(&file);
        for path in paths(&module_path(&file), &code) {
            let used = path.first().map_or("", String::as_str);
            let allowed = match module.as_str() {
                // What its macros write into other modules goes by the name at the root.
                "lifecycle" if used == "InvalidValue" => code.contains("macro_rules! text_value"),
                _ if used == module => true,
                _ if UTILITIES.contains(&used) => true,
                "lifecycle" | "diagram" => used == "lifecycle",
                "event" => ["lifecycle", "json"].contains(&used),
                "webhook" => ["event", "lifecycle"].contains(&used),
                "store" => ["webhook", "lifecycle", "event", "tls"].contains(&used),
                "delivery" => {
                    ["webhook", "store", "lifecycle", "event", "tls", "waits"].contains(&used)
                }
                "command_json" => ["store", "lifecycle", "json"].contains(&used),
                "engine" => ["store", "lifecycle", "event"].contains(&used),
                "processor" => ["engine", "store", "lifecycle", "event", "waits"].contains(&used),
                // What answers over HTTP may use all of the library.
                "server" => !["cli", "processor", "console"].contains(&used),
                "console" => !["cli", "processor", "delivery"].contains(&used),
                "waits" => used == "store",
                // It gives the errors of all modules their status, and none of them uses it.
                "http_status" => used != "cli",
                // The program uses the library from outside: the compiler sees to that.
                "lib" | "main" | "cli" => true,
                _ => false,
            };
            let path = path.join("::");
            assert!(allowed, "{}: `{module}` uses `{path}`", file.display());
        }
    }
}

/// What the stores show of a backend.
fn shown_of(backend: &str) -> Vec<String> {
    let stores = code_of(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/mod.rs"));
    let mut shown = Vec::new();
    for (place, start) in stores.match_indices(&format!("pub use {backend}::")) {
        branches(&stores[place + start.len()..], Vec::new(), &mut shown);
    }
    assert!(!shown.is_empty(), "{backend}");
    shown.concat()
}

#[test]
fn no_store_knows_another() {
    for backend in ["memory", "sqlite", "postgres"] {
        let shown = shown_of(backend);
        for file in files_below("src", "rs") {
            let module = module_path(&file);
            let is_its_own = module.starts_with(&["store".to_owned(), backend.to_owned()]);
            // The program chooses one.
            let chooses = [
                ["store"].as_slice(),
                &["store", "any"],
                &["server", "routes"],
            ];
            let chooses = chooses.iter().any(|it| module == **it);
            if is_its_own || chooses || ["cli", "lib"].contains(&&*module_of(&file)) {
                continue;
            }
            for path in paths(&module, &code_of(&file)) {
                let [first, rest @ ..] = &path[..] else {
                    continue;
                };
                // All of it, as `use crate::store::*` has it, is all that it shows.
                let is_of_it = |it: &String| it == backend || shown.contains(it);
                let knows = first == "store" && rest.first().is_none_or(is_of_it);
                assert!(!knows, "{} uses {}", file.display(), path.join("::"));
            }
        }
    }
}

/// What a file outside of the core may do that the core may not. The engine's clock is the only one
/// that tells the time of day; stores wait, and the databases' drivers do all that touches a disk
/// or a wire.
fn permitted(file: &Path) -> &'static [&'static str] {
    let path = file.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap();
    let path = path.to_str().unwrap();
    match path {
        "src/store/clock.rs" => &["std::time", "SystemTime"],
        "src/store/memory/mod.rs" | "src/store/commits.rs" | "src/store/any.rs" => &["std::time"],
        // It looks at the file that it opens, and reads errors that are of it.
        _ if path.starts_with("src/store/sqlite/") => &[
            "std::fs",
            "std::io",
            "std::time",
            "SystemTime",
            "Instant",
            "std::thread",
        ],
        // A caller that is alone stays awake for a moment.
        "src/store/callers.rs" => &["std::thread", "std::time", "Instant"],
        // It reads errors that are of the network.
        "src/store/postgres/failure.rs" => &["std::io", "std::time"],
        _ if path.starts_with("src/store/postgres/") => &["std::time", "Instant"],
        // It is the one that talks to the network.
        _ if path.starts_with("src/delivery/http/") => {
            &["std::io", "std::time", "Instant", "TcpStream"]
        }
        _ if path.starts_with("src/delivery/") || path.starts_with("src/processor/") => {
            &["std::time", "Instant"]
        }
        // It counts seconds: of what is remembered of tokens, of what a client waits for. Into a
        // vector it writes as into a file.
        _ if path.starts_with("src/console/") => &["std::time", "Instant"],
        _ if path.starts_with("src/server/") => &["std::time", "Instant", "std::io"],
        "src/instants.rs" | "src/waits.rs" => &["std::time", "Instant"],
        _ => &[],
    }
}

#[test]
fn the_core_does_no_io_reads_no_clock_and_is_not_random() {
    for file in files_below("src", "rs") {
        if ["cli", "main"].contains(&module_of(&file).as_str()) {
            continue;
        }
        // A length is no clock.
        let code = code_of(&file).replace("std::time::Duration", "");
        for impure in [
            "std::fs",
            "std::io",
            "std::env",
            "std::process",
            "std::thread",
            "std::time",
            "SystemTime",
            "Instant",
            "Utc::now",
            "Local::now",
            "new_v4",
            "now_v7",
            "TcpStream",
            "UdpSocket",
        ] {
            let is_permitted = permitted(&file).contains(&impure);
            assert!(
                is_permitted || !code.contains(impure),
                "{}: {impure}",
                file.display()
            );
        }
    }
}

#[test]
fn the_cores_of_dispatcher_and_processor_have_no_futures_no_clock_and_no_store() {
    let cores = ["src/delivery/core", "src/processor/core"];
    for file in cores.iter().flat_map(|it| files_below(it, "rs")) {
        let code = code_of(&file);
        let is_name = |it: char| it.is_alphanumeric() || it == '_';
        let names: Vec<_> = code.split(|it| !is_name(it)).collect();
        for foreign in [
            "async",
            "await",
            "futures_util",
            "tokio",
            "Future",
            "Outbox",
            "WorkQueue",
            "Clock",
            "Transport",
            "tracing",
            "metrics",
        ] {
            let is_used = names.contains(&foreign);
            assert!(!is_used, "{}: {foreign}", file.display());
        }
        assert!(!code.contains("Instant::now"), "{}", file.display());
    }
}
