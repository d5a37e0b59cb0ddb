//! Lists that a filter without an index narrows: by a part of the title, by the backend's number,
//! and by time.

use certificate_lifecycle::store::{Filter, ListOrder, ListQuery, PageKey, TitlePart};
use certificate_lifecycle::{
    Action, AnyApplication, ApplicationDetails, ApplicationId, CertificateTitle, Status,
};
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::harness::Harness;
use crate::support::at;
use crate::world::{World, act, details, id, jane, john, ours, submit, upload, whole_list};

fn titled(number: u64, title: &str) -> ApplicationDetails {
    let other = details(number);
    ApplicationDetails::new(
        other.application_id(),
        other.uuid(),
        CertificateTitle::new(title).unwrap(),
        other.applicant_email().clone(),
    )
}

fn containing(part: &str) -> Filter {
    Filter::all().title(TitlePart::new(part).unwrap())
}

/// A store with applications of these titles, numbered from 0.
async fn with_titles<H: Harness>(titles: &[&str]) -> World<H> {
    let world = World::<H>::new().await;
    for (number, title) in (0..).zip(titles) {
        let (institution, actor) = (ours(), john());
        let scope = world.engine.scope(&institution, &actor);
        let _ = scope.submit(titled(number, title)).await.unwrap();
    }
    world
}

/// The places of those in whose title the part is.
async fn found<H: Harness>(world: &World<H>, part: &str) -> Vec<u64> {
    let order = ListOrder::OldestFirst;
    let list = whole_list(&world.engine, &ours(), &containing(part), order, 3).await;
    let number = |it: &AnyApplication| it.details().application_id().get() - 1;
    list.iter().map(number).collect()
}

pub async fn a_part_of_a_title_is_found_whatever_the_case<H: Harness>() {
    let world = with_titles::<H>(&[
        "Certificate of Achievement",
        "CERTIFICATE OF HONOUR",
        "İSTANBUL Üniversitesi",
        "Istanbul, ıssız",
        "GROẞE STRASSE",
        "große Straße",
        "ΟΔΟΣ",
        "οδος",
        "300 \u{212a}",
        "\u{10400} in Deseret",
        "Ǆ and ǅ",
        "E\u{301}cole",
        "École",
    ])
    .await;
    for (part, expected) in [
        ("certificate", &[0, 1][..]),
        ("CERTIFICATE OF A", &[0]),
        ("t", &[0, 1, 2, 3, 4, 5, 9]),
        ("İstanbul", &[2, 3]),
        ("istanbul", &[2, 3]),
        ("ISTANBUL", &[2, 3]),
        ("ı", &[3]),
        ("ÜNI", &[2]),
        ("ẞ", &[4, 5]),
        ("ß", &[4, 5]),
        ("ss", &[3, 4]),
        ("ΔΟ", &[6, 7]),
        ("Σ", &[6]),
        ("σ", &[6]),
        ("ς", &[7]),
        ("k", &[8]),
        ("\u{212a}", &[8]),
        ("\u{10428}", &[9]),
        ("ǆ AND ǆ", &[10]),
        ("É", &[12]),
        ("e\u{301}", &[11]),
        ("nothing of it", &[]),
    ] {
        assert_eq!(found(&world, part).await, expected, "{part:?}");
    }
}

pub async fn no_letter_of_a_part_stands_for_others<H: Harness>() {
    let world = with_titles::<H>(&[
        "100 % sure",
        "100 times",
        "under_score",
        "under score",
        r"back\slash",
        r"back\\slash",
        "it's \"quoted\"",
        "zero \0 zer",
        "zer0 one1",
        "escaped \u{10ffff} and",
        "a.c",
        "abc",
        "[a-c]*",
    ])
    .await;
    for (part, expected) in [
        ("0 %", &[0][..]),
        ("%", &[0]),
        ("_", &[2]),
        ("under_", &[2]),
        (r"\", &[4, 5]),
        (r"\\", &[5]),
        (r"k\s", &[4]),
        ("'", &[6]),
        ("\"", &[6]),
        ("\0", &[7]),
        ("RO \0 Z", &[7]),
        ("0", &[0, 1, 8]),
        ("0 Z", &[]),
        ("1", &[0, 1, 8]),
        ("a", &[4, 5, 9, 10, 11, 12]),
        ("b", &[4, 5, 11]),
        ("\u{10ffff}", &[9]),
        ("\u{10ffff} A", &[9]),
        ("\u{10ffff}1", &[]),
        (".", &[10]),
        ("a.c", &[10]),
        ("[A-", &[12]),
        ("$1", &[]),
    ] {
        assert_eq!(found(&world, part).await, expected, "{part:?}");
    }
}

pub async fn every_letter_is_found_by_its_lower_case<H: Harness>() {
    let is_upper = |it: &char| !it.to_lowercase().eq([*it]);
    let letters: Vec<char> = ('\0'..=char::MAX).filter(is_upper).collect();
    assert!(letters.len() > 1_000);
    let titles: Vec<String> = letters.chunks(100).map(|it| it.iter().collect()).collect();
    let titles: Vec<&str> = titles.iter().map(String::as_str).collect();
    let world = with_titles::<H>(&titles).await;
    for (number, title) in (0..).zip(&titles) {
        // Of the one letter with a longer lower case, the first is what counts.
        let lower = title
            .chars()
            .flat_map(char::to_lowercase)
            .collect::<String>();
        let lower = lower.replace("i\u{307}", "i");
        assert_eq!(lower.chars().count(), title.chars().count());
        assert_eq!(found(&world, &lower).await, [number], "{title}");
        assert_eq!(found(&world, title).await, [number], "{title}");
    }
}

/// So many that two calls do not look at all of them.
const MANY: u64 = 20_100;

/// The keys of the pages, and whom they list.
async fn pages<H: Harness>(
    world: &World<H>,
    filter: &Filter,
    order: ListOrder,
    limit: u32,
) -> Vec<(Vec<Uuid>, Option<PageKey>)> {
    let (mut pages, mut after) = (Vec::new(), None);
    loop {
        let query = ListQuery::new(ours()).filter(filter.clone()).order(order);
        let page = world.engine.list(query.after(after).limit(limit)).await;
        let page = page.unwrap();
        assert!(page.applications.len() <= limit as usize);
        let listed = page.applications.iter().map(AnyApplication::uuid);
        pages.push((listed.collect(), page.next));
        after = page.next;
        if after.is_none() {
            return pages;
        }
    }
}

pub async fn one_call_looks_at_so_many_and_tells_where_it_goes_on<H: Harness>() {
    let world = World::<H>::new().await;
    let every = (0..MANY).map(|number| match number {
        0 | 10_001 | 20_099 => titled(number, "A Diploma"),
        _ => titled(number, "Certificate"),
    });
    let every: Vec<_> = every.collect();
    for part in every.chunks(5_000) {
        let (institution, actor) = (ours(), jane());
        let scope = world.engine.scope(&institution, &actor);
        let atomicity = certificate_lifecycle::store::Atomicity::All;
        for answer in scope.upload_many(part.to_vec(), atomicity).await {
            let _ = answer.unwrap();
        }
    }
    world.clock.set(60);
    world.given(act(0, Action::Approve)).await;
    let number = |it: u64| ApplicationId::new(it + 1).unwrap();
    for (filter, all) in [
        (containing("dIPLOMA"), vec![0, 10_001, 20_099]),
        (containing("no such title"), vec![]),
        (Filter::all().application_id(number(20_099)), vec![20_099]),
        (Filter::all().application_id(number(MANY)), vec![]),
        (Filter::all().updated_after(at(60)), vec![0]),
        (Filter::all().status(Status::Approved), vec![0]),
        (Filter::all().updated_before(at(0)), vec![]),
        (containing("Diploma").in_progress(), vec![10_001, 20_099]),
        (
            containing("DIPLOMA").updated_before(at(60)),
            vec![10_001, 20_099],
        ),
    ] {
        for (order, limit) in [
            (ListOrder::OldestFirst, 1),
            (ListOrder::OldestFirst, 100),
            (ListOrder::NewestFirst, 2),
            (ListOrder::NewestFirst, ListQuery::LOOK),
        ] {
            let pages = pages(&world, &filter, order, limit).await;
            let mut expected: Vec<_> = all.iter().map(|it| id(*it)).collect();
            if order == ListOrder::NewestFirst {
                expected.reverse();
            }
            let listed: Vec<_> = pages
                .iter()
                .flat_map(|(listed, _)| listed.clone())
                .collect();
            assert_eq!(listed, expected, "{filter:?} {order:?}");
            // 20,100 are looked at in three calls, or more where a page was full before.
            assert!(pages.len() >= 3, "{filter:?} {order:?}: {}", pages.len());
            assert!(pages.len() <= 6, "{filter:?} {order:?}: {}", pages.len());
        }
    }
    // Without a filter, and where one lets enough through, pages are full
    for filter in [Filter::all(), containing("CERT")] {
        let pages = pages(&world, &filter, ListOrder::OldestFirst, 9_000).await;
        let (last, full) = pages.split_last().unwrap();
        assert!(full.iter().all(|(listed, _)| listed.len() == 9_000));
        assert!(last.0.len() < 9_000 && full.len() == 2);
    }
    // A page may be larger than that
    let pages = pages(&world, &containing("CERT"), ListOrder::OldestFirst, 30_000).await;
    assert_eq!(pages[0].0.len(), 20_097);
    assert_eq!(pages.len(), 1);
}

pub async fn what_is_narrowed_by_an_address_too_is_found<H: Harness>() {
    let world = World::<H>::new().await;
    world.all_given((0..12).map(submit)).await;
    let email = details(1).applicant_email().clone();
    let number = ApplicationId::new(5).unwrap();
    for (filter, expected) in [
        (containing("NO. 1"), vec![1, 10]),
        (containing("no. 4"), vec![4]),
        (containing("no. 3"), vec![]),
        (Filter::all().application_id(number), vec![4]),
        (containing("NO. 4").application_id(number), vec![4]),
        (containing("NO. 7").application_id(number), vec![]),
    ] {
        let filter = filter.email(email.clone());
        for order in [ListOrder::OldestFirst, ListOrder::NewestFirst] {
            let list = whole_list(&world.engine, &ours(), &filter, order, 1).await;
            let mut expected: Vec<_> = expected.iter().map(|it| id(*it)).collect();
            if order == ListOrder::NewestFirst {
                expected.reverse();
            }
            let list: Vec<_> = list.iter().map(AnyApplication::uuid).collect();
            assert_eq!(list, expected, "{filter:?}");
        }
    }
}

pub async fn updated_after_is_to_the_second<H: Harness>() {
    let world = World::<H>::new().await;
    world.clock.set(10);
    world.given(upload(0)).await;
    let millisecond = TimeDelta::milliseconds(1);
    for (time, found) in [
        (at(10) - millisecond, true),
        (at(10), true),
        (at(10) + millisecond, false),
        (at(11), false),
        (DateTime::<Utc>::MIN_UTC, true),
        (DateTime::<Utc>::MAX_UTC, false),
    ] {
        let filter = Filter::all().updated_after(time);
        let list = whole_list(&world.engine, &ours(), &filter, ListOrder::OldestFirst, 10).await;
        assert_eq!(list.len(), usize::from(found), "{time}");
    }
    // From one time to another
    let between = Filter::all().updated_after(at(10)).updated_before(at(11));
    let list = whole_list(&world.engine, &ours(), &between, ListOrder::OldestFirst, 10).await;
    assert_eq!(list.len(), 1);
}

#[test]
fn a_part_is_as_long_as_a_title_may_be() {
    for part in ["a".repeat(255), "ß".repeat(255), " a".to_owned()] {
        assert_eq!(TitlePart::new(&part).unwrap().as_str(), part);
    }
    for (part, message) in [
        ("", "title must have 1 to 255 characters, but has 0"),
        (
            &"ß".repeat(256),
            "title must have 1 to 255 characters, but has 256",
        ),
        (" \n", "title must not be only white space, but is \" \\n\""),
    ] {
        assert_eq!(TitlePart::new(part).unwrap_err().to_string(), message);
    }
}
