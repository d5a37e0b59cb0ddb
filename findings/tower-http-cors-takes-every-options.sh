#!/usr/bin/env bash
# tower-http: a CorsLayer answers each OPTIONS itself, also where it allows no origin and nothing was asked from a browser.
#
# A good guess: the layer answers preflights, which have `Origin` and `Access-Control-Request-Method`, for the origins
# that were allowed. Other OPTIONS requests reach the router, which answers with `Allow` or with a handler of its own; so
# a layer without origins can stay in a stack and changes nothing.
#
# What happens: the layer looks at the method alone. Every OPTIONS is answered with 200, an empty body and `Vary`, for any path,
# existing or not, with or without those headers; handlers for OPTIONS, fallbacks for other methods and layers inside never run. Without
# origins, the layer has to be left out.
#
# Versions: tower-http 0.7.1, axum 0.8.9, Rust 1.95. Builds for a minute.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
mkdir -p src
cat >Cargo.toml <<'TOML'
[package]
name = "preflight"
edition = "2024"

[dependencies]
axum = { version = "=0.8.9", default-features = false }
tokio = { version = "1", features = ["macros", "rt"] }
tower = { version = "0.5", features = ["util"] }
tower-http = { version = "=0.7.1", features = ["cors"] }
TOML
cat >src/main.rs <<'RUST'
use axum::body::{Body, to_bytes};
use axum::http::Request;
use axum::{Router, routing};
use tower::ServiceExt;
use tower_http::cors::CorsLayer;

async fn ask(router: Router, path: &str) -> String {
    let request = Request::options(path).body(Body::empty()).unwrap();
    let answer = router.oneshot(request).await.unwrap();
    let status = answer.status().as_u16();
    let body = to_bytes(answer.into_body(), 1024).await.unwrap();
    format!("{status} {:?}", String::from_utf8_lossy(&body))
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let plain = Router::new().route("/own", routing::options(|| async { "own answer" }));
    let layered = plain.clone().layer(CorsLayer::new());
    for path in ["/own", "/nowhere"] {
        println!("{path} plain: {}", ask(plain.clone(), path).await);
        println!("{path} layered: {}", ask(layered.clone(), path).await);
    }
}
RUST
cargo run --quiet | tee seen
diff - seen <<'SEEN'
/own plain: 200 "own answer"
/own layered: 200 ""
/nowhere plain: 404 ""
/nowhere layered: 200 ""
SEEN
echo "as described"
