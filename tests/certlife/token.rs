//! `certlife token`: created, shown once, listed, revoked.

use serde_json::Value;

use crate::{Run, Scratch, run};

const NAMED: [&str; 6] = [
    "token",
    "create",
    "--name",
    "our portal",
    "--actor",
    "system:portal",
];

fn create(store: &Scratch, args: &[&str]) -> Run {
    store.run(&[&NAMED, args].concat(), "")
}

/// The id and the token.
fn created(store: &Scratch, args: &[&str]) -> (String, String) {
    let run = create(store, &[&["--json"], args].concat());
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    let json: Value = serde_json::from_str(&run.stdout).unwrap();
    let keys: Vec<_> = json.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["id", "token"]);
    let text = |key: &str| json[key].as_str().unwrap().to_owned();
    (text("id"), text("token"))
}

fn listed(store: &Scratch, args: &[&str]) -> Vec<Value> {
    let run = store.run(&[&["token", "list", "--json"], args].concat(), "");
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    let lines = run.stdout.lines();
    lines.map(|it| serde_json::from_str(it).unwrap()).collect()
}

#[test]
fn a_token_is_printed_once_and_then_listed_without_its_secret() {
    for store in [Scratch::new(), Scratch::on_postgres()] {
        // Given a store that is not there yet
        let of_one = ["--institution", "default", "--role", "submitter"];
        let run = create(&store, &[&of_one[..], &["--expires", "90d"]].concat());
        // Then the token alone stands on standard output
        assert_eq!(run.code, Some(0), "{run:?}");
        let token = run.stdout.strip_suffix('\n').unwrap().to_owned();
        let [prefix, id, secret] = token.split('_').collect::<Vec<_>>()[..] else {
            panic!("{token}");
        };
        assert_eq!((prefix, id.len(), secret.len()), ("clt", 16, 64));
        assert!(run.stderr.contains(&format!(
            "token {id} is not shown again, and is good until "
        )));
        assert!(!run.stderr.contains(secret));
        let (other, bearer) = created(
            &store,
            &["--institution", "*", "--scope", "events:read, actor:any"],
        );
        assert!(bearer.starts_with(&format!("clt_{other}_")));
        // And lists have everything but the secret
        let tokens = listed(&store, &[]);
        assert_eq!(tokens.len(), 2);
        assert_eq!(tokens[0]["id"], id);
        assert_eq!(tokens[0]["name"], "our portal");
        assert_eq!(tokens[0]["institution"], "default");
        assert_eq!(tokens[0]["actor"], "system:portal");
        let scopes = serde_json::json!(["applications:read", "applications:submit"]);
        assert_eq!(tokens[0]["scopes"], scopes);
        let days = |key: &str| -> i64 {
            let at: chrono::DateTime<chrono::Utc> =
                tokens[0][key].as_str().unwrap().parse().unwrap();
            at.timestamp() / 86_400
        };
        assert_eq!(days("expires_at") - days("created_at"), 90);
        assert_eq!(tokens[0]["last_used_at"], Value::Null);
        assert_eq!(tokens[1]["institution"], "*");
        assert_eq!(tokens[1]["expires_at"], Value::Null);
        let scopes = serde_json::json!(["events:read", "actor:any"]);
        assert_eq!(tokens[1]["scopes"], scopes);
        assert_eq!(
            listed(&store, &["--institution", "default"]),
            [tokens[0].clone()]
        );
        assert_eq!(
            listed(&store, &["--institution", "other"]),
            [] as [Value; 0]
        );
        let table = store.run(&["token", "list"], "").stdout;
        assert!(
            table.contains("applications:read, applications:submit"),
            "{table}"
        );
        let lines = serde_json::to_string(&tokens).unwrap();
        for shown in [&table, &lines] {
            assert!(!shown.contains("hash") && !shown.contains("clt_"));
            for secret in [secret, bearer.rsplit('_').next().unwrap()] {
                assert!(!shown.contains(secret));
            }
        }
        // And the store has no secret
        if let Ok(file) = std::fs::read(store.path("test.db")) {
            let text = String::from_utf8_lossy(&file);
            assert!(text.contains(id) && !text.contains(secret));
        }
    }
}

#[test]
fn a_token_is_revoked_once() {
    let store = Scratch::new();
    let (id, token) = created(&store, &["--institution", "*", "--scope", "all"]);
    let run = store.run(&["token", "revoke", &id], "");
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), ""));
    assert_eq!(run.stderr, format!("certlife: token {id} was revoked\n"));
    let run = store.run(&["token", "revoke", &id], "");
    assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""));
    assert_eq!(run.stderr, format!("certlife: there is no token {id}\n"));
    let run = store.run(&["token", "list"], "");
    assert_eq!(
        (run.code, run.stderr.as_str()),
        (Some(0), "certlife: no tokens\n")
    );
    // The whole token is no id, and is not repeated
    let run = store.run(&["token", "revoke", &token], "");
    assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""));
    assert!(
        run.stderr.contains("16 lower-case hexadecimal digits"),
        "{run:?}"
    );
    assert!(!run.stderr.contains(&token[24..]), "{run:?}");
}

#[test]
fn what_a_token_may_do_is_to_be_named_and_known() {
    let store = Scratch::new();
    let bounds = ["--institution", "default"];
    let long = "x".repeat(101);
    for (args, words) in [
        (&[][..], "--role"),
        (
            &["--role", "viewer", "--scope", "all"],
            "cannot be used with",
        ),
        (&["--role", "boss"], "administrator"),
        (&["--scope", "events:write"], "events:read, webhooks:read"),
        (&["--scope", ""], "applications:submit"),
        (&["--scope", "all", "--expires", "soon"], "30m"),
        (
            &["--scope", "all", "--expires", "100000000000days"],
            "duration",
        ),
        (&["--scope", "all", "--expires", "200000000days"], "shorter"),
    ] {
        let run = create(&store, &[&bounds[..], args].concat());
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""), "{args:?}");
        assert!(run.stderr.contains(words), "{args:?}: {run:?}");
    }
    for (args, words) in [
        (
            ["--name", &long, "--institution", "x", "--actor", "system:x"],
            "100 characters",
        ),
        (
            ["--name", "x", "--institution", "", "--actor", "system:x"],
            "64 characters",
        ),
        (
            ["--name", "x", "--institution", "x", "--actor", "jane"],
            "kind:id",
        ),
    ] {
        let args = [&["token", "create", "--role", "viewer"], &args[..]].concat();
        let run = store.run(&args, "");
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""), "{args:?}");
        assert!(run.stderr.contains(words), "{args:?}: {run:?}");
    }
    assert!(!store.path("test.db").exists());
    let star = store.run(&["token", "list", "--institution", "*"], "");
    assert_eq!(star.code, Some(2));
    assert!(star.stderr.contains("listed with all others"), "{star:?}");
    let forgotten = run(&[&NAMED[..], &bounds, &["--scope", "all"]].concat(), "");
    assert_eq!(forgotten.code, Some(2));
    assert!(forgotten.stderr.contains("memory: ends with the command"));
}

#[test]
fn corrupt_tokens_are_reported_beside_the_others() {
    let store = Scratch::new();
    let ids = [0, 1].map(|_| created(&store, &["--institution", "*", "--scope", "all"]).0);
    let connection = rusqlite::Connection::open(store.path("test.db")).unwrap();
    let sql = "UPDATE certlife_token SET scopes = 'future:scope' WHERE id = ?1";
    connection.execute(sql, [&ids[0]]).unwrap();
    let run = store.run(&["token", "list", "--json"], "");
    assert_eq!(run.code, Some(2), "{run:?}");
    assert!(run.stderr.contains(&format!("token {}", ids[0])), "{run:?}");
    assert!(run.stdout.contains(&ids[1]) && run.stdout.lines().count() == 1);
}
