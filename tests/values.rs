//! The value types: what they take, what they refuse, and what they say (CONTRACT.md, "Events").

use certificate_lifecycle::{
    Action, ApplicantEmail, ApplicationId, CertificateTitle, Command, EventKind, InvalidValue,
    ProcessingError, RejectionReason, Source, Status, Timestamp, TriggerContext, VaultUpload,
    Violation,
};
use chrono::{DateTime, TimeDelta, Utc};

fn message<T: std::fmt::Debug>(refused: Result<T, InvalidValue>) -> String {
    refused.unwrap_err().to_string()
}

#[test]
fn texts_hold_1_to_their_limit_in_characters_not_bytes() {
    let e_acute = |count| "é".repeat(count);
    assert!(CertificateTitle::new("x").is_ok());
    assert!(CertificateTitle::new(e_acute(255)).is_ok());
    assert_eq!(
        message(CertificateTitle::new(e_acute(256))),
        "certificate_title must have 1 to 255 characters, but has 256"
    );
    assert_eq!(
        message(CertificateTitle::new("")),
        "certificate_title must have 1 to 255 characters, but has 0"
    );
    assert!(RejectionReason::new("🎓".repeat(1000)).is_ok());
    assert_eq!(
        RejectionReason::new("🎓".repeat(1001)).unwrap_err(),
        InvalidValue {
            field: "rejection_reason",
            violation: Violation::Length {
                max: 1000,
                length: 1001
            }
        }
    );
    assert!(ProcessingError::new("x".repeat(1000)).is_ok());
    assert_eq!(
        message(ProcessingError::new("x".repeat(1001))),
        "error must have 1 to 1000 characters, but has 1001"
    );
}

#[test]
fn texts_are_not_only_white_space_but_any_text_otherwise() {
    for blank in [" ", "\t\n", "\u{a0}\u{2003}\u{3000}", "\u{85}"] {
        assert_eq!(
            message(CertificateTitle::new(blank)),
            format!("certificate_title must not be only white space, but is {blank:?}")
        );
        assert!(RejectionReason::new(blank).is_err());
        assert!(ProcessingError::new(blank).is_err());
    }
    for text in [
        " x ",
        "\0",
        "\u{7f}",
        "a\u{2028}b",
        "\"\\/",
        "\u{feff}",
        "a\nb",
        "\u{200b}",
    ] {
        assert_eq!(CertificateTitle::new(text).unwrap().as_str(), text);
    }
}

#[test]
fn a_long_refused_value_is_shortened() {
    let blank = " ".repeat(200);
    let quoted = " ".repeat(48);
    assert_eq!(
        message(CertificateTitle::new(blank)),
        format!(
            "certificate_title must not be only white space, but is \"{quoted}… (200 characters)\""
        )
    );
    // Exactly as long as an error quotes: nothing is cut.
    let said = message(CertificateTitle::new(" ".repeat(48)));
    assert!(said.ends_with(&format!("{:?}", " ".repeat(48))), "{said}");
}

#[test]
fn what_is_personal_is_in_no_error_and_in_no_debug() {
    let marked = "Xanthippe";
    let control = format!("{marked}\u{7}");
    let long = marked.repeat(200);
    for said in [
        message(ApplicantEmail::new(marked)),
        message(ApplicantEmail::new(&long)),
        message(CertificateTitle::new(&long)),
        message(RejectionReason::new(&long)),
        message(ProcessingError::new(&long)),
        Command::new(Action::Approve, Some(marked))
            .unwrap_err()
            .to_string(),
        format!("{:?}", Command::new(Action::Approve, Some(marked))),
        format!("{:?}", Command::new(Action::Reject, Some(marked))),
        format!("{:?}", Command::new(Action::Fail, Some(marked))),
        format!("{:?}", CertificateTitle::new(marked)),
        format!("{:?}", ApplicantEmail::new(format!("{marked}@example.com"))),
        format!("{:?}", ApplicantEmail::new(&control)),
    ] {
        assert!(!said.contains(marked), "{said}");
    }
}

const NO_ADDRESSES: [&str; 29] = [
    "john",
    "john@",
    "@example.com",
    "john@@example.com",
    "john doe@example.com",
    "john@example..com",
    ".john@example.com",
    "john.@example.com",
    "john@-example.com",
    "john@example.com ",
    " john@example.com",
    "john@exam ple.com",
    "john\n@example.com",
    "John <john@example.com>",
    " <john@example.com>",
    "<john@example.com>",
    "john@example.com, jane@example.com",
    "john@[]",
    "john@[example]",
    "john@[300.0.0.1]",
    "john@[IPv6:x]",
    "john@[192.0.2.1",
    "john@exa_mple.com",
    "john@b|c",
    "john@b?c.com",
    "john@b/c",
    "john@b%c.com",
    "john@+",
    "john@example-.com",
];

#[test]
fn addresses_are_addresses_and_nothing_else() {
    let longest = format!(
        "{}@{}.{}.{}",
        "l".repeat(64),
        "a".repeat(63),
        "b".repeat(63),
        "c".repeat(62)
    );
    assert_eq!(longest.len(), 255);
    for valid in [
        "john@example.com",
        "john.o'neil+tag@mail.example.co.uk",
        "\"john doe\"@example.com",
        "jörg@exämple.de",
        "x@localhost",
        "x@[192.0.2.1]",
        "x@[IPv6:2001:db8::1]",
        "x@1.example",
        "\"a <b\"@example.com",
        &longest,
    ] {
        assert_eq!(ApplicantEmail::new(valid).unwrap().as_str(), valid);
    }
    for invalid in NO_ADDRESSES {
        let refused = ApplicantEmail::new(invalid).unwrap_err();
        assert_eq!(refused.field, "applicant_email");
        assert!(
            matches!(refused.violation, Violation::NotAnAddress { .. }),
            "{invalid}: {refused}"
        );
    }
    assert_eq!(
        message(ApplicantEmail::new("x".repeat(256))),
        "applicant_email must have 1 to 255 characters, but has 256"
    );
    assert_eq!(
        message(ApplicantEmail::new("")),
        "applicant_email must have 1 to 255 characters, but has 0"
    );
    assert_eq!(
        message(ApplicantEmail::new("john")),
        "applicant_email must be a valid e-mail address such as john@example.com, \
         but it has no @"
    );
    assert_eq!(
        ApplicantEmail::new("john").unwrap_err().without_value(),
        "applicant_email must be a valid e-mail address such as john@example.com"
    );
}

#[test]
fn what_is_wrong_with_an_address_is_reported() {
    let long = |character: &str| format!("{0}@{0}.example", character.repeat(65));
    let label = format!("john@{}.example", "l".repeat(64));
    // All of these are our own words: those of `email_address` change with its versions.
    for (address, reason) in [
        ("john", "it has no @"),
        ("@example.com", "nothing stands before the @"),
        (&long("l"), "the part before the @ has more than 64 bytes"),
        (&long("é"), "the part before the @ has more than 64 bytes"),
        ("john@@example.com", "it has more than one @"),
        (
            ".john@example.com",
            "a dot before the @ stands at an end, or beside another",
        ),
        (
            "john doe@example.com",
            "the part before the @ has a character that may not stand there",
        ),
        (
            "\"jo\"hn\"@example.com",
            "the part before the @ has a character that may not stand there",
        ),
        (
            "John <john@example.com>",
            "an address has no display name and no angle brackets",
        ),
        (
            " <john@example.com>",
            "an address has no display name and no angle brackets",
        ),
        (
            "<john@example.com>",
            "an address has no display name and no angle brackets",
        ),
        (" john@example.com", "it begins or ends with white space"),
        ("john@example.com\n", "it begins or ends with white space"),
        ("john@", "nothing stands after the @"),
        (
            "john@example..com",
            "a dot after the @ stands at an end, or beside another",
        ),
        (&label, "a label of the domain has more than 63 bytes"),
        (
            "john@example-.com",
            "a label of the domain begins or ends with a hyphen",
        ),
        (
            "john@b|c",
            "a domain has letters, digits and hyphens, or is an IP address in brackets",
        ),
        (
            "john@[300.0.0.1]",
            "a domain has letters, digits and hyphens, or is an IP address in brackets",
        ),
    ] {
        let reason = format!(", but {reason}");
        let said = message(ApplicantEmail::new(address));
        assert!(said.ends_with(&reason), "{said}");
    }
}

#[test]
fn application_ids_are_1_to_2_to_the_53_minus_1() {
    assert_eq!(ApplicationId::new(1).unwrap().get(), 1);
    assert_eq!(ApplicationId::MAX, 9_007_199_254_740_991);
    assert!(ApplicationId::new(ApplicationId::MAX).is_ok());
    for refused in [0, ApplicationId::MAX + 1, u64::MAX] {
        assert_eq!(
            message(ApplicationId::new(refused)),
            format!(
                "application_id must be an integer from 1 to 9007199254740991, but is {refused}"
            )
        );
    }
    assert_eq!(ApplicationId::try_from(7).unwrap().to_string(), "7");
    assert_eq!(u64::from(ApplicationId::new(7).unwrap()), 7);
}

#[test]
fn serde_goes_through_the_constructors() {
    let title: CertificateTitle = serde_json::from_str(r#""A \"B\"""#).unwrap();
    assert_eq!(title.as_str(), "A \"B\"");
    assert_eq!(serde_json::to_string(&title).unwrap(), r#""A \"B\"""#);
    let refusal = |result: Result<(), serde_json::Error>| result.unwrap_err().to_string();
    let said = refusal(serde_json::from_str::<CertificateTitle>("\"\"").map(drop));
    assert!(said.starts_with("certificate_title must have 1 to 255 characters, but has 0"));
    assert!(serde_json::from_str::<ApplicantEmail>("\"john\"").is_err());
    assert!(serde_json::from_str::<RejectionReason>("\" \"").is_err());
    assert!(serde_json::from_str::<ProcessingError>("5").is_err());
    assert!(serde_json::from_str::<ApplicationId>("0").is_err());
    for (json, found) in [
        ("-1", "integer `-1`"),
        // How it writes the number depends on the version of serde.
        ("42.0", "floating point `42"),
        ("\"42\"", "string \"42\""),
    ] {
        let said = refusal(serde_json::from_str::<ApplicationId>(json).map(drop));
        assert!(said.contains(found), "{said}");
        let rule = "expected application_id, an integer from 1 to 9007199254740991";
        assert!(said.contains(rule), "{said}");
    }
    let id: ApplicationId = serde_json::from_str("42").unwrap();
    assert_eq!(serde_json::to_string(&id).unwrap(), "42");
    assert_eq!("x".parse::<CertificateTitle>().unwrap().to_string(), "x");
    assert!(CertificateTitle::try_from(String::new()).is_err());
    assert_eq!(title.as_ref(), title.as_str());
}

#[test]
fn names_are_read_and_written_alike_and_unknown_ones_say_what_is_known() {
    for source in Source::ALL.iter().copied() {
        assert_eq!(source.to_string().parse(), Ok(source));
        let json = format!("\"{source}\"");
        assert_eq!(serde_json::to_string(&source).unwrap(), json);
        assert_eq!(serde_json::from_str::<Source>(&json).unwrap(), source);
    }
    assert_eq!(Source::NAMES, ["vault", "customer"]);
    assert_eq!(
        TriggerContext::NAMES,
        ["single_upload", "bulk_upload", "customer_submission"]
    );
    assert_eq!(
        Status::NAMES,
        [
            "created",
            "processing",
            "approved",
            "rejected",
            "failed",
            "retried"
        ]
    );
    assert_eq!(EventKind::NAMES, Status::NAMES);
    assert_eq!(
        "Vault".parse::<Source>().unwrap_err().to_string(),
        "unknown source \"Vault\"; expected one of: vault, customer"
    );
    assert!(serde_json::from_str::<Status>("\"done\"").is_err());
}

fn moment(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

#[test]
fn a_command_is_made_of_an_action_and_its_text() {
    for action in Action::ALL.iter().copied() {
        let text = match action {
            Action::Reject | Action::Fail => Some("x"),
            Action::BeginProcessing | Action::Approve | Action::Retry => None,
        };
        assert_eq!(Command::new(action, text).unwrap().action(), action);
        let other = text.xor(Some("x"));
        assert!(Command::new(action, other).is_err());
    }
    let reason = RejectionReason::new("x").unwrap();
    assert_eq!(
        Command::new(Action::Reject, Some("x")),
        Ok(Command::Reject(reason))
    );
    let said = |action, text| Command::new(action, text).unwrap_err().to_string();
    assert_eq!(
        said(Action::Reject, None),
        "reject needs rejection_reason, but there is none"
    );
    assert_eq!(
        said(Action::Fail, Some("")),
        "error must have 1 to 1000 characters, but has 0"
    );
    assert_eq!(
        said(Action::Approve, Some("x")),
        "approve takes no text, but there is one"
    );
}

#[test]
fn a_text_is_taken_from_any_kind_of_string() {
    let owned = "x".repeat(255);
    let expected = CertificateTitle::new(owned.as_str());
    assert_eq!(CertificateTitle::new(&owned), expected);
    assert_eq!(
        CertificateTitle::new(std::borrow::Cow::from(&owned)),
        expected
    );
    assert_eq!(
        CertificateTitle::new(Box::<str>::from(owned.as_str())),
        expected
    );
    assert_eq!(RejectionReason::new(&owned).unwrap().as_str(), owned);
    assert_eq!(CertificateTitle::new(owned), expected);
}

#[test]
fn an_upload_is_two_of_the_three_trigger_contexts() {
    for context in TriggerContext::ALL.iter().copied() {
        match VaultUpload::try_from(context) {
            Ok(upload) => assert_eq!(TriggerContext::from(upload), context),
            Err(other) => assert_eq!(other, TriggerContext::CustomerSubmission),
        }
    }
}

#[test]
fn timestamps_are_cut_to_the_second_that_they_lie_in() {
    for (given, wire) in [
        ("2026-06-04T10:30:00Z", "2026-06-04T10:30:00Z"),
        ("2026-06-04T10:30:00.999999999Z", "2026-06-04T10:30:00Z"),
        ("2026-06-04T12:30:00+02:00", "2026-06-04T10:30:00Z"),
        ("1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59Z"),
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59Z"),
        ("0000-01-01T00:00:00Z", "0000-01-01T00:00:00Z"),
        ("9999-12-31T23:59:59.9Z", "9999-12-31T23:59:59Z"),
    ] {
        let timestamp = Timestamp::new(moment(given)).unwrap();
        assert_eq!(timestamp.to_string(), wire);
        assert_eq!(Timestamp::from_wire(wire), Ok(timestamp));
        assert_eq!(Timestamp::saturating(moment(given)), timestamp);
        assert_eq!(DateTime::<Utc>::from(timestamp), moment(wire));
    }
}

#[test]
fn timestamps_outside_the_years_of_rfc_3339_are_refused_or_saturate() {
    let before = DateTime::<Utc>::from(Timestamp::MIN) - TimeDelta::nanoseconds(1);
    let after = DateTime::<Utc>::from(Timestamp::MAX) + TimeDelta::seconds(1);
    assert_eq!(
        message(Timestamp::new(before)),
        "timestamp must lie in the years 0000 to 9999 in UTC, but lies in the year -1"
    );
    assert!(message(Timestamp::new(after)).ends_with("the year 10000"));
    assert_eq!(Timestamp::saturating(before), Timestamp::MIN);
    assert_eq!(
        Timestamp::saturating(DateTime::<Utc>::MIN_UTC),
        Timestamp::MIN
    );
    assert_eq!(Timestamp::saturating(after), Timestamp::MAX);
    assert_eq!(
        Timestamp::saturating(DateTime::<Utc>::MAX_UTC),
        Timestamp::MAX
    );
    assert_eq!(Timestamp::MIN.to_string(), "0000-01-01T00:00:00Z");
    assert_eq!(Timestamp::MAX.to_string(), "9999-12-31T23:59:59Z");
}

#[test]
fn timestamps_on_the_wire_have_one_form() {
    assert!(Timestamp::from_wire("2024-02-29T00:00:00Z").is_ok());
    for refused in [
        "",
        "2026-06-04",
        "2026-06-04T10:30:00",
        "2026-06-04T10:30:00z",
        "2026-06-04t10:30:00Z",
        "2026-06-04 10:30:00Z",
        "2026-06-04T10:30:00.0Z",
        "2026-06-04T10:30:00+00:00",
        "2026/06/04T10:30:00Z",
        "2026-06/04T10:30:00Z",
        "2026-06-04T10.30:00Z",
        "2026-06-04T10:30.00Z",
        "2026-06-04T24:00:00Z",
        "2026-06-04T10:60:00Z",
        "2016-12-31T23:59:60Z",
        "2025-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "202x-06-04T10:30:00Z",
        "20x6-06-04T10:30:00Z",
        "+026-06-04T10:30:00Z",
        "2026-06-04T1x:30:00Z",
        "2026-06-04Tx0:30:00Z",
        "２０２６-06-04T10:30:00Z",
    ] {
        assert_eq!(
            message(Timestamp::from_wire(refused)),
            format!(
                "timestamp must be a UTC time in whole seconds such as 2026-06-04T10:30:00Z, \
                 but is {refused:?}"
            )
        );
    }
}
