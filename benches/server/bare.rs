//! The peer: an axum handler that answers the same bytes, and does nothing.

use axum::Router;
use axum::body::Bytes;
use axum::http::header;
use axum::routing::get;

/// Serves the answer at every path, and prints the address; until the process is ended.
pub async fn serve(answer: String) {
    let answer = Bytes::from(answer);
    let handler = move || async move {
        let headers = [
            (header::CONTENT_TYPE, "application/json"),
            (header::ETAG, "\"1\""),
        ];
        (headers, answer)
    };
    let every = get(handler.clone()).post(handler);
    let router = Router::new().route("/{*rest}", every);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("http://{}", listener.local_addr().unwrap());
    axum::serve(listener, router).await.unwrap();
}
