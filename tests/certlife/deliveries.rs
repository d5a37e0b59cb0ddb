//! `certlife deliveries` and `certlife redeliver`.

use std::process::Command;
use std::time::Duration;

use certificate_lifecycle::store::{Attempt, Claim, Outbox, Outcome, Settlement, SqliteStore};
use chrono::{DateTime, TimeDelta, Utc};

use crate::webhook::{ID, SECRET, example, shown, submits, timeless};
use crate::{Run, Scratch, golden};

/// Settles so many deliveries of what is due: as a dispatcher would.
fn settle(store: &Scratch, count: u32, outcome: &Outcome) {
    let path = store.path("test.db");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = SqliteStore::open(path).unwrap();
        let now: DateTime<Utc> = std::time::SystemTime::now().into();
        let mut left = count;
        while left > 0 {
            let claim = Claim::new(
                now,
                Duration::from_secs(30),
                vec![(ID.parse().unwrap(), left.min(500))],
            );
            let claimed = store.claim(claim).await.unwrap().deliveries;
            assert!(!claimed.is_empty(), "there is no more to settle");
            left -= u32::try_from(claimed.len()).unwrap();
            let settlements = claimed.into_iter().map(|it| {
                Settlement::new(it.id, it.token, outcome.clone())
                    .with_attempt(Some(attempted(now, outcome)))
            });
            let settled = store.settle(now, settlements.collect(), Vec::new()).await;
            assert!(settled.unwrap().into_iter().all(|it| it));
        }
    });
}

/// Claims a delivery, as a dispatcher does that is sending it.
fn claim_one(store: &Scratch) {
    let path = store.path("test.db");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let claim = Claim::new(
        std::time::SystemTime::now().into(),
        Duration::from_secs(10 * 60),
        vec![(ID.parse().unwrap(), 1)],
    );
    let claimed = runtime.block_on(SqliteStore::open(path).unwrap().claim(claim));
    assert_eq!(claimed.unwrap().deliveries.len(), 1);
}

fn attempted(at: DateTime<Utc>, outcome: &Outcome) -> Attempt {
    let went_well = *outcome == Outcome::Delivered;
    Attempt::new(at)
        .with_milliseconds(12)
        .with_status(Some(if went_well { 204 } else { 503 }))
        .with_error((!went_well).then(|| "the server answered 503".to_owned()))
        .with_excerpt((!went_well).then(|| "be back\u{1b} soon".to_owned()))
}

fn dead() -> Outcome {
    let reason = "every attempt has failed".to_owned();
    Outcome::Dead { reason }
}

/// The README's example, of which two deliveries have arrived and one is dead.
fn settled() -> Scratch {
    let store = example();
    settle(&store, 2, &Outcome::Delivered);
    settle(&store, 1, &dead());
    store
}

fn listed(store: &Scratch, args: &[&str]) -> Vec<i64> {
    let run = store.run(&[&["deliveries", "--json"], args].concat(), "");
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let ids = run
        .events()
        .into_iter()
        .map(|it| it["id"].as_i64().unwrap());
    ids.collect()
}

fn printed(store: &Scratch, args: &[&str]) -> String {
    let Run {
        code,
        stdout,
        stderr,
    } = store.run(args, "");
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{args:?}");
    stdout
}

#[test]
fn tables_and_lines_are_what_the_golden_files_say() {
    let store = settled();
    golden!(
        timeless(&printed(&store, &["deliveries"])),
        "golden/deliveries.txt"
    );
    golden!(
        timeless(&printed(&store, &["deliveries", "--json"])),
        "golden/deliveries.jsonl"
    );
    let settled = ["deliveries", "--attempts", "--status", "dead"];
    golden!(
        timeless(&printed(&store, &settled)),
        "golden/deliveries-attempts.txt"
    );
    // One that went well, without error and excerpt, and one that is dead.
    let settled = ["deliveries", "--attempts", "--json", "1", "3"];
    golden!(
        timeless(&printed(&store, &settled)),
        "golden/deliveries-attempts.jsonl"
    );
    let blocks = printed(&store, &["deliveries", "--attempts"]);
    assert_eq!(
        blocks.matches("\n\n").count(),
        20,
        "an empty line between two of 21"
    );
}

#[test]
fn deliveries_are_found_by_the_kind_of_their_event() {
    let store = settled();
    let created = [1, 2, 3, 8, 9, 10, 18];
    assert_eq!(listed(&store, &["--event", "created"]), created);
    let delivered = ["--event", "created", "--status", "delivered"];
    assert_eq!(listed(&store, &delivered), [1, 2]);
    for (args, reported) in [
        (
            &["--event", "certificate_application.created"][..],
            "possible values: created, processing, approved, rejected, failed, retried",
        ),
        (&["--event", "created", "1"], "cannot be used with"),
    ] {
        let run = store.run(&[&["deliveries"], args].concat(), "");
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""));
        assert!(run.stderr.contains(reported), "{}", run.stderr);
    }
}

#[test]
fn deliveries_are_narrowed_and_cut() {
    let store = settled();
    let all = listed(&store, &[]);
    assert_eq!(all.len(), 21);
    assert!(all.is_sorted());
    let of = |status| listed(&store, &["--status", status]).len();
    assert_eq!([of("pending"), of("delivered"), of("dead")], [18, 2, 1]);
    let application = "9e7860f0-05d1-4fd0-b3e0-e98e19f1cf15";
    assert_eq!(listed(&store, &["--application", application]).len(), 3);
    assert_eq!(listed(&store, &["--webhook", ID]), all);
    assert_eq!(listed(&store, &["--institution", "default"]), all);
    assert!(listed(&store, &["--institution", "other"]).is_empty());
    assert_eq!(listed(&store, &["--since", "2026-01-01T00:00:00Z"]), all);
    assert!(listed(&store, &["--until", "2026-01-01T00:00:00Z"]).is_empty());
    assert!(listed(&store, &["--limit", "0"]).is_empty());
    // Cut into pages, it is the same list.
    let (mut found, mut after) = (Vec::new(), None::<String>);
    loop {
        let mut args = vec!["deliveries", "--json", "--limit", "7"];
        args.extend(after.iter().flat_map(|id| ["--after", id]));
        let page = store.run(&args, "");
        found.extend(
            page.events()
                .into_iter()
                .map(|it| it["id"].as_i64().unwrap()),
        );
        let Some(more) = page.refusals().pop() else {
            break;
        };
        after = Some(more["after"].to_string());
    }
    assert_eq!(found, all);
    let cut = store.run(&["deliveries", "--limit", "20"], "");
    assert_eq!(
        cut.stderr,
        format!("certlife: there are more; go on with --after {}\n", all[19])
    );
    assert_eq!(store.run(&["deliveries", "--limit", "21"], "").stderr, "");
    for (args, reported) in [
        (
            &["--status", "done"][..],
            "possible values: pending, delivered, dead",
        ),
        (&["--since", "yesterday"], "expected an RFC 3339 time"),
        (&["--after", "-1"], "unexpected argument"),
        (
            &["--after", "x"],
            "expected the id of a delivery, a number such as 42",
        ),
    ] {
        let run = store.run(&[&["deliveries"], args].concat(), "");
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""));
        assert!(run.stderr.contains(reported), "{}", run.stderr);
    }
    for (args, reported) in [
        (&["--institution", "other"][..], "no delivery matches"),
        (&["--after", "1000000"], "no more deliveries"),
    ] {
        let run = store.run(&[&["deliveries"], args].concat(), "");
        assert_eq!((run.code, run.stdout.as_str()), (Some(0), ""));
        assert_eq!(run.stderr, format!("certlife: {reported}\n"));
    }
}

#[test]
fn what_a_server_answered_cannot_play_with_the_terminal() {
    let shown = printed(
        &settled(),
        &["deliveries", "--attempts", "--status", "dead"],
    );
    assert!(shown.contains(r"the answer: be back\u{1b} soon"), "{shown}");
    assert!(!shown.contains('\u{1b}'));
}

/// Redelivers, and returns what was said.
fn redelivered(store: &Scratch, args: &[&str]) -> String {
    let Run {
        code,
        stdout,
        stderr,
    } = store.run(&[&["redeliver"], args].concat(), "");
    assert_eq!((code, stdout.as_str()), (Some(0), ""), "{stderr}");
    stderr
}

#[test]
fn what_is_dead_is_sent_again() {
    let store = settled();
    let id = listed(&store, &["--status", "dead"])[0];
    // A dry run changes nothing
    let dry = store.run(&["redeliver", "--all-dead", "--dry-run"], "");
    assert_eq!(
        (dry.code, dry.stderr.as_str()),
        (Some(0), "certlife: 1 would be redelivered\n")
    );
    assert_eq!(
        dry.stdout,
        printed(&store, &["deliveries", "--status", "dead"])
    );
    assert_eq!(listed(&store, &["--status", "dead"]), [id]);
    // By the kind of the event, those that are settled
    for (kind, count) in [("created", 3), ("processing", 0)] {
        let dry = store.run(&["redeliver", "--event", kind, "--dry-run"], "");
        let said = format!("certlife: {count} would be redelivered\n");
        assert_eq!((dry.code, dry.stderr), (Some(0), said));
    }
    // But a real one does
    assert_eq!(
        redelivered(&store, &["--all-dead"]),
        "certlife: 1 redelivered\n"
    );
    assert!(listed(&store, &["--status", "dead"]).is_empty());
    assert_eq!(shown(&store, ID, &[])["pending"], 19);
    assert_eq!(
        redelivered(&store, &["--all-dead"]),
        "certlife: 0 redelivered\n"
    );
}

#[test]
fn single_deliveries_are_sent_again_and_what_cannot_be_is_reported() {
    let store = settled();
    let (dead, delivered) = (
        listed(&store, &["--status", "dead"]),
        listed(&store, &["--status", "delivered"]),
    );
    let pending = listed(&store, &["--status", "pending"])[0];
    let args = [dead[0], delivered[0], pending, 1_000_000].map(|it| it.to_string());
    let args: Vec<_> = std::iter::once("redeliver")
        .chain(args.iter().map(String::as_str))
        .collect();
    let run = store.run(&args, "");
    assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""));
    assert_eq!(
        timeless(&run.stderr),
        format!(
            "certlife: delivery {pending} is due already\n\
             certlife: there is no delivery 1000000\n\
             certlife: 2 redelivered\n"
        )
    );
    assert_eq!(listed(&store, &["--status", "delivered"]), delivered[1..]);
    assert!(listed(&store, &["--status", "dead"]).is_empty());
}

#[test]
fn what_waits_for_its_next_attempt_is_sent_now() {
    // Given two that are to be tried in a day, one that is leased, and 18 that were never
    // looked at
    let store = example();
    let day: DateTime<Utc> = std::time::SystemTime::now().into();
    let day = day + TimeDelta::days(1);
    settle(&store, 2, &Outcome::Retry { at: day });
    claim_one(&store);
    let pending = listed(&store, &["--status", "pending"]);
    let [first, second, sent] = [pending[0], pending[1], pending[2]].map(|it| it.to_string());
    // By its id, what waits is due; of the others, it is reported
    let run = store.run(&["redeliver", &first, &sent], "");
    assert_eq!(run.code, Some(0));
    let reported = format!(
        "certlife: delivery {sent} is being sent; should nothing come of it, it is due at \
         2026-06-04T10:30:00Z\n\
         certlife: 1 redelivered\n"
    );
    assert_eq!(timeless(&run.stderr), reported);
    // By a filter, only where that is for what is pending
    let redeliver = |args: &[&str]| {
        let run = store.run(&[&["redeliver"], args].concat(), "");
        (run.code, run.stdout.lines().count(), run.stderr)
    };
    let reported = |count| format!("certlife: {count} redelivered\n");
    assert_eq!(redeliver(&["--webhook", ID]), (Some(0), 0, reported("0")));
    let pending = ["--status", "pending", "--dry-run"];
    assert_eq!(redeliver(&pending), (Some(0), 2, reported("1 would be")));
    assert_eq!(redeliver(&pending[..2]), (Some(0), 0, reported("1")));
    let now: DateTime<Utc> = std::time::SystemTime::now().into();
    for line in store.run(&["deliveries", "--json"], "").events() {
        let due: DateTime<Utc> = line["due_at"].as_str().unwrap().parse().unwrap();
        let is_sent = line["id"].as_i64() == sent.parse().ok();
        assert_eq!(due > now, is_sent, "{line}");
    }
    assert_eq!(
        redeliver(&[&second]).2,
        format!(
            "certlife: delivery {second} is due already\n{}",
            reported("0")
        )
    );
}

#[test]
fn a_filter_chooses_and_no_choice_is_a_mistake() {
    let store = settled();
    let reported = redelivered(
        &store,
        &["--webhook", ID, "--until", "2026-01-01T00:00:00Z"],
    );
    assert_eq!(reported, "certlife: 0 redelivered\n");
    let reported = redelivered(
        &store,
        &["--status", "delivered", "--since", "2026-01-01T00:00:00Z"],
    );
    assert_eq!(reported, "certlife: 2 redelivered\n");
    // Without a status, both the delivered and the dead: the two are pending by now.
    assert_eq!(
        redelivered(&store, &["--institution", "default"]),
        "certlife: 1 redelivered\n"
    );
    for (args, words) in [
        (
            &[][..],
            "which deliveries? give their ids, --all-dead, or a filter",
        ),
        (&["--dry-run"], "which deliveries?"),
        (&["1", "--webhook", ID], "cannot be used with"),
        (&["--all-dead", "--status", "dead"], "cannot be used with"),
        (&["1", "--all-dead"], "cannot be used with"),
        (&["x"], "expected the id of a delivery"),
    ] {
        let run = store.run(&[&["redeliver"], args].concat(), "");
        assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""));
        assert!(run.stderr.contains(words), "{}", run.stderr);
    }
}

/// Deliveries that are dead, of which these were edited by hand.
fn corrupt(corrupt: &[i64]) -> Scratch {
    let store = Scratch::new();
    let add = ["webhook", "add", "https://example.com/", "--id", ID];
    assert_eq!(store.run(&add, "").code, Some(0));
    store.run(&["apply"], &submits(1..=1300));
    settle(&store, 1300, &dead());
    let connection = rusqlite::Connection::open(store.path("test.db")).unwrap();
    for id in corrupt {
        let sql = "UPDATE certlife_delivery SET event = 1 WHERE no = ?1";
        assert_eq!(connection.execute(sql, [id]).unwrap(), 1);
    }
    store
}

/// That these are reported, and that so many were left out.
fn assert_reported(stderr: &str, corrupt: &[i64], end: &str) {
    for id in corrupt {
        let reported = stderr.lines().filter(|line| {
            line.starts_with("certlife: ") && line.contains(&format!("delivery {id} "))
        });
        assert_eq!(reported.count(), 1, "{id}: {stderr}");
    }
    assert!(stderr.ends_with(end), "{stderr}");
}

#[test]
fn what_is_corrupt_is_reported_and_the_others_are_listed_and_redelivered() {
    // The first, two in the middle of a page, one at its end, and the last
    let edited = [2, 3, 100, 512, 1300];
    let store = corrupt(&edited);
    let listed = "certlife: corrupt, and therefore not on the list: 5\n";
    for args in [
        &["deliveries"][..],
        &["deliveries", "--json"],
        &["deliveries", "--json", "--attempts", "--status", "dead"],
        &["redeliver", "--all-dead", "--dry-run"],
    ] {
        let run = store.run(args, "");
        assert_eq!(run.code, Some(2), "{args:?}");
        let lines = run
            .stdout
            .lines()
            .filter(|it| it.contains("9e7860f0") || it.contains(ID));
        assert_eq!(lines.count(), 1295, "{args:?}");
        assert_reported(&run.stderr, &edited, listed);
    }
    // What --limit counts is what is printed, and it says where to go on
    let run = store.run(&["deliveries", "--json", "--limit", "3"], "");
    let ids: Vec<_> = run.events().iter().map(|it| it["id"].as_i64()).collect();
    assert_eq!(ids, [Some(1), Some(4), Some(5)]);
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains(r#"{"after":5}"#), "{}", run.stderr);
    // One by its id as all
    let run = store.run(&["redeliver", "1", "2", "1299", "1300"], "");
    assert_eq!(run.code, Some(2));
    let end = "certlife: 2 redelivered\n\
               certlife: corrupt, and therefore not redelivered: 2\n";
    assert_reported(&run.stderr, &[2, 1300], end);
    let run = store.run(&["redeliver", "--all-dead"], "");
    assert_eq!((run.code, run.stdout.as_str()), (Some(2), ""));
    let end = "certlife: 1293 redelivered\n\
               certlife: corrupt, and therefore not redelivered: 5\n";
    assert_reported(&run.stderr, &edited, end);
    assert_eq!(shown(&store, ID, &[])["pending"], 1295);
}

#[test]
fn an_attempt_that_is_corrupt_is_reported_and_the_other_deliveries_are_listed() {
    let store = settled();
    let connection = rusqlite::Connection::open(store.path("test.db")).unwrap();
    let sql = "UPDATE certlife_delivery SET status = -1 WHERE no = 2";
    assert_eq!(connection.execute(sql, []).unwrap(), 1);
    let run = store.run(&["deliveries", "--json", "--attempts"], "");
    assert_eq!((run.code, run.events().len()), (Some(2), 20));
    assert!(
        run.stderr.contains("delivery 2, the attempt in its row"),
        "{}",
        run.stderr
    );
    assert_eq!(listed(&store, &[]).len(), 21);
}

#[test]
fn what_cannot_be_read_is_dropped_with_the_others() {
    let store = corrupt(&[2, 700]);
    let connection = rusqlite::Connection::open(store.path("test.db")).unwrap();
    connection
        .execute("UPDATE certlife_delivery SET state = 1", [])
        .unwrap();
    for args in [&["disable", ID][..], &["enable", ID, "--abandon"]] {
        let run = store.run(&[&["webhook"], args].concat(), "");
        assert_eq!(run.code, Some(0), "{}", run.stderr);
    }
    assert_eq!(shown(&store, ID, &[])["pending"], 0);
    assert_eq!(shown(&store, ID, &[])["dead"], 1300);
}

#[test]
fn programs_read_how_many_were_redelivered_and_which_would_be() {
    let store = settled();
    let dead = listed(&store, &["--status", "dead"]);
    let tried = store.run(&["redeliver", "--all-dead", "--dry-run", "--json"], "");
    let ids = tried.events();
    let ids: Vec<_> = ids.iter().map(|it| it["id"].as_i64().unwrap()).collect();
    assert_eq!(ids, dead);
    let run = store.run(&["redeliver", "--all-dead", "--json"], "");
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    assert_eq!(run.stdout, format!("{{\"redelivered\":{}}}\n", dead.len()));
}

#[test]
fn deliveries_are_shown_by_their_ids() {
    let store = settled();
    let all = listed(&store, &[]);
    let (first, last) = (all[0].to_string(), all[all.len() - 1].to_string());
    assert_eq!(
        listed(&store, &[&last, &first]),
        [all[all.len() - 1], all[0]]
    );
    let run = store.run(&["deliveries", "--attempts", &first, "99999"], "");
    assert_eq!(run.code, Some(1));
    assert!(
        run.stdout
            .contains(&format!("id                    {first}\n")),
        "{}",
        run.stdout
    );
    assert_eq!(run.stderr, "certlife: there is no delivery 99999\n");
    let run = store.run(&["deliveries", "--status", "dead", &first], "");
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains("cannot be used with"), "{}", run.stderr);
}

#[test]
fn a_webhook_that_is_none_is_reported() {
    let store = settled();
    let unknown = "00000000-0000-4000-8000-000000000001";
    for command in [
        &["deliveries"][..],
        &["deliveries", "--json"],
        &["redeliver"],
        &["redeliver", "--dry-run"],
    ] {
        let run = store.run(&[command, &["--webhook", unknown]].concat(), "");
        assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""));
        assert_eq!(
            run.stderr,
            format!("certlife: there is no webhook {unknown}\n")
        );
    }
}

#[test]
fn a_redelivery_to_a_disabled_webhook_is_reported() {
    let store = settled();
    assert_eq!(store.run(&["webhook", "disable", ID], "").code, Some(0));
    let tried = store.run(&["redeliver", "--status", "delivered", "--dry-run"], "");
    assert!(!tried.stderr.contains("is disabled"), "{}", tried.stderr);
    let run = store.run(&["redeliver", "--status", "delivered"], "");
    assert_eq!(run.code, Some(0));
    let reported = format!("webhook {ID} is disabled, and 20 pending");
    assert!(run.stderr.contains(&reported), "{}", run.stderr);
    // Of others nothing is said
    let run = store.run(&["redeliver", "--status", "delivered"], "");
    assert_eq!(run.stderr, "certlife: 0 redelivered\n");
}

#[test]
fn people_see_how_many_have_been_redelivered() {
    let store = settled();
    let redeliver = format!(
        "{} redeliver --all-dead --store sqlite:{}",
        env!("CARGO_BIN_EXE_certlife"),
        store.path("test.db").display()
    );
    let script = Command::new("script")
        .args(["--quiet", "--return", "--command", &redeliver, "/dev/null"])
        .env("TERM", "xterm")
        .output()
        .expect("`script` of util-linux makes the terminal");
    let shown = Run::from(script).stdout;
    // The progress, which goes, and the number at the end.
    assert!(shown.contains(" 1 redelivered\r"), "{shown:?}");
    assert!(shown.ends_with("certlife: 1 redelivered\r\n"), "{shown:?}");
}

#[test]
fn what_is_sent_again_may_be_of_many_pages() {
    let store = Scratch::new();
    store.run(
        &[
            "webhook",
            "add",
            "https://example.com/",
            "--id",
            ID,
            "--secret",
            SECRET,
        ],
        "",
    );
    store.run(&["apply"], &submits(1..=1300));
    settle(&store, 1100, &dead());
    let dry = store.run(&["redeliver", "--webhook", ID, "--dry-run"], "");
    assert_eq!(dry.stderr, "certlife: 1100 would be redelivered\n");
    assert_eq!(dry.stdout.lines().count(), 1101);
    assert_eq!(
        redelivered(&store, &["--all-dead"]),
        "certlife: 1100 redelivered\n"
    );
    assert_eq!(shown(&store, ID, &[])["pending"], 1300);
    assert_eq!(listed(&store, &["--attempts"]).len(), 1300);
}
