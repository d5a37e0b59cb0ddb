//! Lists as files.

use certificate_lifecycle::console::ConsoleOptions;
use certificate_lifecycle::store::Role;
use http::{StatusCode, header};

use crate::support::Site;

#[tokio::test]
async fn the_csv_has_all_that_the_filter_shows_and_no_formula() {
    let site = Site::new();
    let cookie = site.session(Role::Viewer).await;
    for number in 1..=250 {
        let _ = site.submitted(number, "A title, with \"quotes\"").await;
    }
    for (place, text) in ["=1+1", "+1", "-1", "@SUM(1)", "\u{ff1d}1"]
        .into_iter()
        .enumerate()
    {
        let _ = site.submitted(300 + place as u64, text).await;
    }
    let _ = site.failed(400, "=cmd").await;
    let path = "/export/applications.csv?status=created&order=oldest";
    let answer = site.get(&cookie, path).await;
    assert_eq!(answer.status, StatusCode::OK);
    let disposition = &answer.headers[header::CONTENT_DISPOSITION];
    assert_eq!(disposition, "attachment; filename=\"applications.csv\"");
    let lines: Vec<_> = answer.body.split_terminator("\r\n").collect();
    assert_eq!(lines.len(), 256);
    assert!(lines[0].starts_with("uuid,application_id,certificate_title"));
    assert!(lines[1].contains(",1,\"A title, with \"\"quotes\"\"\",john@example.com,customer,"));
    for text in ["'=1+1", "'+1", "'-1", "'@SUM(1)", "'\u{ff1d}1"] {
        let count = lines
            .iter()
            .filter(|it| it.contains(&format!(",{text},")))
            .count();
        assert_eq!(count, 1, "{text}");
    }
    let failed = site
        .get(&cookie, "/export/applications.csv?status=failed")
        .await;
    assert!(failed.body.ends_with(",'=cmd\r\n"), "{}", failed.body);
}

#[tokio::test]
async fn the_lines_are_what_the_api_answers() {
    let site = Site::new();
    let cookie = site.session(Role::Viewer).await;
    for number in 1..=150 {
        let _ = site.submitted(number, "=A title").await;
    }
    let answer = site.get(&cookie, "/export/applications.jsonl").await;
    let lines: Vec<serde_json::Value> = answer
        .body
        .lines()
        .map(|it| serde_json::from_str(it).unwrap())
        .collect();
    assert_eq!(lines.len(), 150);
    assert_eq!(lines[0]["application_id"], 150);
    assert_eq!(lines[0]["certificate_title"], "=A title");
    assert_eq!(lines[0]["legal"][0], "begin_processing");
}

#[tokio::test]
async fn what_is_masked_is_in_no_file() {
    let site = Site::with(ConsoleOptions::default().with_masks_addresses(true));
    let _ = site.submitted(1, "A title").await;
    let viewer = site.session(Role::Viewer).await;
    let answer = site.get(&viewer, "/export/applications.csv").await;
    assert!(
        answer.body.contains("j\u{2026}@example.com"),
        "{}",
        answer.body
    );
    assert!(!answer.body.contains("john@"), "{}", answer.body);
    let answer = site.get(&viewer, "/export/applications.jsonl").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    for name in ["applications.xlsx", "none"] {
        let answer = site.get(&viewer, &format!("/export/{name}")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
    }
    let answer = site
        .get(&viewer, "/export/applications.csv?status=none")
        .await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
}
