//! For web pages and README files: one file, no fonts or scripts from elsewhere, light and dark.
//!
//! What is drawn comes from the rules; only where it is drawn stands here.

use std::fmt::Write as _;

use super::{Edge, Traffic, edges, is_final, title};
use crate::lifecycle::source::Source;
use crate::lifecycle::state::Status;

const STYLE: &str = "
    .paper { fill: #ffffff; stroke: #d5dae1 }
    .state { fill: #f3f5f8; stroke: #5a6675; stroke-width: 1.5 }
    .inner { fill: none; stroke: #5a6675 }
    .start { fill: #3a4350 }
    .name { fill: #1b222c; font-weight: 600; font-size: 15px }
    .note { fill: #5a6675; font-size: 12px }
    .edge { fill: none; stroke-width: 1.8 }
    .label { font-size: 12.5px }
    .halo { font-size: 12.5px; fill: none; stroke: #ffffff; stroke-width: 5; stroke-linejoin: round }
    .edge.both { stroke: #5a6675 } .label.both, .tip.both { fill: #4a5462 }
    .edge.customer { stroke: #1d63c4 } .label.customer, .tip.customer { fill: #1d63c4 }
    .edge.vault { stroke: #a03e95; stroke-dasharray: 7 4 } .label.vault, .tip.vault { fill: #a03e95 }
    @media (prefers-color-scheme: dark) {
      .paper { fill: #14181f; stroke: #333b47 }
      .state { fill: #222934; stroke: #93a0b2 }
      .inner { stroke: #93a0b2 }
      .start { fill: #c8d0db }
      .name { fill: #eef2f7 }
      .note { fill: #a4b0c0 }
      .halo { stroke: #14181f }
      .edge.both { stroke: #a4b0c0 } .label.both, .tip.both { fill: #b9c3d0 }
      .edge.customer { stroke: #6ea8ff } .label.customer, .tip.customer { fill: #7fb2ff }
      .edge.vault { stroke: #e08bd6 } .label.vault, .tip.vault { fill: #e79ade }
    }
";

const WIDTH: i32 = 980;
const HEIGHT: i32 = 470;
/// Half the width and half the height of a state's box.
const BOX: (i32, i32) = (68, 26);

/// The lifecycle as a self-contained SVG picture that follows the reader's light or dark theme.
#[must_use]
pub fn svg() -> String {
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         width=\"{WIDTH}\" height=\"{HEIGHT}\" role=\"img\" aria-labelledby=\"title desc\" \
         font-family=\"system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif\">\n\
         <title id=\"title\">Lifecycle of a certificate application</title>\n\
         <desc id=\"desc\">{}</desc>\n<style>{STYLE}</style>\n<defs>\n",
        description()
    );
    for traffic in TRAFFIC {
        let class = class(traffic);
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "<marker id=\"tip-{class}\" viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" \
             markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\">\
             <path class=\"tip {class}\" d=\"M0 0.8 10 5 0 9.2z\"/></marker>"
        );
    }
    let (width, height) = (WIDTH - 2, HEIGHT - 2);
    let _ = writeln!(
        out,
        "</defs>\n<rect class=\"paper\" x=\"1\" y=\"1\" width=\"{width}\" height=\"{height}\" rx=\"14\"/>"
    );
    let (edges, (x, y)) = (edges(), START);
    for edge in &edges {
        draw_line(&mut out, edge);
    }
    // Each halo is an element of its own: renderers without `paint-order` would draw a stroke of
    // the label over it.
    for edge in &edges {
        draw_text(&mut out, edge, "halo");
    }
    for edge in &edges {
        draw_text(&mut out, edge, &format!("label {}", class(edge.traffic())));
    }
    let _ = writeln!(
        out,
        "<circle class=\"start\" cx=\"{x}\" cy=\"{y}\" r=\"7\"/>"
    );
    for status in Status::ALL {
        draw_state(&mut out, status);
    }
    draw_legend(&mut out);
    out.push_str("</svg>\n");
    out
}

const TRAFFIC: [Traffic; 3] = [
    Traffic::Only(Source::Customer),
    Traffic::Only(Source::Vault),
    Traffic::Both,
];

const START: (i32, i32) = (48, 225);

/// The middle of a state's box.
const fn place(status: Status) -> (i32, i32) {
    match status {
        Status::Created => (240, 225),
        Status::Processing => (532, 146),
        Status::Approved => (872, 225),
        Status::Rejected => (240, 385),
        Status::Failed => (532, 320),
        Status::Retried => (758, 320),
    }
}

/// The way of an edge and the middle of its label. An edge that is not listed goes straight from
/// box to box.
fn route(edge: &Edge) -> (String, (i32, i32)) {
    use Status::{Approved, Created, Failed, Processing, Rejected, Retried};
    let (path, label) = match (edge.from, edge.to, edge.traffic()) {
        (None, Created, Traffic::Only(Source::Customer)) => {
            ("M58 219C90 192 120 190 168 213", (112, 182))
        }
        (None, Created, _) => ("M58 231C90 258 120 260 168 238", (112, 272)),
        (Some(Created), Processing, _) => ("M308 212C366 200 408 164 460 151", (348, 172)),
        (Some(Created), Rejected, _) => ("M240 251V355", (240, 308)),
        (Some(Created), Approved, _) => (
            "M256 199C290 70 400 62 560 62C740 62 840 90 868 195",
            (560, 66),
        ),
        (Some(Created), Failed, _) => ("M308 240C366 256 408 302 460 315", (384, 292)),
        (Some(Processing), Approved, _) => ("M600 146C690 148 756 172 802 206", (706, 150)),
        (Some(Processing), Failed, _) => ("M532 172V290", (532, 238)),
        (Some(Failed), Retried, _) => ("M600 310H686", (644, 300)),
        (Some(Retried), Failed, _) => ("M690 332H604", (644, 352)),
        (Some(Retried), Approved, _) => ("M826 314C856 302 868 286 871 255", (892, 298)),
        (from, to, _) => {
            let ((x1, y1), (x2, y2)) = (from.map_or(START, place), place(to));
            return (
                format!("M{x1} {y1}L{x2} {y2}"),
                (i32::midpoint(x1, x2), i32::midpoint(y1, y2)),
            );
        }
    };
    (path.to_owned(), label)
}

fn draw_line(out: &mut String, edge: &Edge) {
    let (class, (path, _)) = (class(edge.traffic()), route(edge));
    let _ = writeln!(
        out,
        "<path class=\"edge {class}\" d=\"{path}\" marker-end=\"url(#tip-{class})\"/>"
    );
}

fn draw_text(out: &mut String, edge: &Edge, class: &str) {
    let ((_, (x, y)), label) = (route(edge), edge.label);
    let _ = writeln!(
        out,
        "<text class=\"{class}\" x=\"{x}\" y=\"{y}\" text-anchor=\"middle\">{label}</text>"
    );
}

fn draw_state(out: &mut String, status: Status) {
    let ((x, y), (half_width, half_height)) = (place(status), BOX);
    let mut rectangle = |class: &str, inset: i32| {
        let _ = writeln!(
            out,
            "<rect class=\"{class}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"{}\"/>",
            x - half_width + inset,
            y - half_height + inset,
            2 * (half_width - inset),
            2 * (half_height - inset),
            12 - inset,
        );
    };
    rectangle("state", 0);
    if is_final(status) {
        rectangle("inner", 4);
    }
    let (y, name) = (y + 5, title(status));
    let _ = writeln!(
        out,
        "<text class=\"name\" x=\"{x}\" y=\"{y}\" text-anchor=\"middle\">{name}</text>"
    );
}

fn draw_legend(out: &mut String) {
    for (traffic, x) in TRAFFIC.into_iter().zip([400, 540, 660]) {
        let class = class(traffic);
        let text = match traffic {
            Traffic::Only(source) => source.as_str(),
            Traffic::Both => "either source",
        };
        let _ = writeln!(
            out,
            "<path class=\"edge {class}\" d=\"M{x} 406h36\" marker-end=\"url(#tip-{class})\"/>\
             <text class=\"label {class}\" x=\"{}\" y=\"410\">{text}</text>",
            x + 46
        );
    }
    let _ = writeln!(
        out,
        "<text class=\"note\" x=\"400\" y=\"438\">Entering a state emits \
         certificate_application.&lt;state&gt;; a double border is final.</text>"
    );
}

const fn class(traffic: Traffic) -> &'static str {
    match traffic {
        Traffic::Only(source) => source.as_str(),
        Traffic::Both => "both",
    }
}

/// The picture in words, for readers who hear it.
fn description() -> String {
    let sentences: Vec<_> = edges()
        .iter()
        .map(|edge| {
            let (text, to) = (edge.text(), title(edge.to));
            match edge.from {
                Some(from) => format!("{} to {to}: {text}.", title(from)),
                None => format!("{to}: {text}."),
            }
        })
        .collect();
    sentences.join(" ")
}
