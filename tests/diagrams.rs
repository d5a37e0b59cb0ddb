//! The diagrams show every creation and every legal transition, and nothing else.

use certificate_lifecycle::rules::{CREATIONS, RULES};
use certificate_lifecycle::{Source, Status, diagram};

fn title(status: Status) -> String {
    let name = status.as_str();
    name[..1].to_uppercase() + &name[1..]
}

/// The edges as the contract's table has them: from, to, label, and the source where it matters.
fn edges() -> Vec<(String, String, String, Option<Source>)> {
    let mut edges = vec![
        (None, "Created".to_owned(), "submit", Some(Source::Customer)),
        (None, "Created".to_owned(), "upload", Some(Source::Vault)),
    ];
    for rule in RULES {
        let twin = RULES.iter().filter(|other| {
            (other.from, other.action, other.to) == (rule.from, rule.action, rule.to)
        });
        let source = (twin.count() == 1).then_some(rule.source);
        let edge = (
            Some(title(rule.from)),
            title(rule.to),
            rule.action.as_str(),
            source,
        );
        if !edges.contains(&edge) {
            edges.push(edge);
        }
    }
    assert_eq!(edges.len(), 11);
    edges
        .into_iter()
        .map(|(from, to, label, source)| {
            let label = match source {
                Some(source) => format!("{label} ({source})"),
                None => label.to_owned(),
            };
            (from.unwrap_or_default(), to, label, source)
        })
        .collect()
}

#[test]
fn mermaid_has_a_line_for_each() {
    let mermaid = diagram::mermaid();
    for (from, to, label, _) in edges() {
        let from = if from.is_empty() { "[*]" } else { &from };
        let line = format!("    {from} --> {to}: {label}\n");
        assert_eq!(mermaid.matches(&line).count(), 1, "{line}");
    }
    assert!(mermaid.starts_with("stateDiagram-v2\n"));
    assert!(mermaid.contains("    Approved --> [*]\n    Rejected --> [*]\n"));
    assert_eq!(mermaid.lines().count(), 2 + 11 + 2);
}

#[test]
fn dot_has_a_line_for_each() {
    let dot = diagram::dot();
    for (from, to, label, _) in edges() {
        let from = if from.is_empty() { "start" } else { &from };
        let line = format!("    {from} -> {to} [label=\"{label}\", ");
        assert_eq!(dot.matches(&line).count(), 1, "{line}");
    }
    assert_eq!(dot.matches(" -> ").count(), 11);
    assert_eq!(dot.matches("peripheries=2").count(), 2);
    for state in ["Approved", "Rejected"] {
        assert!(dot.contains(&format!("{state} [peripheries=2]")));
    }
    assert!(dot.starts_with("digraph lifecycle {\n") && dot.ends_with("}\n"));
}

#[test]
fn the_table_has_a_row_for_each() {
    let table = diagram::table();
    for creation in CREATIONS {
        let (source, context) = (creation.source, creation.trigger_context);
        assert!(table.contains(&format!("| – | {source} | ")));
        assert!(table.contains(&format!("`created` (`{context}`) |")));
    }
    for rule in RULES {
        let row = format!(
            "| {} | {} | {} | {} | `{}` |\n",
            title(rule.from),
            rule.source,
            rule.action,
            title(rule.to),
            rule.event
        );
        assert_eq!(table.matches(&row).count(), 1, "{row}");
    }
    assert_eq!(table.lines().count(), 2 + CREATIONS.len() + RULES.len());
}

#[test]
fn the_svg_draws_each_in_the_colour_of_its_source() {
    let svg = diagram::svg();
    let document = roxmltree::Document::parse(&svg).unwrap();
    let with_class = |class: String| {
        document
            .descendants()
            .filter(move |node| node.attribute("class") == Some(&class))
    };
    for status in Status::ALL {
        let title = title(status);
        let names = with_class("name".to_owned()).filter(|it| it.text() == Some(&title));
        assert_eq!(names.count(), 1, "{title}");
    }
    assert_eq!(with_class("inner".to_owned()).count(), 2);
    // The legend shows one line of each class more.
    let drawn = edges();
    for (class, source) in [
        ("customer", Some(Source::Customer)),
        ("vault", Some(Source::Vault)),
        ("both", None),
    ] {
        let expected: Vec<_> = drawn.iter().filter(|(.., it)| *it == source).collect();
        assert_eq!(
            with_class(format!("edge {class}")).count(),
            expected.len() + 1
        );
        let labels: Vec<_> = with_class(format!("label {class}"))
            .filter_map(|it| it.text())
            .collect();
        for (_, _, label, _) in expected {
            let action = label.split(" (").next().unwrap();
            assert!(labels.contains(&action), "{class}: {action}");
        }
    }
    for (from, to, label, _) in drawn {
        let sentence = if from.is_empty() {
            format!("{to}: {label}.")
        } else {
            format!("{from} to {to}: {label}.")
        };
        assert!(svg.contains(&sentence), "{sentence}");
    }
}

#[test]
fn the_svg_needs_nothing_from_elsewhere_and_knows_the_dark() {
    let svg = diagram::svg();
    assert!(svg.contains("prefers-color-scheme: dark"));
    assert_eq!(svg.matches("http").count(), 1, "only the name space");
    for foreign in [
        "<script",
        "<image",
        "@import",
        "@font-face",
        "url(http",
        "xlink",
    ] {
        assert!(!svg.contains(foreign), "{foreign}");
    }
    let document = roxmltree::Document::parse(&svg).unwrap();
    for reference in svg.split("url(#").skip(1) {
        let id = reference.split(')').next().unwrap();
        let named = document
            .descendants()
            .filter(|node| node.attribute("id") == Some(id));
        assert_eq!(named.count(), 1, "{id}");
    }
}

/// `CairoSVG` and others do not know `paint-order`: they draw a stroke over its text.
#[test]
fn the_labels_of_the_svg_are_readable_without_paint_order() {
    let svg = diagram::svg();
    let document = roxmltree::Document::parse(&svg).unwrap();
    let style = document.descendants().find(|it| it.has_tag_name("style"));
    let style = style.and_then(|it| it.text()).unwrap();
    assert!(!svg.contains("paint-order"));
    let declarations = |class: &str| -> String {
        let start = format!("{class} {{");
        let rules = style.split(&start).skip(1);
        rules.map(|it| it.split('}').next().unwrap()).collect()
    };
    for source in ["customer", "vault", "both"] {
        let label = declarations(&format!(".label.{source}, .tip.{source}"));
        assert!(label.contains("fill: #"), "{source}");
        assert!(!label.contains("stroke"), "{source}");
    }
    assert!(!declarations(".label").contains("stroke"));
    assert!(declarations(".halo").contains("stroke: #ffffff"));
    let texts = |class: &str| -> Vec<_> {
        let texts = document.descendants().filter(|it| it.has_tag_name("text"));
        let texts = texts.filter(|it| it.attribute("class").unwrap().starts_with(class));
        texts.collect()
    };
    let (halos, labels) = (texts("halo"), texts("label"));
    // Those of the legend stand on the paper alone.
    assert_eq!((halos.len(), labels.len()), (11, 11 + 3));
    for (halo, label) in halos.iter().zip(&labels) {
        let place = |it: &roxmltree::Node| {
            let at = |name| it.attribute(name).map(str::to_owned);
            (
                at("x"),
                at("y"),
                at("text-anchor"),
                it.text().map(str::to_owned),
            )
        };
        assert_eq!(place(halo), place(label));
        assert!(
            halo.range().start < labels[0].range().start,
            "below all labels"
        );
    }
}

#[test]
fn every_edge_of_the_svg_has_a_way_of_its_own() {
    let svg = diagram::svg();
    // An edge without one would go straight from middle to middle, through boxes and labels.
    let document = roxmltree::Document::parse(&svg).unwrap();
    let ways: Vec<_> = document
        .descendants()
        .filter(|node| {
            node.attribute("class")
                .is_some_and(|class| class.starts_with("edge"))
        })
        .filter_map(|node| node.attribute("d"))
        .collect();
    assert_eq!(ways.len(), 11 + 3);
    assert!(ways.iter().all(|way| !way.contains('L')), "{ways:?}");
}
