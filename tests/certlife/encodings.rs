//! Input in another encoding than UTF-8, as editors and shells save it.

use crate::{Scratch, run_to_end};

type Encoding = (&'static str, fn(&str) -> Vec<u8>);

/// With its byte order mark, and as JSON is known without one.
const ENCODINGS: [Encoding; 5] = [
    ("UTF-16", |text| {
        utf_16(&format!("\u{feff}{text}"), u16::to_le_bytes)
    }),
    ("UTF-16", |text| {
        utf_16(&format!("\u{feff}{text}"), u16::to_be_bytes)
    }),
    ("UTF-16", |text| utf_16(text, u16::to_le_bytes)),
    ("UTF-16", |text| utf_16(text, u16::to_be_bytes)),
    ("UTF-32", |text| {
        let text = format!("\u{feff}{text}");
        text.chars()
            .flat_map(|it| u32::from(it).to_le_bytes())
            .collect()
    }),
];

fn utf_16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(bytes).collect()
}

#[test]
fn what_is_not_utf_8_is_reported_once_and_changes_nothing() {
    let lines = "{\"command\":\"submit\"}\r\n".repeat(50);
    for (encoding, encode) in ENCODINGS {
        let reported =
            format!("it begins as {encoding} does, and must be UTF-8; save the file in UTF-8\n");
        for command in ["apply", "validate"] {
            let store = Scratch::new();
            std::fs::write(store.path("lines"), encode(&lines)).unwrap();
            let run = store.run(&[command, "lines"], "");
            assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""));
            assert_eq!(run.stderr, format!("certlife: lines: {reported}"));
            assert!(!store.path("test.db").exists());
            let run = run_to_end(&mut store.certlife(&[command]), encode(&lines));
            assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""));
            assert_eq!(run.stderr, format!("certlife: standard input: {reported}"));
        }
        let store = Scratch::new();
        std::fs::write(store.path("headers"), encode("webhook-id: a\n")).unwrap();
        std::fs::write(store.path("body"), "{}").unwrap();
        let args = ["verify", "--headers", "headers", "body"];
        let mut verify = store.certlife(&args);
        verify.env("CERTLIFE_WEBHOOK_SECRET", crate::verify::SECRET);
        let run = run_to_end(&mut verify, "");
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""));
        assert_eq!(run.stderr, format!("certlife: headers: {reported}"));
    }
}

#[test]
fn a_byte_order_mark_of_utf_8_and_a_zero_within_are_no_other_encoding() {
    let store = Scratch::new();
    for (input, code) in [
        ("", 0),
        ("\n", 0),
        ("\u{feff}", 0),
        ("\u{feff}\n\n", 0),
        ("{}\0", 1),
    ] {
        std::fs::write(store.path("lines"), input).unwrap();
        let run = store.run(&["apply", "lines"], "");
        assert_eq!(run.code, Some(code), "{input:?}: {}", run.stderr);
    }
}
