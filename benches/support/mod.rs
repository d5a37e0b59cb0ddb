//! What both benchmarks share: a table of measured ratios against their goals.

use std::process::ExitCode;

/// One row: what was compared, how it came out, and what it had to reach.
pub struct Row {
    pub work: String,
    pub ours: String,
    pub peer: String,
    /// Larger is better.
    pub ratio: f64,
    pub goal: f64,
}

/// Prints the table; fails where a goal was missed.
pub fn conclude(rows: &[Row]) -> ExitCode {
    println!("| work | ours | compared with | ratio | goal | |");
    println!("|---|---|---|---|---|---|");
    for row in rows {
        let verdict = if row.ratio >= row.goal {
            "met"
        } else {
            "MISSED"
        };
        println!(
            "| {} | {} | {} | {:.2} | ≥ {:.2} | {verdict} |",
            row.work, row.ours, row.peer, row.ratio, row.goal
        );
    }
    if rows.iter().all(|row| row.ratio >= row.goal) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
