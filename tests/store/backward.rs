//! The feed backward is the feed, reversed.

use certificate_lifecycle::engine::Engine;
use certificate_lifecycle::store::{
    Cursor, FeedPage, InstitutionId, Queries, RecordedEvent, Request,
};
use certificate_lifecycle::{Action, EventKind, Source};

use crate::harness::Harness;
use crate::random::Random;
use crate::world::{World, act, check, create, ours, theirs, whole_feed};

/// Which events are asked for.
#[derive(Debug, Clone)]
struct Wanted {
    institution: Option<InstitutionId>,
    kind: Option<EventKind>,
}

impl Wanted {
    const ALL: Self = Self {
        institution: None,
        kind: None,
    };

    /// Every filter of these institutions, and of one that has nothing.
    fn each() -> Vec<Self> {
        let nowhere = InstitutionId::new("nowhere").unwrap();
        let institutions = [None, Some(ours()), Some(theirs()), Some(nowhere)];
        let kinds = EventKind::ALL.map(Some).into_iter().chain([None]);
        let of_kind = |kind| {
            institutions
                .clone()
                .map(|institution| Self { institution, kind })
        };
        kinds.flat_map(of_kind).collect()
    }

    fn fits(&self, recorded: &RecordedEvent) -> bool {
        let institution = self.institution.as_ref();
        institution.is_none_or(|it| *it == recorded.institution)
            && self.kind.is_none_or(|it| it == recorded.event.kind())
    }

    /// What is expected of this feed before a place.
    fn of(&self, feed: &[RecordedEvent], before: Option<Cursor>) -> Vec<RecordedEvent> {
        let is_before = |it: &&RecordedEvent| before.is_none_or(|end| it.cursor < end);
        let events = feed.iter().rev().filter(is_before);
        events.filter(|it| self.fits(it)).cloned().collect()
    }

    async fn page<S: Queries>(
        &self,
        engine: &Engine<S>,
        before: Option<Cursor>,
        limit: u32,
    ) -> FeedPage {
        let institution = self.institution.as_ref();
        let page = engine.feed_before(institution, self.kind, before, limit);
        let page = page.await.unwrap();
        assert!(page.events.len() <= limit.max(1) as usize);
        assert!(page.corrupt.is_empty(), "{:?}", page.corrupt);
        page
    }

    /// All of them, in pages of this size.
    async fn all<S: Queries>(&self, engine: &Engine<S>, limit: u32) -> Vec<RecordedEvent> {
        let (mut all, mut before) = (Vec::new(), None);
        loop {
            let page = self.page(engine, before, limit).await;
            // Of few events, a page that is not the last is full.
            assert!(page.next.is_none() || page.events.len() == limit as usize);
            assert!(before.is_none_or(|it| page.next.is_none_or(|next| next < it)));
            all.extend(page.events);
            before = page.next;
            if before.is_none() {
                return all;
            }
        }
    }
}

/// The request, of another institution.
fn of(mut request: Request, institution: InstitutionId) -> Request {
    request.institution = institution;
    request
}

/// Creates so many applications of two institutions, and tries as many times three things that may
/// happen to them; what is illegal is refused.
async fn something_happens<H: Harness>(world: &World<H>, random: &mut Random, count: u64) {
    let institution = |number: u64| {
        if number.is_multiple_of(3) {
            theirs()
        } else {
            ours()
        }
    };
    for number in 0..count {
        let source = *random.pick(&Source::ALL);
        world
            .given(of(create(number, source), institution(number)))
            .await;
        let requests = (0..3).map(|_| {
            let number = random.below(number + 1);
            of(act(number, *random.pick(&Action::ALL)), institution(number))
        });
        let requests: Vec<_> = requests.collect();
        drop(world.engine.execute_many(requests).await);
    }
}

pub async fn pages_backward_are_the_feed_reversed<H: Harness>() {
    let mut random = Random::new("pages_backward_are_the_feed_reversed");
    let world = World::<H>::new().await;
    something_happens(&world, &mut random, 40).await;
    let feed = check(&world.engine).await.feed;
    for wanted in Wanted::each() {
        let expected = wanted.of(&feed, None);
        for limit in [1, 2, 3, 7, 50, 10_000, 50_000] {
            let found = wanted.all(&world.engine, limit).await;
            assert!(found == expected, "pages of {limit} of {wanted:?}");
        }
    }
}

pub async fn before_every_event_what_was_earlier_comes<H: Harness>() {
    let mut random = Random::new("before_every_event_what_was_earlier_comes");
    let world = World::<H>::new().await;
    something_happens(&world, &mut random, 10).await;
    let feed = check(&world.engine).await.feed;
    let own = Wanted {
        institution: Some(theirs()),
        kind: None,
    };
    for recorded in &feed {
        // As text, as an address has it.
        let before: Cursor = recorded.cursor.to_string().parse().unwrap();
        for wanted in [&Wanted::ALL, &own] {
            let page = wanted.page(&world.engine, Some(before), 1000).await;
            assert_eq!(page.events, wanted.of(&feed, Some(before)));
            assert_eq!(page.next, None);
        }
    }
    // Before the start there is nothing, and before what is beyond the end there is all.
    let page = Wanted::ALL
        .page(&world.engine, Some(Cursor::START), 10)
        .await;
    assert!(page.events.is_empty() && page.next.is_none());
    let beyond = Cursor::new(u64::MAX, u32::MAX);
    let page = Wanted::ALL.page(&world.engine, Some(beyond), 1000).await;
    assert_eq!(page.events, Wanted::ALL.of(&feed, None));
}

pub async fn an_empty_feed_is_empty_backward<H: Harness>() {
    let world = World::<H>::new().await;
    for wanted in Wanted::each() {
        let page = wanted.page(&world.engine, None, 10).await;
        assert!(page.events.is_empty() && page.next.is_none(), "{wanted:?}");
    }
}

pub async fn a_page_backward_of_none_has_one<H: Harness>() {
    let world = World::<H>::new().await;
    world
        .all_given((0..3).map(|it| create(it, Source::Customer)))
        .await;
    let feed = whole_feed(&world.engine, 3).await;
    let page = Wanted::ALL.page(&world.engine, None, 0).await;
    assert_eq!(page.events, feed[2..]);
    assert_eq!(page.next, Some(feed[2].cursor));
}

pub async fn few_events_behind_many_of_others_are_found_in_several_pages<H: Harness>() {
    // Given an event of theirs, and more of ours than one call looks at
    let world = World::<H>::new().await;
    world.given(of(create(0, Source::Vault), theirs())).await;
    let many = u64::from(FeedPage::LOOK) + 10;
    let requests = (1..=many).map(|it| create(it, Source::Customer)).collect();
    for answer in world.engine.execute_many(requests).await {
        let _ = answer.unwrap();
    }
    let feed = whole_feed(&world.engine, usize::try_from(many).unwrap() + 1).await;
    let wanted = Wanted {
        institution: Some(theirs()),
        kind: None,
    };
    // Then the first page has nothing and goes on, and the second is the last
    let first = wanted.page(&world.engine, None, 50).await;
    assert!(first.events.is_empty());
    assert!(first.next.is_some());
    let second = wanted.page(&world.engine, first.next, 50).await;
    assert_eq!(second.events, feed[..1]);
    assert_eq!(second.next, None);
    // And a larger page looks at more
    let large = wanted.page(&world.engine, None, FeedPage::LOOK * 2).await;
    assert_eq!(large.events, feed[..1]);
}

pub async fn pages_backward_are_never_contradicted<H: Harness>() {
    const WRITERS: u64 = 6;
    const EACH: u64 = 40;
    let world = World::<H>::new().await;
    let engines = world.several(3).await;
    let engine = |index: u64| engines[usize::try_from(index % 3).unwrap()].clone();
    // Given writers over several handles
    let writers = (0..WRITERS).map(|writer| {
        let engine = engine(writer);
        tokio::spawn(async move {
            for round in 0..EACH {
                let request = create(writer * EACH + round, Source::Customer);
                engine.execute(request).await.unwrap();
            }
        })
    });
    let writers: Vec<_> = writers.collect();
    // And readers who look at the newest events meanwhile, and at those before
    let readers = (0..3).map(|reader| {
        let engine = engine(reader);
        tokio::spawn(async move {
            let mut seen = Vec::new();
            for _ in 0..40 {
                let page = Wanted::ALL.page(&engine, None, 5).await;
                let older = Wanted::ALL.page(&engine, page.next, 5).await;
                let is_first = page.next.is_none();
                seen.push((page.events, if is_first { vec![] } else { older.events }));
                tokio::task::yield_now().await;
            }
            seen
        })
    });
    let readers: Vec<_> = readers.collect();
    for writer in writers {
        writer.await.unwrap();
    }
    // Then nothing has come between the events of a page, or between two pages
    let mut feed = check(&world.engine).await.feed;
    feed.reverse();
    for reader in readers {
        for (newest, older) in reader.await.unwrap() {
            let pages = [newest, older].concat();
            let Some(first) = pages.first() else {
                continue;
            };
            let start = feed.iter().position(|it| it == first).unwrap();
            assert!(feed[start..].starts_with(&pages));
        }
    }
}
