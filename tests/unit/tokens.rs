//! Scopes, roles and bearer tokens.
//!
//! This is a module of `src/store/token/`, since no public item leads to what a store keeps of
//! them.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "it is a test, although a module of the library"
)]

use super::*;
use crate::store::{Actor, TokenName};

/// The table of scopes and roles in the description of the HTTP API, line by line.
const TABLE: [(&str, [bool; 6]); 13] = {
    const X: bool = true;
    const O: bool = false;
    // viewer, reviewer, operator, processor, submitter, administrator
    [
        ("applications:read", [X, X, X, X, X, X]),
        ("applications:submit", [O, O, O, O, X, X]),
        ("applications:upload", [O, O, O, O, O, X]),
        ("applications:decide", [O, X, O, O, O, X]),
        ("applications:retry", [O, X, X, O, O, X]),
        ("applications:process", [O, O, O, X, O, O]),
        ("events:read", [X, O, X, X, O, X]),
        ("webhooks:read", [X, O, X, O, O, X]),
        ("webhooks:write", [O, O, O, O, O, X]),
        ("deliveries:read", [X, O, X, O, O, X]),
        ("deliveries:write", [O, O, X, O, O, X]),
        ("tokens:write", [O, O, O, O, O, X]),
        ("actor:any", [O, O, O, O, O, O]),
    ]
};

#[test]
fn roles_are_those_of_the_table() {
    assert_eq!(Scope::NAMES, TABLE.map(|it| it.0));
    assert_eq!(
        Role::NAMES,
        [
            "viewer",
            "reviewer",
            "operator",
            "processor",
            "submitter",
            "administrator"
        ]
    );
    for (scope, (_, expected)) in Scope::ALL.into_iter().zip(TABLE) {
        let found = Role::ALL.map(|it| it.scopes().contains(scope));
        assert_eq!(found, expected, "{scope}");
    }
}

#[test]
fn sets_of_scopes_are_sets() {
    let two: Scopes = [
        Scope::EventsRead,
        Scope::ApplicationsRead,
        Scope::EventsRead,
    ]
    .into_iter()
    .collect();
    assert_eq!(two.to_string(), "applications:read,events:read");
    assert_eq!(two.iter().count(), 2);
    assert!(two.is_subset(two) && two.is_subset(Scopes::all()) && Scopes::none().is_subset(two));
    assert!(!Scopes::all().is_subset(two) && !Role::Submitter.scopes().is_subset(two));
    assert!(Scopes::none().is_empty() && !two.is_empty());
    assert_eq!(Scope::ALL.into_iter().collect::<Scopes>(), Scopes::all());
    let json = serde_json::to_string(&two).unwrap();
    assert_eq!(json, r#"["applications:read","events:read"]"#);
    assert_eq!(serde_json::from_str::<Scopes>(&json).unwrap(), two);
    assert_eq!(format!("{two:?}"), "{ApplicationsRead, EventsRead}");
}

#[test]
fn lists_of_scopes_are_read_and_others_refused() {
    for (text, scopes) in [
        ("all", Scopes::all()),
        ("events:read", Scopes::none().with(Scope::EventsRead)),
        (
            "actor:any, events:read,actor:any",
            Scopes::none().with(Scope::EventsRead).with(Scope::ActorAny),
        ),
    ] {
        assert_eq!(text.parse::<Scopes>().unwrap(), scopes, "{text}");
        assert_eq!(scopes.to_string().parse::<Scopes>().unwrap(), scopes);
    }
    for text in [
        "",
        ",",
        "all,events:read",
        "events:read,",
        "Events:read",
        "events",
    ] {
        let error = text.parse::<Scopes>().unwrap_err().to_string();
        assert!(error.contains("applications:read, applications:submit"));
    }
}

#[cfg(any(feature = "sqlite", feature = "postgres"))]
#[test]
fn what_is_kept_never_has_the_word_for_all_scopes() {
    assert!(Scopes::from_stored("all").is_err());
    assert!(Scopes::from_stored("future:scope").is_err());
    assert_eq!(Scopes::from_stored("").unwrap(), Scopes::none());
    let all = Scopes::all();
    assert_eq!(Scopes::from_stored(&all.to_string()).unwrap(), all);
}

#[test]
fn bearer_tokens_are_read_strictly() {
    let (id, secret) = TokenSecret::generate().unwrap();
    let (other, another) = TokenSecret::generate().unwrap();
    assert!(id != other && secret.expose() != another.expose());
    let bearer = secret.bearer(id);
    assert_eq!(bearer.len(), 4 + 16 + 1 + 64);
    let (found, same) = TokenSecret::parse_bearer(&bearer).unwrap();
    assert_eq!((found, same.expose()), (id, secret.expose()));
    for wrong in [
        String::new(),
        "clt_".to_owned(),
        "clt__".to_owned(),
        bearer.to_uppercase(),
        bearer.replace("clt_", "cla_"),
        bearer.replace("clt_", ""),
        format!("{bearer} "),
        format!(" {bearer}"),
        format!("{bearer}0"),
        format!("{bearer}_"),
        bearer[..bearer.len() - 1].to_owned(),
        bearer.replace(&id.to_string(), "+000000000000001"),
        format!("clt_{id}_{}é", &secret.expose()[2..]),
        format!("clt_{}_{id}", secret.expose()),
    ] {
        assert!(TokenSecret::parse_bearer(&wrong).is_none(), "{wrong}");
    }
}

fn token(id: TokenId, hash: [u8; 32]) -> Token {
    let name = TokenName::new("our portal").unwrap();
    let actor = Actor::administrator("jane").unwrap();
    Token::new(id, hash, name, None, actor, DateTime::UNIX_EPOCH)
}

#[test]
fn no_secret_and_no_hash_is_shown() {
    let bearer = format!("clt_00000000000000ff_{}", "0123456789abcdef".repeat(4));
    let (id, secret) = TokenSecret::parse_bearer(&bearer).unwrap();
    let token = token(id, [0xab; 32]);
    let json = serde_json::to_string(&token).unwrap();
    assert_eq!(
        json,
        format!(
            r#"{{"id":"{id}","name":"our portal","institution":"*","actor":"administrator:jane","scopes":[],"created_at":"1970-01-01T00:00:00Z","expires_at":null,"last_used_at":null}}"#
        )
    );
    let shown = format!("{token:?} {token:#?} {secret:?} {json}");
    assert!(shown.contains("TokenId(00000000000000ff)"), "{shown}");
    for hidden in ["171", "0xab", "abab", "secret_hash", &secret.expose()] {
        assert!(!shown.contains(hidden), "{hidden}: {shown}");
    }
}

#[test]
fn a_token_expires_at_its_time() {
    let (id, _) = TokenSecret::generate().unwrap();
    let (start, minute) = (DateTime::UNIX_EPOCH, chrono::TimeDelta::minutes(1));
    assert!(!token(id, [0; 32]).is_expired(DateTime::<Utc>::MAX_UTC));
    let expiring = token(id, [0; 32]).with_expires_at(Some(start + minute));
    assert!(!expiring.is_expired(start));
    assert!(expiring.is_expired(start + minute));
}

#[cfg(feature = "verify")]
#[test]
fn a_secret_matches_its_token_alone() {
    let secret = "0123456789abcdef".repeat(4);
    let (id, secret) =
        TokenSecret::parse_bearer(&format!("clt_00000000000000ff_{secret}")).unwrap();
    // As `printf %s "$SECRET" | xxd -r -p | sha256sum` has it
    let expected = "4884fdaafea47c29fea7159d0daddd9c085d6200e1359e85bb81736af6b7c837";
    assert_eq!(hex::hex(&secret.hash()), expected);
    let (_, other) = TokenSecret::generate().unwrap();
    let token = token(id, secret.hash());
    assert!(secret.matches(&token));
    assert!(!other.matches(&token));
    for bit in 0..256 {
        let mut near = token.clone();
        near.secret_hash[bit / 8] ^= 1 << (bit % 8);
        assert!(!secret.matches(&near), "{bit}");
    }
}
