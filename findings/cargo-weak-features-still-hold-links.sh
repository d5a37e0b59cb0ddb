#!/usr/bin/env bash
# Cargo: a weak feature that is off still decides which version of SQLite a project may have.
#
# A good guess: sqlx with its feature `postgres` alone, without SQLite, stands beside any version of rusqlite. Nothing
# of SQLite is compiled for sqlx then, and `cargo tree` shows none.
#
# What happens: sqlx's feature `migrate` (and `macros`, `json`, `any`) has `sqlx-sqlite?/migrate`. Such a weak feature
# puts the optional package into the lock file, though it is never built. And a lock file has one package only that
# links `sqlite3`: so sqlx-sqlite's libsqlite3-sys, which is never built, must be that of rusqlite, and the project
# does not resolve. `default-features = false` with `postgres` and `derive` alone is free of it.
#
# Versions: sqlx 0.9.0, rusqlite 0.39.0 and 0.43.0, cargo 1.95.0. Only resolved, nothing is built.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"

# resolves NAME RUSQLITE SQLX: whether a project with both has a lock file.
resolves() {
    mkdir -p "$1/src"
    : >"$1/src/lib.rs"
    printf '[package]\nname = "project"\nedition = "2024"\n\n[dependencies]\nrusqlite = "=%s"\nsqlx = %s\n' \
        "$2" "$3" >"$1/Cargo.toml"
    if cargo generate-lockfile --quiet --manifest-path "$1/Cargo.toml" 2>"$1/told"; then
        echo "$1: resolves"
    elif grep -q 'links to the native library `sqlite3`' "$1/told"; then
        echo "$1: two packages link sqlite3"
    else
        cat "$1/told" >&2
        echo "$1: another error"
    fi
}

{
    resolves postgres-and-0.43 0.43.0 '{ version = "=0.9.0", features = ["postgres", "runtime-tokio"] }'
    resolves postgres-and-0.39 0.39.0 '{ version = "=0.9.0", features = ["postgres", "runtime-tokio"] }'
    resolves without-weak-features 0.43.0 \
        '{ version = "=0.9.0", default-features = false, features = ["postgres", "derive"] }'
    printf 'built of SQLite for sqlx: %s\n' \
        "$(cargo tree --quiet --manifest-path postgres-and-0.39/Cargo.toml --prefix none | grep -c '^sqlx-sqlite' || true)"
} | tee seen
diff - seen <<'SEEN'
postgres-and-0.43: two packages link sqlite3
postgres-and-0.39: resolves
without-weak-features: resolves
built of SQLite for sqlx: 0
SEEN
echo "as described"
