#!/usr/bin/env bash
# askama: `whitespace = "suppress"` also takes the blanks around `{{ value }}`, and so joins words and the classes of an element.
#
# A good guess: the setting is like Jinja's trim_blocks and lstrip_blocks, which take what stands around tags (`{% … %}`) and leave
# expressions alone; so it makes pages smaller and changes nothing that is seen.
#
# What happens: expressions are trimmed on both sides too. `class="badge {{ kind }}"` becomes `class="badgecreated"`, which no rule
# of a stylesheet fits, and `{{ count }} of {{ total }}` becomes `3of7`. Nothing fails: neither the build nor a test that looks for the
# values. `minimize` leaves one blank, or one line break, and is what such pages want.
#
# Versions: askama 0.16.1, Rust 1.95. Builds for some seconds.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
mkdir -p src
cat >Cargo.toml <<'TOML'
[package]
name = "blanks"
edition = "2024"

[dependencies]
askama = { version = "=0.16.1", default-features = false, features = ["derive", "std"] }
TOML
cat >src/main.rs <<'RUST'
use askama::Template;

macro_rules! page {
    ($name:ident, $whitespace:literal) => {
        #[derive(Template)]
        #[template(
            ext = "html",
            whitespace = $whitespace,
            source = "<b class=\"badge {{ kind }}\">{{ count }} of {{ total }}</b>{% if true %} <i>x</i>{% endif %}"
        )]
        struct $name {
            kind: &'static str,
            count: u32,
            total: u32,
        }
        let page = $name { kind: "created", count: 3, total: 7 };
        println!("{}: {}", $whitespace, page.render().unwrap());
    };
}

fn main() {
    page!(Preserved, "preserve");
    page!(Minimized, "minimize");
    page!(Suppressed, "suppress");
}
RUST
cargo run --quiet | tee seen
diff - seen <<'SEEN'
preserve: <b class="badge created">3 of 7</b> <i>x</i>
minimize: <b class="badge created">3 of 7</b> <i>x</i>
suppress: <b class="badgecreated">3of7</b><i>x</i>
SEEN
echo "as described"
