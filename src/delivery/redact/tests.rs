//! What is taken out, and what stays.

use super::{ELLIPSIS, Found, LONGEST_ERROR, Response, shortened, whole};

fn without(text: &str, what: &str) -> String {
    without_all(text, &[what])
}

fn without_all(text: &str, what: &[&str]) -> String {
    let mut places = Found::of(text);
    for what in what {
        places.find(what);
    }
    shortened(places.taken_out(text), Response::EXCERPT, "")
}

#[test]
fn an_error_is_cut_between_letters_and_says_so() {
    for (length, text) in [(512, "é".repeat(256)), (512, "e".repeat(512))] {
        assert_eq!(shortened(text.clone(), LONGEST_ERROR, ELLIPSIS), text);
        assert_eq!(text.len(), length);
    }
    let cut = shortened("é".repeat(257), LONGEST_ERROR, ELLIPSIS);
    assert_eq!(cut, format!("{}…", "é".repeat(254)));
    let cut = shortened("e".repeat(5000), LONGEST_ERROR, ELLIPSIS);
    assert_eq!(cut, format!("{}…", "e".repeat(509)));
}

#[test]
fn it_grows_no_longer_than_an_excerpt() {
    let text = without_all(&"eee".repeat(1365), &["eee", "eee"]);
    assert_eq!(text, "[redacted]");
    let text = without_all(&"é eee ".repeat(580), &["eee", "acted", "redacted"]);
    assert!(text.starts_with("é [redacted] é [redacted] "), "{text}");
    assert!((4090..=Response::EXCERPT).contains(&text.len()));
    assert_eq!(without_all("abcdefghi", &["bcdef", "efg"]), "a[redacted]hi");
    assert_eq!(
        without_all("abcdefghijkl", &["def", "abc", "jkl"]),
        "[redacted]ghi[redacted]"
    );
}

#[test]
fn what_is_shorter_than_words_leaves_them_whole() {
    assert_eq!(
        without_all("status 400", &["t", "T", "at", ""]),
        "status 400"
    );
    assert_eq!(without("an MBA, please", "MBA"), "an [redacted], please");
}

#[test]
fn what_is_cut_within_a_letter_is_taken_out_as_well() {
    for title in ["Jos titlé", "文凭文凭文凭", "grad 🎓🎓"] {
        for end in 5..title.len() {
            let cut = whole(title.as_bytes().get(..end).unwrap_or_default());
            let shown = without(&String::from_utf8_lossy(cut), title);
            assert!(cut.len() < 4 || shown == "[redacted]", "{end}: {shown}");
            assert!(end - cut.len() < 4);
        }
    }
    for all in [&b"whole"[..], b"no letter: \xff", b"nor this: \xe6\x96x"] {
        assert_eq!(whole(all), all);
    }
    assert_eq!(whole(b""), b"");
}

#[test]
fn nothing_of_it_is_left() {
    let mail = "john@example.com";
    assert_eq!(
        without("no john@example.com, john@example.com", mail),
        "no [redacted], [redacted]"
    );
    assert_eq!(without("cut off: john@exam", mail), "cut off: [redacted]");
    assert_eq!(without("harmless: jo", mail), "harmless: jo");
    assert_eq!(
        without(r#"{"t":"say \"hi\""}"#, r#"say "hi""#),
        r#"{"t":"[redacted]"}"#
    );
    assert_eq!(without("äöüäö", "äöüä"), "[redacted]");
    assert_eq!(without("unchanged", ""), "unchanged");
    assert_eq!(without("JOHN@Example.com", mail), "[redacted]");
    assert_eq!(without("to=john%40example.com&", mail), "to=[redacted]&");
    assert_eq!(
        without(r"J\u00f6rg, J\u00F6rg", "Jörg"),
        "[redacted], [redacted]"
    );
    assert_eq!(without(r"a\/b\/c", "a/b/c"), "[redacted]");
}

#[test]
fn nothing_of_it_is_left_whatever_it_is_escaped_for() {
    let title = r#"R&D <"Jörg's" 1+1> 🎓"#;
    for escaped in [
        "R&amp;D &lt;&quot;Jörg&#39;s&quot; 1+1&gt; 🎓",
        "R&#38;D &#x3C;&#34;J&#246;rg&#x27;s&quot; 1&#43;1&#x3e; &#x1f393;",
        "R&amp;D &lt;&quot;Jörg&apos;s&quot; 1+1&gt; &#127891;",
        r#"R&D <\"Jörg's\" 1+1> 🎓"#,
        r"R\u0026D \u003C\u0022J\u00F6rg\u0027s\u0022 1\u002B1\u003E \uD83C\uDF93",
        r"r\u0026d \u003c\u0022j\u00f6rg\u0027s\u0022 1\u002b1\u003e \ud83c\udf93",
        r#"R\x26D <\"J\xf6rg\'s\" 1+1> 🎓"#,
        "R%26D%20%3C%22J%C3%B6rg%27s%22%201%2B1%3E%20%F0%9F%8E%93",
        "R%26D+%3C%22J%c3%b6rg's%22+1%2b1%3e+%f0%9f%8e%93",
        // By more than one hand.
        r#"R&amp;D \u003c\"J%C3%B6rg&#39;s\" 1+1> 🎓"#,
    ] {
        let text = without(&format!("<{escaped}>"), title);
        assert_eq!(text, "<[redacted]>", "{escaped}");
        // Also where it is cut short, even within an escape.
        for end in (0..escaped.len()).filter(|it| escaped.is_char_boundary(*it)) {
            let cut = escaped.get(..end).unwrap_or_default();
            let text = without(&format!("<{cut}"), title);
            let is_reported = cut.contains("rg") || cut.contains("RG");
            assert!(!is_reported || text == "<[redacted]", "{cut}: {text}");
        }
    }
    // What is no escape stays what it is.
    for harmless in [
        r"100 % & \ more",
        "&bogus; %zz \\u12",
        "1 + 1",
        "&#xffffff;",
        "%ff%fe",
    ] {
        assert_eq!(without(harmless, title), harmless);
        assert_eq!(without(harmless, harmless), "[redacted]");
    }
}

/// What receivers make of a text, each in its way.
fn escaped(text: &str) -> Vec<(&'static str, String)> {
    let json = serde_json::json!(text).to_string();
    let json = json.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
    let json = json.unwrap_or_default();
    let escape = |it: char, how: &dyn Fn(char) -> String| match it {
        'a'..='z' | 'A'..='Z' | '0'..='9' | ' ' => it.to_string(),
        _ => how(it),
    };
    let each = |how: &dyn Fn(char) -> String| -> String {
        text.chars().map(|it| escape(it, how)).collect()
    };
    let units = |it: char| -> String {
        let mut units = [0; 2];
        let units = it.encode_utf16(&mut units).iter();
        let units: Vec<_> = units.map(|it| format!("\\u{it:04X}")).collect();
        units.concat()
    };
    let bytes = |it: char, prefix: &str| -> String {
        let mut bytes = [0; 4];
        let bytes = it.encode_utf8(&mut bytes).bytes();
        let bytes: Vec<_> = bytes.map(|it| format!("{prefix}{it:02x}")).collect();
        bytes.concat()
    };
    vec![
        ("JSON", json.to_owned()),
        ("JSON, slashes", json.replace('/', "\\/")),
        ("JSON in ASCII", each(&units)),
        ("Rust", each(&|it| it.escape_unicode().to_string())),
        ("Python", each(&|it| format!("\\U{:08x}", u32::from(it)))),
        ("bytes in Python", each(&|it| bytes(it, "\\x"))),
        ("HTML", each(&|it| format!("&#{};", u32::from(it)))),
        ("a URL", each(&|it| bytes(it, "%"))),
        ("a form", each(&|it| bytes(it, "%")).replace(' ', "+")),
    ]
}

const TITLES: [&str; 7] = [
    r#"Say "hi", Jörg"#,
    "A title\nof two lines",
    "Back\\slash \\n and /",
    "100%25 R&amp;D + more",
    r#""quoted""#,
    "Diplôme 🎓 d'été",
    r"ends with \",
];

#[test]
fn nothing_of_it_is_left_however_often_it_is_escaped() {
    for title in TITLES {
        let mut texts = vec![(String::new(), title.to_owned())];
        for _ in 0..3 {
            let more = texts.iter().flat_map(|(by, text)| {
                let escaped = escaped(text).into_iter();
                escaped.map(move |(name, it)| (format!("{by} {name}"), it))
            });
            let more: Vec<_> = more.collect();
            for (by, text) in &more {
                let left = without(&format!("<{text}>"), title);
                let mut words = title.split(|it: char| !it.is_ascii_alphanumeric());
                let is_left = words.any(|it| it.len() >= 3 && left.contains(it));
                assert!(!is_left, "{title}, {by}: {text}: {left}");
            }
            texts = more;
        }
    }
}

#[test]
fn a_body_that_is_repeated_inside_of_json_keeps_nothing_of_it() {
    let mut body = serde_json::json!({ "certificate_title": TITLES[0] }).to_string();
    for layer in 0..8 {
        assert!(!without(&body, TITLES[0]).contains("hi"), "{layer}: {body}");
        body = serde_json::json!({ "received": body, "status": 400 }).to_string();
    }
}

#[test]
fn what_is_escaped_more_often_than_is_looked_at_is_taken_out_as_a_whole() {
    let nested = |layers: usize| format!("<&{}lt;john@example.com", "amp;".repeat(layers));
    assert_eq!(without(&nested(3), "title"), nested(3));
    assert_eq!(without(&nested(100), "title"), "[redacted]");
}

#[test]
fn it_is_found_in_any_case() {
    for (title, others) in [
        ("Straße", &["STRASSE", "straße", "STRAẞE", "strasse"][..]),
        ("ÉTÉ À ÖREBRO", &["été à örebro", "Été À Örebro"]),
        ("ΟΔΥΣΣΕΥΣ", &["οδυσσευς", "Οδυσσευσ"]),
        (
            "İstanbul Işık",
            &["istanbul ışık", "i̇stanbul işik", "ISTANBUL IŞIK"],
        ),
        ("диплом", &["ДИПЛОМ", "Диплом"]),
        ("ǆungla", &["ǅungla", "ǄUNGLA"]),
    ] {
        for other in others {
            assert_eq!(without(&format!("<{other}>"), title), "<[redacted]>");
        }
    }
}

#[test]
fn it_is_found_with_other_blanks_and_with_quotes_that_are_doubled() {
    let title = "Say \"hi\"\nto them";
    for other in [
        "Say \"hi\"\r\n    to them",
        "Say \"\"hi\"\" to them",
        "say%20%22hi%22%0D%0Ato+them",
        "Say &quot;hi&quot;&nbsp;to\tthem",
    ] {
        assert_eq!(without(&format!("<{other}>"), title), "<[redacted]>");
    }
    assert_eq!(
        without("<D&ocirc;me d&rsquo;or &euro;>", "DÔME D’OR €"),
        "<[redacted]>"
    );
}

#[test]
fn it_takes_little_time_whatever_stands_in_it() {
    let start = std::time::Instant::now();
    let title = format!("{}b", "a".repeat(4000));
    for text in [
        "\\",
        "%25",
        "&amp;",
        "a",
        "ab",
        "+",
        "\\\\u005c",
        "&#38;#38;",
        "\"",
        "ß",
    ] {
        let text = text.repeat(Response::EXCERPT / text.len());
        let shown = without_all(&text, &[&title, &"\\".repeat(4000), &"%25".repeat(1000)]);
        assert!(shown.len() <= Response::EXCERPT);
    }
    // In a build that is not optimized, on a machine that is busy.
    assert!(start.elapsed().as_secs() < 10, "{:?}", start.elapsed());
}
