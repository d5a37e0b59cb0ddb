//! The documents that are generated from the code are current.
//!
//! Renew them with `SNAPSHOTS=overwrite cargo test --test generated`.

#[cfg(feature = "delivery")]
#[path = "support/errors.rs"]
mod errors;

use std::fmt::Write as _;

use certificate_lifecycle::{EventKind, diagram, schema};
use snapbox::{IntoData, assert_data_eq, file};

#[test]
fn diagrams_are_current() {
    assert_data_eq!(
        diagram::svg().into_data().raw(),
        file!["../docs/lifecycle.svg"].raw()
    );
    assert_data_eq!(
        diagram::mermaid().into_data().raw(),
        file!["../docs/lifecycle.mmd"].raw()
    );
    assert_data_eq!(
        diagram::dot().into_data().raw(),
        file!["../docs/lifecycle.dot"].raw()
    );
}

#[test]
fn schemas_are_current() {
    let schema = |kind| schema::event_schema(kind).into_data().raw();
    assert_data_eq!(
        schema(EventKind::Created),
        file!["../docs/schema/created.schema.json"].raw()
    );
    assert_data_eq!(
        schema(EventKind::Processing),
        file!["../docs/schema/processing.schema.json"].raw()
    );
    assert_data_eq!(
        schema(EventKind::Approved),
        file!["../docs/schema/approved.schema.json"].raw()
    );
    assert_data_eq!(
        schema(EventKind::Rejected),
        file!["../docs/schema/rejected.schema.json"].raw()
    );
    assert_data_eq!(
        schema(EventKind::Failed),
        file!["../docs/schema/failed.schema.json"].raw()
    );
    assert_data_eq!(
        schema(EventKind::Retried),
        file!["../docs/schema/retried.schema.json"].raw()
    );
    let any = schema::any_event_schema().into_data().raw();
    assert_data_eq!(any, file!["../docs/schema/events.schema.json"].raw());
    let asyncapi = schema::asyncapi().into_data().raw();
    assert_data_eq!(asyncapi, file!["../docs/schema/asyncapi.json"].raw());
}

#[cfg(feature = "server")]
#[test]
fn the_description_of_the_http_api_is_current() {
    let openapi = certificate_lifecycle::server::openapi();
    assert_data_eq!(
        openapi.into_data().raw(),
        file!["../docs/schema/openapi.json"].raw()
    );
}

#[cfg(feature = "server")]
#[test]
fn each_parameter_of_the_http_api_is_described() {
    let openapi = certificate_lifecycle::server::openapi();
    let document: serde_json::Value = serde_json::from_str(&openapi).unwrap();
    let operations = document["paths"].as_object().unwrap().iter();
    let operations = operations.flat_map(|(path, item)| {
        let item = item.as_object().unwrap().iter();
        item.map(move |(method, operation)| (format!("{method} {path}"), operation))
    });
    let (mut described, mut missing) = (0, Vec::new());
    for (route, operation) in operations {
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let parameter = resolved(&document, parameter);
            match parameter["description"].as_str() {
                Some(text) if !text.trim().is_empty() => described += 1,
                _ => missing.push(format!("{route}: {}", parameter["name"])),
            }
        }
    }
    assert_eq!(missing, [""; 0], "parameters without a description");
    assert!(described > 50, "only {described} parameters were found");
}

/// What a reference refers to.
#[cfg(feature = "server")]
fn resolved<'a>(
    document: &'a serde_json::Value,
    value: &'a serde_json::Value,
) -> &'a serde_json::Value {
    match value["$ref"].as_str() {
        Some(reference) => document.pointer(&reference[1..]).unwrap(),
        None => value,
    }
}

#[cfg(feature = "server")]
#[test]
fn headers_of_requests_and_of_problems_are_described() {
    let openapi = certificate_lifecycle::server::openapi();
    let document: serde_json::Value = serde_json::from_str(&openapi).unwrap();
    let items = document["paths"].as_object().unwrap().values();
    let operations = items.flat_map(|it| it.as_object().unwrap().values());
    let guarded = operations.filter(|it| it.pointer("/security/0/token").is_some());
    let (mut number, mut known) = (0, 0);
    for operation in guarded {
        let parameters = operation["parameters"].as_array().unwrap().iter();
        let names: Vec<_> = parameters
            .map(|it| resolved(&document, it)["name"].as_str().unwrap())
            .collect();
        for name in ["Certlife-Institution", "Certlife-Actor"] {
            assert!(names.contains(&name), "{operation}");
        }
        let responses = &operation["responses"];
        let is_known = responses.get("304").is_some();
        assert_eq!(names.contains(&"If-None-Match"), is_known, "{operation}");
        let mut problems = vec![
            ("401", "WWW-Authenticate"),
            ("429", "Retry-After"),
            ("503", "Retry-After"),
        ];
        // A repeat under a key that is in use
        if names.contains(&"Idempotency-Key") {
            problems.push(("409", "Retry-After"));
        }
        for (status, header) in problems {
            let response = resolved(&document, &responses[status]);
            assert!(response["headers"].get(header).is_some(), "{operation}");
        }
        number += 1;
        known += usize::from(is_known);
    }
    assert!(number > 30 && known == 2, "{number}, {known}");
}

#[cfg(feature = "server")]
#[test]
fn the_problems_in_the_document_are_those_of_the_code() {
    use certificate_lifecycle::server::ProblemCode;

    const BEGIN: &str = "<!-- the table of problems is generated from the code -->\n";
    const END: &str = "<!-- end of the table of problems -->";
    let document = include_str!("../docs/api.md");
    let (before, rest) = document.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let mut table = "| status | code | title | when |\n|---|---|---|---|\n".to_owned();
    for code in ProblemCode::ALL {
        let (status, title, why) = (code.status(), code.title(), code.explanation());
        writeln!(
            table,
            "| {status} | `{}` | {title} | {why} |",
            code.as_str()
        )
        .unwrap();
    }
    let expected = format!("{before}{BEGIN}{table}{END}{after}");
    assert_data_eq!(expected.into_data().raw(), file!["../docs/api.md"].raw());
}

#[test]
fn the_table_in_the_document_is_current() {
    const END: &str = "<!-- end of the generated table -->";
    let document = include_str!("../docs/lifecycle.md");
    let (before, rest) = document.split_once("<!-- generated by ").unwrap();
    let (mark, rest) = rest.split_once("-->\n").unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let table = diagram::table();
    let expected = format!("{before}<!-- generated by {mark}-->\n{table}{END}{after}");
    assert_data_eq!(
        expected.into_data().raw(),
        file!["../docs/lifecycle.md"].raw()
    );
}

#[cfg(feature = "delivery")]
#[test]
fn the_statuses_in_the_document_are_those_of_the_errors() {
    const END: &str = "<!-- end of the generated column -->";
    let document = include_str!("../docs/stores.md");
    let (before, rest) = document
        .split_once("<!-- the column HTTP is generated")
        .unwrap();
    let (table, after) = rest.split_once(END).unwrap();
    let (mut expected, mut left) = (Vec::new(), errors::all());
    for line in table.lines() {
        let name = line
            .strip_prefix("| `")
            .and_then(|it| it.split_once("` | "));
        let Some((name, rest)) = name else {
            expected.push(line.to_owned());
            continue;
        };
        let found = left.iter().position(|(it, _)| it == name);
        let (_, status) = left.remove(found.unwrap_or_else(|| panic!("no error has {name}")));
        let (_, rest) = rest.split_once(" | ").unwrap();
        expected.push(format!("| `{name}` | {status} | {rest}"));
    }
    assert!(left.is_empty(), "the table lacks {left:?}");
    let expected = format!(
        "{before}<!-- the column HTTP is generated{}\n{END}{after}",
        expected.join("\n")
    );
    assert_data_eq!(expected.into_data().raw(), file!["../docs/stores.md"].raw());
}

/// A code that is added to the crate is added to the table.
#[cfg(feature = "delivery")]
#[test]
fn every_code_is_in_the_table() {
    let source = include_str!("../src/store/error.rs");
    let codes = source.lines().filter_map(|line| {
        let (pattern, code) = line.trim().split_once(" => \"")?;
        pattern
            .starts_with("Self::")
            .then(|| code.trim_end_matches("\","))
    });
    let known = errors::all();
    let mut count = 0;
    for code in codes {
        assert!(known.iter().any(|(it, _)| it == code), "{code}");
        count += 1;
    }
    assert_eq!(
        count, 18,
        "the codes of Refusal, StoreError and ExecuteError"
    );
}

#[test]
fn there_are_no_schemas_of_events_that_do_not_exist() {
    let files = std::fs::read_dir("docs/schema").unwrap().count();
    // One of any event, and those of AsyncAPI and OpenAPI.
    assert_eq!(files, EventKind::ALL.len() + 3);
}

/// The guides, by the names of their files and of their modules.
const GUIDES: [&str; 10] = [
    "api",
    "embedding",
    "lifecycle",
    "events",
    "stores",
    "high-availability",
    "processing",
    "webhooks",
    "certlife",
    "serving",
];

/// Where a link of a guide leads in the documentation on docs.rs: to a module, or to the source. A
/// picture stands in its link, since docs.rs serves no file of the package as it is.
fn destination(target: &str) -> String {
    match target {
        "lifecycle.svg" => return picture("svg+xml", diagram::svg().as_bytes()),
        "certificate.png" => {
            return picture("png", &std::fs::read("docs/certificate.png").unwrap());
        }
        _ => {}
    }
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    match path.strip_suffix(".md") {
        Some(guide) if GUIDES.contains(&guide) => {
            let module = guide.replace('-', "_");
            let mark = if anchor.is_empty() { "" } else { "#" };
            format!("crate::guide::{module}{mark}{anchor}")
        }
        _ => {
            let path = match path.strip_prefix("../") {
                Some(path) => path.to_owned(),
                None => format!("docs/{path}"),
            };
            format!("https://docs.rs/crate/certificate-lifecycle/latest/source/{path}")
        }
    }
}

/// A picture as a link that holds it.
fn picture(kind: &str, bytes: &[u8]) -> String {
    let mut link = format!("data:image/{kind},");
    for byte in bytes {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => {
                link.push(char::from(*byte));
            }
            _ => write!(link, "%{byte:02X}").unwrap(),
        }
    }
    link
}

#[test]
fn the_links_of_the_guides_lead_to_modules() {
    let mut links = std::collections::BTreeMap::new();
    for guide in GUIDES {
        let file = format!("{}/docs/{guide}.md", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&file).unwrap();
        let inline = text
            .split("](")
            .skip(1)
            .map(|it| it.split(')').next().unwrap());
        for target in inline {
            let is_elsewhere = target.starts_with('#') || target.starts_with("https://");
            assert!(
                is_elsewhere,
                "{file}: a link within the repository is [text][{target}], and at the end \
                 [{target}]: {target}"
            );
        }
        let definitions = text
            .lines()
            .filter_map(|line| line.strip_prefix('[')?.split_once("]: "));
        let definitions: Vec<_> = definitions.collect();
        let named = text.split("][").skip(1);
        let named = named.map(|it| it.split(']').next().unwrap());
        for target in named.filter(|it| it.contains('.') && !it.contains(char::is_whitespace)) {
            let is_defined = definitions.iter().any(|(label, _)| *label == target);
            assert!(
                is_defined,
                "{file}: [{target}]: {target} is missing at the end"
            );
        }
        for (label, target) in definitions
            .into_iter()
            .filter(|(label, _)| !label.contains('['))
        {
            assert_eq!(label, target, "{file}");
            links.insert(target.to_owned(), destination(target));
        }
    }
    let mut expected = String::new();
    for (target, destination) in &links {
        let _ = writeln!(expected, "[{target}]: {destination}");
    }
    assert_data_eq!(
        (expected + "\n").into_data().raw(),
        file!["../src/guide/links.md"].raw()
    );
}
