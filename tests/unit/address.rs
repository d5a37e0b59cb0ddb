//! The short way to see that a text is an e-mail address, beside the grammars.
//!
//! This is a module of `src/lifecycle/address.rs`: no public item leads to what it tests.

use proptest::prelude::*;

use super::*;

#[test]
fn usual_addresses_are_plain() {
    for address in [
        "john@example.com",
        "applicant123456@example.com",
        "First.Last+diploma@students.example-university.ac.uk",
        "a@b.c",
        "_x-1@1.example",
    ] {
        assert!(is_plain(address), "{address}");
    }
}

#[test]
fn others_are_left_to_the_grammars() {
    let long = format!("{}@example.com", "a".repeat(65));
    let far = format!("john@{}.com", "a".repeat(60));
    for text in [
        "",
        "@",
        "john",
        "john@",
        "@example.com",
        "john@example",
        "john@@example.com",
        ".john@example.com",
        "john.@example.com",
        "jo..hn@example.com",
        "john@.example.com",
        "john@example.com.",
        "john@example..com",
        "john@-example.com",
        "john@example-.com",
        "john@exam_ple.com",
        "john@[192.0.2.1]",
        "\"john\"@example.com",
        "jürgen@example.com",
        "john@exämple.com",
        "john @example.com",
        &long,
        &far,
    ] {
        assert!(!is_plain(text), "{text}");
    }
    assert_eq!(check(&far), Ok(()));
}

/// Texts of the characters that decide, most of them near to an address.
fn texts() -> impl Strategy<Value = String> {
    let part = "[aZ09._+-]{0,66}|[aZ09._+@ \"ü-]{0,8}|[a0]{1,8}([.+_-][a0]{1,4}){0,3}";
    let domain = "([aZ09-]{1,22}[.]){0,4}[aZ09-]{0,22}|[aZ09._@-]{0,12}|[a0]{60,64}[.]a";
    (part, domain).prop_map(|(local, domain)| format!("{local}@{domain}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn what_is_plain_is_an_address_by_the_grammars(text in texts()) {
        if is_plain(&text) {
            prop_assert_eq!(check_by_grammar(&text), Ok(()));
        }
    }
}
