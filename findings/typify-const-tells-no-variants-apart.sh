#!/usr/bin/env bash
# typify: `const` tells the variants of a oneOf apart for every validator, and for no generated type.
#
# A good guess: a `oneOf` of objects whose `event` has another `const` each is the common way to write a tagged union,
# so the generated Rust enum reads each document as its own variant, or fails.
#
# What happens: that is so where the variants stand in the `oneOf` themselves. Where they are references into
# `definitions`, typify takes the constant for any JSON value. The enum is untagged then, and the
# first variant whose other fields fit takes the document, without an error. `"type":"string","enum":["…"]`, which
# allows the same documents, makes a type of its own for each value, and the variants are told apart.
#
# Versions: typify 0.8.0, serde 1, Rust 1.95. Builds for a minute.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
mkdir -p src
cat >Cargo.toml <<'TOML'
[package]
name = "unions"
edition = "2024"

[dependencies]
serde = { version = "1", features = ["derive"] }
serde_json = "1"
typify = "=0.8.0"
TOML
variant() { printf '"%s":{"type":"object","required":["event"],"properties":{"event":%s}}' "$1" "$2"; }
union() {
    printf '{"title":"Event","oneOf":[{"$ref":"#/definitions/Opened"},{"$ref":"#/definitions/Closed"}],'
    printf '"definitions":{%s,%s}}' "$1" "$2"
}
union "$(variant Opened '{"const":"opened"}')" "$(variant Closed '{"const":"closed"}')" >src/const.json
union "$(variant Opened '{"type":"string","enum":["opened"]}')" \
    "$(variant Closed '{"type":"string","enum":["closed"]}')" >src/enum.json
cat >src/main.rs <<'RUST'
mod by_const {
    typify::import_types!(schema = "src/const.json");
}
mod by_enum {
    typify::import_types!(schema = "src/enum.json");
}

fn variant(event: impl std::fmt::Debug) -> String {
    format!("{event:?}").split('(').next().unwrap_or_default().to_owned()
}

fn main() -> Result<(), serde_json::Error> {
    let closed = r#"{"event":"closed"}"#;
    println!("const: {}", variant(serde_json::from_str::<by_const::Event>(closed)?));
    println!("enum: {}", variant(serde_json::from_str::<by_enum::Event>(closed)?));
    Ok(())
}
RUST
cargo run --quiet | tee seen
diff - seen <<'SEEN'
const: Opened
enum: Closed
SEEN
echo "as described"
