//! Connections that are encrypted, to a server that is who it says.

use certificate_lifecycle::store::{PostgresStore, StoreError};

use crate::server::{Server, client};

/// How many of the store's connections are encrypted, and how many are not.
async fn connections(url: &str) -> (i64, i64) {
    let row = client(url)
        .await
        .query_one(
            "SELECT count(*) FILTER (WHERE ssl), count(*) FILTER (WHERE NOT ssl) \
             FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
             WHERE application_name = 'certificate-lifecycle'",
            &[],
        )
        .await
        .unwrap();
    (row.get(0), row.get(1))
}

async fn refusal(url: &str) -> String {
    let error = PostgresStore::connect(url).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error}");
    error.to_string()
}

async fn misconfigured(url: &str) -> String {
    let error = PostgresStore::connect(url).await.unwrap_err();
    assert!(matches!(error, StoreError::Misconfigured { .. }), "{error}");
    error.to_string()
}

#[tokio::test]
async fn where_it_is_asked_for_the_connection_is_encrypted_and_the_server_verified() {
    let issued = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let pem = issued.cert.pem();
    let (_server, url) = Server::start_with_tls(&pem, &issued.signing_key.serialize_pem());
    let folder = tempfile::tempdir().unwrap();
    let authorities = folder.path().join("100% sure");
    std::fs::create_dir(&authorities).unwrap();
    std::fs::write(authorities.join("authority.pem"), pem).unwrap();
    // Written as all of a URL is.
    let authority = format!("{}/100%25%20sure/authority%2Epem", folder.path().display());

    // Asked for, with the authority that vouches for the server.
    for mode in ["require", "verify-ca", "verify-full"] {
        let secure = format!("{url}?sslmode={mode}&sslrootcert={authority}");
        let store = PostgresStore::connect(&secure).await.unwrap();
        let (encrypted, plain) = connections(&url).await;
        assert!(encrypted > 0);
        assert_eq!(plain, 0);
        drop(store);
    }

    // No authority vouches for it.
    let message = refusal(&format!("{url}?sslmode=require")).await;
    assert!(message.contains("certificate"), "{message}");
    // It is vouched for under another name.
    let other_name = url.replace("localhost", "127.0.0.1");
    let message = refusal(&format!(
        "{other_name}?sslmode=require&sslrootcert={authority}"
    ))
    .await;
    assert!(message.contains("certificate"), "{message}");
    // There is no such file, or no certificate in it.
    let message = misconfigured(&format!("{url}?sslmode=require&sslrootcert=/nowhere.pem")).await;
    assert!(message.contains("/nowhere.pem"), "{message}");
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    let url_of_empty = format!("{url}?sslmode=require&sslrootcert={}", empty.display());
    let message = misconfigured(&url_of_empty).await;
    assert!(message.contains("there are none"), "{message}");

    // Not asked for.
    let _store = PostgresStore::connect(&url).await.unwrap();
    let (_, plain) = connections(&url).await;
    assert!(plain > 0);
}
