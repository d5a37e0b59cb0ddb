//! `examples/make_certificate.py`, run by `certlife process`: its PDFs are read by libraries of
//! others, pinned in `tests/interop/`.

#[path = "../interop/installed.rs"]
mod installed;

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::{Value, json};

use crate::webhooks_guide::{blocks, shell};
use crate::{Run, Scratch, file, objects};

/// The Python that has the packages, for a command line.
fn python() -> String {
    let python = installed::installed().join("venv/bin/python");
    python.to_str().unwrap().to_owned()
}

fn uuid(number: usize) -> String {
    format!("9e7860f0-05d1-4fd0-b3e0-e98e19f1c{number:03}")
}

/// A store with an upload for each title.
fn scratch(titles: &[&str]) -> Scratch {
    let on = Scratch::new();
    let commands = titles.iter().enumerate().map(|(number, title)| {
        let command = json!({
            "command": "upload",
            "trigger_context": "bulk_upload",
            "at": "2026-06-04T23:30:00Z",
            "uuid": uuid(number),
            "application_id": 100 + number,
            "certificate_title": title,
            "applicant_email": format!("john{number}@example.com"),
        });
        command.to_string() + "\n"
    });
    let applied = on.run(&["apply"], &commands.collect::<String>());
    assert_eq!(applied.code, Some(0), "{applied:?}");
    on
}

fn process(on: &Scratch, options: &[&str], python: &[&str], out: &str) -> Run {
    let example = file("examples/make_certificate.py");
    let end = [example.as_str(), "--out", out];
    let args = [&["process"], options, &["--json", "--exec"], python, &end].concat();
    on.run(&args, "")
}

/// Each application's status, with its error.
fn ends(on: &Scratch) -> Vec<String> {
    let list = on.run(&["list", "--json"], "").events();
    let ends = list.iter().map(|it| {
        let error = it["error"].as_str().map(|error| format!(": {error}"));
        format!(
            "{}{}",
            it["status"].as_str().unwrap(),
            error.unwrap_or_default()
        )
    });
    ends.collect()
}

/// The files of a folder, by their names.
fn files(on: &Scratch, folder: &str) -> BTreeMap<String, Vec<u8>> {
    let files = std::fs::read_dir(on.path(folder)).unwrap();
    let files = files.map(|it| it.unwrap());
    let files = files.map(|it| {
        let name = it.file_name().into_string().unwrap();
        (name, std::fs::read(it.path()).unwrap())
    });
    files.collect()
}

/// What a PDF library, and a decoder of QR codes, read in the PDFs of a folder.
fn read(python: &str, folder: &std::path::Path) -> Vec<Value> {
    let script = installed::folder().join("certificates.py");
    let output = Command::new(python).arg(script).arg(folder).output();
    let read = Run::from(output.unwrap());
    assert_eq!(read.code, Some(0), "{read:?}");
    objects(&read.stdout)
}

#[test]
fn each_application_has_its_certificate_and_the_same_work_makes_the_same_bytes() {
    let long = format!("{} & <b>Engines</b>", "Analytical ".repeat(21).trim_end());
    let titles = [
        "Certificate of Achievement",
        "Zertifikat für Δίπλωμα и Справка Հայ ქართული",
        &long,
        "Diploma \u{7}修了証書 📡",
        "A\tcertificate\r\n of\u{a0}lines",
    ];
    let on = scratch(&titles);
    std::fs::copy(on.path("test.db"), on.path("before.db")).unwrap();
    let python = python();
    let run = process(&on, &["--until-idle"], &[&python], "made/certificates");
    assert_eq!(
        run.stdout, "{\"approved\":4,\"failed\":1,\"again\":0,\"lost\":0}\n",
        "{run:?}"
    );
    let lacking = "failed: certificate_title has characters that DejaVuSerif-Bold lacks: U+0007, \
                   U+4E86 了, U+4FEE 修, U+66F8 書, U+8A3C 証, U+1F4E1 📡";
    assert_eq!(
        ends(&on),
        ["approved", "approved", "approved", lacking, "approved"]
    );

    let made = read(&python, &on.path("made/certificates"));
    let expected = [0, 1, 2, 4].map(|number| {
        let title: Vec<_> = titles[number].split_whitespace().collect();
        let address = format!("https://certificates.example.com/verify/{}", uuid(number));
        json!({
            "file": format!("{}-1.pdf", uuid(number)),
            "pages": 1,
            "size": [842, 595],
            "text": format!(
                "C E R T I F I C A T E {} awarded to john{number}@example.com \
                 4 June 2026 {} Date No. {address}",
                title.join(" "),
                100 + number
            ),
            "codes": [address],
            "links": [address],
        })
    });
    assert_eq!(made, expected);

    // The same work once more, with the files there and in an empty folder.
    let first = files(&on, "made/certificates");
    let again = ["--until-idle", "--store", "sqlite:before.db"];
    std::fs::copy(on.path("before.db"), on.path("once-more.db")).unwrap();
    let elsewhere = ["--until-idle", "--store", "sqlite:once-more.db"];
    for (options, folder) in [(again, "made/certificates"), (elsewhere, "elsewhere")] {
        let touched = |name: &String| on.path(folder).join(name).metadata()?.modified();
        let before: Vec<_> = first.keys().flat_map(touched).collect();
        let run = process(&on, &options, &[&python], folder);
        assert!(run.stdout.starts_with("{\"approved\":4,"), "{run:?}");
        assert_eq!(files(&on, folder), first);
        let after: Vec<_> = first.keys().flat_map(touched).collect();
        assert!(before.is_empty() || before == after, "{folder}");
    }
}

#[test]
fn what_may_pass_is_tried_again() {
    let on = scratch(&["Title"]);
    std::fs::write(on.path("file"), "").unwrap();
    let python = python();
    let run = process(&on, &["--once"], &[&python], "file/certificates");
    assert!(run.stdout.contains("\"again\":1"), "{run:?}");
    let why = "cannot write to file/certificates: Not a directory";
    assert!(run.stderr.contains(why), "{run:?}");
    assert_eq!(ends(&on), ["created"]);

    // A Python without the packages.
    let on = scratch(&["Title"]);
    let run = process(&on, &["--once"], &[&python, "-S"], "certificates");
    assert!(run.stdout.contains("\"again\":1"), "{run:?}");
    let why = "this Python has not all packages of examples/requirements.txt";
    assert!(run.stderr.contains(why), "{run:?}");
    assert_eq!(ends(&on), ["created"]);
}

#[test]
fn the_first_minute_of_background_work_makes_the_certificate_that_the_guide_shows() {
    let section = "In a minute, with a command in any language";
    let block = &blocks("docs/processing.md", section)[0];
    let install = "python3 -m venv venv\n\
                   venv/bin/pip install --quiet --no-deps -r examples/requirements.txt\n";
    let commands = block.strip_prefix(install);
    let commands = commands.unwrap_or_else(|| panic!("{block}"));

    // As in a clone, with the packages that `tests/interop/install` has installed in this way.
    let clone = tempfile::tempdir().unwrap();
    let venv = installed::installed().join("venv");
    for (there, name) in [
        (file("docs").into(), "docs"),
        (file("examples").into(), "examples"),
        (venv, "venv"),
    ] {
        std::os::unix::fs::symlink::<std::path::PathBuf, _>(there, clone.path().join(name))
            .unwrap();
    }
    let run = Run::from(shell(&clone, commands).output().unwrap());
    assert_eq!(run.code, Some(0), "{run:?}");
    let summary = "certlife: 3 approved, 0 failed, 0 attempts made again\n";
    assert!(run.stderr.ends_with(summary), "{run:?}");
    let made = read(&python(), &clone.path().join("certificates"));
    assert_eq!(made.len(), 3);

    let picture = clone.path().join("certificate.png");
    let pdf = "certificates/9e7860f0-05d1-4fd0-b3e0-e98e19f1cf15-2.pdf";
    let drawn = Command::new(python())
        .arg(installed::folder().join("certificates.py"))
        .arg("--picture")
        .args([clone.path().join(pdf), picture.clone()])
        .output();
    let drawn = Run::from(drawn.unwrap());
    assert_eq!(drawn.code, Some(0), "{drawn:?}");
    let picture = std::fs::read(picture).unwrap();
    let shown = file("docs/certificate.png");
    if std::env::var("SNAPSHOTS").is_ok_and(|it| it == "overwrite") {
        std::fs::write(&shown, &picture).unwrap();
    }
    assert!(
        picture == std::fs::read(shown).unwrap(),
        "docs/certificate.png is not as the example makes it"
    );
}
