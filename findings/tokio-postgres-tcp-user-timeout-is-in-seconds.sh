#!/usr/bin/env bash
# tokio-postgres: tcp_user_timeout in a URL is in seconds, while libpq's is in milliseconds.
#
# A good guess: a URL means the same to each client of PostgreSQL. The parameters of tokio-postgres have the names
# that libpq gave them, and connect_timeout, keepalives_idle and keepalives_interval have libpq's unit, the second. So
# `tcp_user_timeout=25000`, which libpq's manual says is "specified in milliseconds", is 25 s.
#
# What happens: tokio-postgres takes the number for seconds. A URL that was written for psql waits 25,000 s for a
# dead server, nearly seven hours, which is no limit at all. One that was written for tokio-postgres
# (`tcp_user_timeout=25`) is 25 ms in psql and in drivers over libpq, which lose the connection when the network is
# slow for a moment. Both take both without a warning, and the documentation of tokio-postgres names no unit.
# `Config::tcp_user_timeout` takes a Duration, so code that calls it is right.
#
# Versions: tokio-postgres 0.7.18, the same in 0.7.10. For libpq, psycopg2-binary 2.9.10, asked for what it set on the
# socket (Linux gives TCP_USER_TIMEOUT in milliseconds). No server of PostgreSQL is needed. Rust 1.95, Python 3.11.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check psycopg2-binary==2.9.10
cat >libpq.py <<'PY'
import select
import socket

import psycopg2

# It listens and says nothing: libpq has set its options once it begins to talk.
listener = socket.create_server(("127.0.0.1", 0))
url = f"postgres://user@127.0.0.1:{listener.getsockname()[1]}/db?tcp_user_timeout=25000&sslmode=disable"
connection = psycopg2.connect(url, async_=True)
while connection.poll() == psycopg2.extensions.POLL_WRITE:
    select.select([], [connection.fileno()], [])
opened = socket.socket(fileno=connection.fileno())
print(f"libpq: {opened.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)} ms")
opened.detach()
PY
mkdir src
cat >Cargo.toml <<'TOML'
[package]
name = "timeouts"
edition = "2024"

[dependencies]
tokio-postgres = "=VERSION"
TOML
cat >src/main.rs <<'RUST'
fn main() {
    let url = "postgres://user@127.0.0.1:5432/db?tcp_user_timeout=25000&keepalives_idle=25";
    let config: tokio_postgres::Config = url.parse().unwrap();
    let timeout = config.get_tcp_user_timeout().unwrap();
    println!("tokio-postgres: {} ms", timeout.as_millis());
    println!("tokio-postgres, keepalives_idle: {} s", config.get_keepalives_idle().as_secs());
}
RUST
{
    venv/bin/python libpq.py
    for version in 0.7.10 0.7.18; do
        sed "s/VERSION/$version/" Cargo.toml >Cargo.now && mv Cargo.toml Cargo.kept && mv Cargo.now Cargo.toml
        rm -f Cargo.lock
        CARGO_TARGET_DIR=$place/target cargo run --quiet
        mv Cargo.kept Cargo.toml
    done
} | tee seen
diff - seen <<'SEEN'
libpq: 25000 ms
tokio-postgres: 25000000 ms
tokio-postgres, keepalives_idle: 25 s
tokio-postgres: 25000000 ms
tokio-postgres, keepalives_idle: 25 s
SEEN
echo "as described"
