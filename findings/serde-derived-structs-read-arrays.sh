#!/usr/bin/env bash
# serde: a derived struct with named fields reads a JSON array as well, and `deny_unknown_fields` does not change that.
#
# A good guess: a struct with named fields is an object in JSON, so an array in its place is refused with "invalid type: sequence,
# expected struct"; all the more where unknown fields are denied.
#
# What happens: the derived code takes a sequence too, and gives its elements to the fields in the order in which they are
# declared, absent ones their defaults. A filter whose fields are all optional takes `[]` for `{}`, that is: for everything; `["dead"]`
# fills the first field. axum's `Json` inherits it. Where a client's slip of brackets must not widen a request, the map has to
# be demanded: by a visitor with `visit_map` alone.
#
# Versions: serde 1.0.229, serde_json 1.0.154, Rust 1.95. Builds for some seconds.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
mkdir -p src
cat >Cargo.toml <<'TOML'
[package]
name = "arrays"
edition = "2024"

[dependencies]
serde = { version = "=1.0.229", features = ["derive"] }
serde_json = "=1.0.154"
TOML
cat >src/main.rs <<'RUST'
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct Filter {
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    webhook: Option<String>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct Request {
    filter: Filter,
}

fn main() {
    for text in [
        r#"{"filter":{}}"#,
        r#"{"filter":[]}"#,
        r#"{"filter":["dead"]}"#,
        r#"[{"status":"dead"}]"#,
        r#"{"filter":{"state":"dead"}}"#,
    ] {
        match serde_json::from_str::<Request>(text) {
            Ok(it) => println!("{text} -> {:?} {:?}", it.filter.status, it.filter.webhook),
            Err(_) => println!("{text} -> refused"),
        }
    }
}
RUST
cargo run --quiet | tee seen
diff - seen <<'SEEN'
{"filter":{}} -> None None
{"filter":[]} -> None None
{"filter":["dead"]} -> Some("dead") None
[{"status":"dead"}] -> Some("dead") None
{"filter":{"state":"dead"}} -> refused
SEEN
echo "as described"
