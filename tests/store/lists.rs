//! Lists and counts are what a model of them says.

use std::time::Duration;

use certificate_lifecycle::store::{
    Actor, ActorKind, Count, Filter, ListOrder, ListQuery, Origin, TitlePart,
};
use certificate_lifecycle::{
    Action, AnyApplication, ApplicantEmail, ApplicationId, ProcessingError, Source, Status,
    TriggerContext,
};
use chrono::{DateTime, TimeDelta, Utc};

use crate::harness::Harness;
use crate::random::Random;
use crate::support::{at, contract};
use crate::world::{
    World, act, create, details, every_cell, id, jane, john, ours, submit, theirs, upload, way_to,
    whole_list,
};

/// What narrows a list, as data, so that the model can apply it too.
#[derive(Debug, Clone, Default)]
struct Narrow {
    status: Option<Status>,
    source: Option<Source>,
    in_progress: bool,
    awaiting_decision: bool,
    email: Option<ApplicantEmail>,
    title: Option<TitlePart>,
    error: Option<ProcessingError>,
    application_id: Option<ApplicationId>,
    updated_after: Option<DateTime<Utc>>,
    updated_before: Option<DateTime<Utc>>,
}

impl Narrow {
    fn filter(&self) -> Filter {
        let mut filter = Filter::all();
        if let Some(status) = self.status {
            filter = filter.status(status);
        }
        if let Some(source) = self.source {
            filter = filter.source(source);
        }
        if self.in_progress {
            filter = filter.in_progress();
        }
        if self.awaiting_decision {
            filter = filter.awaiting_decision();
        }
        if let Some(email) = &self.email {
            filter = filter.email(email.clone());
        }
        if let Some(part) = &self.title {
            filter = filter.title(part.clone());
        }
        if let Some(error) = &self.error {
            filter = filter.error(error.clone());
        }
        if let Some(number) = self.application_id {
            filter = filter.application_id(number);
        }
        if let Some(time) = self.updated_after {
            filter = filter.updated_after(time);
        }
        if let Some(time) = self.updated_before {
            filter = filter.updated_before(time);
        }
        filter
    }

    fn matches(&self, it: &AnyApplication) -> bool {
        // CONTRACT.md, "In progress".
        let in_progress = matches!(
            (it.status(), it.source()),
            (Status::Created, Source::Vault) | (Status::Processing | Status::Retried, _)
        );
        let awaiting_decision = (it.status(), it.source()) == (Status::Created, Source::Customer);
        let (title, number) = (
            it.details().certificate_title(),
            it.details().application_id(),
        );
        let title = title.as_str().to_ascii_lowercase();
        self.status.is_none_or(|status| status == it.status())
            && self.source.is_none_or(|source| source == it.source())
            && (!self.in_progress || in_progress)
            && (!self.awaiting_decision || awaiting_decision)
            && self
                .email
                .as_ref()
                .is_none_or(|email| email == it.details().applicant_email())
            && self
                .title
                .as_ref()
                .is_none_or(|part| title.contains(&part.as_str().to_ascii_lowercase()))
            && self
                .error
                .as_ref()
                .is_none_or(|error| Some(error) == it.error())
            && self.application_id.is_none_or(|it| it == number)
            && self
                .updated_after
                .is_none_or(|time| it.updated_at() >= time)
            && self
                .updated_before
                .is_none_or(|time| it.updated_at() < time)
    }
}

/// Applications of every kind, several of each, created in an order of chance, at several times.
async fn populated<H: Harness>(random: &mut Random) -> (World<H>, Vec<AnyApplication>) {
    let world = World::<H>::new().await;
    let mut model = Vec::new();
    let cells: Vec<_> = every_cell().collect();
    for number in 0..80 {
        let (status, source) = *random.pick(&cells);
        let Some(way) = way_to(status, source) else {
            continue;
        };
        let mut whose = ours();
        if random.one_in(8) {
            whose = theirs();
        }
        world.clock.set(i64::try_from(random.below(5)).unwrap());
        let requests = std::iter::once(create(number, source))
            .chain(way.iter().map(|action| act(number, *action)))
            .map(|mut request| {
                request.institution = whose.clone();
                request
            });
        let last = world.all_done(requests).await.pop().unwrap();
        if whose == ours() {
            model.push(last.event.application());
        }
    }
    (world, model)
}

pub async fn every_filter_and_order_lists_what_it_should<H: Harness>() {
    let mut random = Random::new("lists");
    let (world, model) = populated::<H>(&mut random).await;
    let statuses = Status::ALL.map(Some).into_iter().chain([None]);
    let emails = [0, 1, 7].map(|number| Some(details(number).applicant_email().clone()));
    let (emails, times) = (
        emails.into_iter().chain([None]),
        [None, Some(at(2)), Some(at(0)), Some(at(99))],
    );
    for status in statuses {
        for source in [None, Some(Source::Vault), Some(Source::Customer)] {
            for email in emails.clone() {
                for updated_before in times {
                    let parts = ["No. 1", "CERTIFICATE", "no. 7"];
                    let errors = [
                        "PDF generation failed: template not found",
                        "template not found",
                    ];
                    let error = random.one_in(4).then(|| *random.pick(&errors));
                    let title = random.one_in(3).then(|| *random.pick(&parts));
                    let number = random.below(80) + 1;
                    let time = at(i64::try_from(random.below(5)).unwrap());
                    let narrow = Narrow {
                        status,
                        source,
                        in_progress: random.one_in(3),
                        awaiting_decision: random.one_in(3),
                        email: email.clone(),
                        title: title.map(|it| TitlePart::new(it).unwrap()),
                        error: error.map(|it| ProcessingError::new(it).unwrap()),
                        application_id: random
                            .one_in(8)
                            .then(|| ApplicationId::new(number).unwrap()),
                        updated_after: random.one_in(3).then_some(time),
                        updated_before,
                    };
                    let mut expected: Vec<_> = model
                        .iter()
                        .filter(|it| narrow.matches(it))
                        .cloned()
                        .collect();
                    for order in [ListOrder::OldestFirst, ListOrder::NewestFirst] {
                        let limit = u32::try_from(random.below(9) + 1).unwrap();
                        let list =
                            whole_list(&world.engine, &ours(), &narrow.filter(), order, limit)
                                .await;
                        assert_eq!(list, expected, "{narrow:?} {order:?}");
                        expected.reverse();
                    }
                }
            }
        }
    }
}

pub async fn pages_of_any_size_list_the_same<H: Harness>() {
    let (world, mut model) = populated::<H>(&mut Random::new("pages")).await;
    let exactly = u32::try_from(model.len()).unwrap();
    for order in [ListOrder::OldestFirst, ListOrder::NewestFirst] {
        for limit in [1, 2, exactly - 1, exactly, exactly + 1, u32::MAX] {
            let list = whole_list(&world.engine, &ours(), &Filter::all(), order, limit).await;
            assert_eq!(list, model, "pages of {limit}");
        }
        model.reverse();
    }
}

pub async fn a_page_of_none_has_one<H: Harness>() {
    let world = World::<H>::new().await;
    world.all_given((0..3).map(submit)).await;
    // Given a reader whose limit comes to nothing
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let query = ListQuery::new(ours()).after(after).limit(0);
        let page = world.engine.list(query).await.unwrap();
        seen.extend(page.applications.iter().map(AnyApplication::uuid));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    // Then the list does not end for them before its end
    assert_eq!(seen, [0, 1, 2].map(id));
}

pub async fn a_key_may_be_any_number<H: Harness>() {
    let world = World::<H>::new().await;
    world.all_given((0..3).map(submit)).await;
    for (key, order, found) in [
        (i64::MIN, ListOrder::OldestFirst, 3),
        (-1, ListOrder::OldestFirst, 3),
        (0, ListOrder::OldestFirst, 3),
        (1 << 40, ListOrder::OldestFirst, 0),
        (i64::MAX, ListOrder::OldestFirst, 0),
        (i64::MIN, ListOrder::NewestFirst, 0),
        (-1, ListOrder::NewestFirst, 0),
        (0, ListOrder::NewestFirst, 0),
        (1 << 40, ListOrder::NewestFirst, 3),
        (i64::MAX, ListOrder::NewestFirst, 3),
    ] {
        let query = ListQuery {
            institution: ours(),
            filter: Filter::all(),
            order,
            after: Some(key.to_string().parse().unwrap()),
            limit: 10,
            origins: false,
        };
        // On a thread of its own, so that one that goes on for ever is noticed.
        let engine = world.engine.clone();
        let listing = tokio::spawn(async move { engine.list(query).await.unwrap() });
        let page = tokio::time::timeout(Duration::from_secs(60), listing).await;
        let page = page.expect("it has an end").unwrap();
        let listed = page.applications.len();
        assert_eq!((listed, page.next), (found, None), "{order:?} after {key}");
    }
}

pub async fn what_is_created_between_pages_shifts_nothing<H: Harness>() {
    for order in [ListOrder::OldestFirst, ListOrder::NewestFirst] {
        let world = World::<H>::new().await;
        world.all_given((0..20).map(submit)).await;
        // Given a reader that turns pages, while applications are created and move on
        let (mut seen, mut after, mut created) = (Vec::new(), None, 20);
        loop {
            let query = ListQuery {
                institution: ours(),
                filter: Filter::all(),
                order,
                after,
                limit: 3,
                origins: false,
            };
            let page = world.engine.list(query).await.unwrap();
            seen.extend(page.applications.iter().map(|it| it.details().uuid()));
            // A key survives being kept as text.
            after = page.next.map(|key| key.to_string().parse().unwrap());
            if after.is_none() {
                break;
            }
            if created < 40 {
                world
                    .all_given([submit(created), submit(created + 1)])
                    .await;
                world.given(act(created - 20, Action::Reject)).await;
                created += 2;
            }
        }
        // Then nothing comes twice, and nothing that was there is missing
        let expected: Vec<_> = match order {
            ListOrder::OldestFirst => (0..created).map(id).collect(),
            ListOrder::NewestFirst => (0..20).rev().map(id).collect(),
        };
        assert_eq!(seen, expected);
    }
}

pub async fn counts_are_what_the_lists_say<H: Harness>() {
    let (world, model) = populated::<H>(&mut Random::new("counts")).await;
    let mut expected: Vec<_> = every_cell()
        .filter_map(|(status, source)| {
            let here = model
                .iter()
                .filter(|it| (it.status(), it.source()) == (status, source));
            let times: Vec<_> = here.map(AnyApplication::updated_at).collect();
            Some(Count {
                status,
                source,
                applications: times.len() as u64,
                oldest_updated_at: *times.iter().min()?,
            })
        })
        .collect();
    expected.sort_by_key(|it| (it.status, it.source));
    assert_eq!(world.engine.counts(&ours()).await.unwrap(), expected);
    // When one moves on, it is counted where it is now
    let (number, action) = (0..80)
        .find_map(|number| {
            let it = model.iter().find(|it| it.details().uuid() == id(number))?;
            let legal = |action: &Action| contract(it.status(), it.source(), *action).is_some();
            Some((number, Action::ALL.into_iter().find(legal)?))
        })
        .unwrap();
    world.clock.set(1_000);
    let moved = world.done(act(number, action)).await.event.application();
    let counts = world.engine.counts(&ours()).await.unwrap();
    let of = |counts: &[Count]| {
        let here = |it: &&Count| (it.status, it.source) == (moved.status(), moved.source());
        counts.iter().find(here).map_or(0, |it| it.applications)
    };
    assert_eq!(of(&counts), of(&expected) + 1);
    // It has been there for no time, so that those before it stay the oldest
    let since = |counts: &[Count]| {
        let here = |it: &&Count| (it.status, it.source) == (moved.status(), moved.source());
        counts.iter().find(here).map(|it| it.oldest_updated_at)
    };
    assert_eq!(since(&counts), since(&expected).or(Some(at(1_000))));
    assert_eq!(
        counts.iter().map(|it| it.applications).sum::<u64>(),
        model.len() as u64
    );
}

pub async fn addresses_are_taken_letter_for_letter<H: Harness>() {
    let world = World::<H>::new().await;
    let addresses = [
        "john@example.com",
        "John@example.com",
        "john@Example.com",
        "jöhn@example.com",
        "joh@example.com",
    ];
    for (number, address) in (0..).zip(addresses) {
        let other = details(number);
        let email = ApplicantEmail::new(address).unwrap();
        let details = certificate_lifecycle::ApplicationDetails::new(
            other.application_id(),
            other.uuid(),
            other.certificate_title().clone(),
            email,
        );
        let submitted = world
            .engine
            .scope(&ours(), &crate::world::john())
            .submit(details)
            .await;
        assert!(submitted.is_ok());
    }
    for (number, address) in (0..).zip(addresses) {
        let filter = Filter::all().email(ApplicantEmail::new(address).unwrap());
        let list = whole_list(&world.engine, &ours(), &filter, ListOrder::OldestFirst, 10).await;
        let found: Vec<_> = list.iter().map(|it| it.details().uuid()).collect();
        assert_eq!(found, [id(number)]);
    }
}

pub async fn updated_before_is_to_the_second<H: Harness>() {
    let world = World::<H>::new().await;
    world.clock.set(10);
    world.given(upload(0)).await;
    let millisecond = TimeDelta::milliseconds(1);
    for (time, found) in [
        (at(10) - millisecond, false),
        (at(10), false),
        (at(10) + millisecond, true),
        (at(11), true),
        (DateTime::<Utc>::MIN_UTC, false),
        (DateTime::<Utc>::MAX_UTC, true),
    ] {
        let filter = Filter::all().updated_before(time);
        let list = whole_list(&world.engine, &ours(), &filter, ListOrder::OldestFirst, 10).await;
        assert_eq!(list.len(), usize::from(found), "{time}");
    }
}

pub async fn a_list_says_how_each_application_came_to_be<H: Harness>() {
    let world = World::<H>::new().await;
    let engine = &world.engine;
    for (number, seconds) in [(1, 0), (2, 60), (3, 120)] {
        world.clock.set(seconds);
        let request = if number == 2 {
            upload(number)
        } else {
            submit(number)
        };
        let _ = engine.execute(request).await.unwrap();
    }
    world.clock.set(600);
    let _ = engine
        .execute(act(1, Action::BeginProcessing))
        .await
        .unwrap();
    let query = ListQuery::new(ours())
        .order(ListOrder::NewestFirst)
        .limit(2);
    assert_eq!(engine.list(query.clone()).await.unwrap().origins, []);
    let page = engine.list(query.clone().with_origins()).await.unwrap();
    let origin = |seconds, created_by: Actor| {
        let trigger_context = match created_by.kind {
            ActorKind::Customer => TriggerContext::CustomerSubmission,
            _ => TriggerContext::SingleUpload,
        };
        let created_at = at(seconds);
        Some(Origin {
            created_at,
            created_by,
            trigger_context,
        })
    };
    assert_eq!(page.origins, [origin(120, john()), origin(60, jane())]);
    assert_eq!(page.applications.len(), 2);
    let json = serde_json::to_value(&page).unwrap();
    let first = serde_json::json!({
        "created_at": "2026-06-04T10:32:00Z",
        "created_by": "customer:john",
        "trigger_context": "customer_submission",
    });
    assert_eq!(json["origins"][0], first);
    // Whatever has happened since
    let page = engine.list(query.after(page.next).with_origins()).await;
    let page = page.unwrap();
    assert_eq!(page.origins, [origin(0, john())]);
    assert_eq!(page.applications[0].status(), Status::Processing);
    assert_eq!(
        engine.origin(&ours(), id(1)).await.unwrap(),
        origin(0, john())
    );
    assert_eq!(engine.origin(&theirs(), id(1)).await.unwrap(), None);
    assert_eq!(engine.origin(&ours(), id(9)).await.unwrap(), None);
}
