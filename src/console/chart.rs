//! The chart of the overview: the events of the last hours by their outcome, drawn by the server.

use chrono::{DateTime, SecondsFormat, Utc};

use super::frame::Frame;
use super::language::{Texts, counted};
use crate::lifecycle::event::EventKind;
use crate::store::FeedPage;

/// Of how many events the chart is made, at most.
pub(super) const EVENTS: u32 = 1000;

/// A time that a chart may show, and how many bars it has, the longest first.
const SPANS: [Span; 6] = [
    Span::new(24 * 60 * 60, 24),
    Span::new(6 * 60 * 60, 24),
    Span::new(60 * 60, 60),
    Span::new(15 * 60, 30),
    Span::new(5 * 60, 30),
    SHORTEST,
];
const SHORTEST: Span = Span::new(60, 60);

/// The height of the picture, and how high one event at least is, so that it is seen among many.
const HEIGHT: u64 = 1000;
const LEAST: u64 = 20;

/// The width that a bar has with the gap behind it.
const STEP: usize = 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    seconds: i64,
    bars: i64,
}

impl Span {
    const fn new(seconds: i64, bars: i64) -> Self {
        Self { seconds, bars }
    }

    const fn bar(self) -> i64 {
        self.seconds / self.bars
    }

    /// Where it ends, in seconds since 1970: at the end of the bar of this moment.
    const fn end(self, now: i64) -> i64 {
        (now.div_euclid(self.bar()) + 1) * self.bar()
    }

    const fn start(self, now: i64) -> i64 {
        self.end(now) - self.seconds
    }

    const fn name(self, texts: &Texts) -> &'static str {
        match self.seconds {
            86400 => texts.day_span,
            21600 => texts.six_hours_span,
            3600 => texts.hour_span,
            900 => texts.quarter_span,
            300 => texts.five_minutes_span,
            _ => texts.minute_span,
        }
    }

    const fn bar_name(self, texts: &Texts) -> &'static str {
        match self.bar() {
            3600 => texts.hour_bar,
            900 => texts.quarter_bar,
            60 => texts.minute_bar,
            30 => texts.half_minute_bar,
            10 => texts.ten_seconds_bar,
            _ => texts.second_bar,
        }
    }
}

/// What an event means for its application: the parts of a bar, from below.
#[derive(Debug, Clone, Copy)]
enum Outcome {
    Failed,
    Rejected,
    Approved,
    Other,
}

impl Outcome {
    const ALL: [Self; 4] = [Self::Failed, Self::Rejected, Self::Approved, Self::Other];

    const fn of(kind: EventKind) -> Self {
        match kind {
            EventKind::Failed => Self::Failed,
            EventKind::Rejected => Self::Rejected,
            EventKind::Approved => Self::Approved,
            EventKind::Created | EventKind::Processing | EventKind::Retried => Self::Other,
        }
    }

    const fn class(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Rejected => "rejected",
            Self::Approved => "approved",
            Self::Other => "other",
        }
    }

    const fn name(self, texts: &Texts) -> &'static str {
        match self {
            Self::Failed => texts.event(EventKind::Failed),
            Self::Rejected => texts.event(EventKind::Rejected),
            Self::Approved => texts.event(EventKind::Approved),
            Self::Other => texts.other_events,
        }
    }
}

/// How many events of each outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    failed: u64,
    rejected: u64,
    approved: u64,
    other: u64,
}

impl Counts {
    const fn add(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Failed => self.failed += 1,
            Outcome::Rejected => self.rejected += 1,
            Outcome::Approved => self.approved += 1,
            Outcome::Other => self.other += 1,
        }
    }

    const fn of(self, outcome: Outcome) -> u64 {
        match outcome {
            Outcome::Failed => self.failed,
            Outcome::Rejected => self.rejected,
            Outcome::Approved => self.approved,
            Outcome::Other => self.other,
        }
    }

    const fn all(self) -> u64 {
        self.failed + self.rejected + self.approved + self.other
    }

    /// Each number with its outcome, as a text.
    fn spoken(self, texts: &Texts) -> String {
        let some = Outcome::ALL.into_iter().filter(|it| self.of(*it) > 0);
        let each = some.map(|it| format!("{} {}", self.of(it), it.name(texts)));
        each.collect::<Vec<_>>().join(", ")
    }
}

/// Events by time: when they were, and what they mean.
#[derive(Debug)]
struct Binned {
    span: Span,
    bars: Vec<Counts>,
    /// Whether these are all events of the span.
    is_whole: bool,
}

impl Binned {
    /// Of the newest events, the newest first, and whether there are no older ones. The span is the
    /// longest that they cover: an event before it says that all within it are known.
    fn of(now: i64, events: &[(i64, EventKind)], is_all: bool) -> Self {
        let oldest = events.last().map(|(at, _)| *at);
        let covers = |span: &Span| is_all || oldest.is_some_and(|it| it < span.start(now));
        let covered = SPANS.into_iter().find(covers);
        let span = covered.unwrap_or(SHORTEST);
        let mut bars: Vec<_> = (0..span.bars).map(|_| Counts::default()).collect();
        for (at, kind) in events {
            // The clock of another host may be ahead.
            let bar = ((at - span.start(now)).div_euclid(span.bar())).min(span.bars - 1);
            let bar = usize::try_from(bar).ok().and_then(|it| bars.get_mut(it));
            if let Some(bar) = bar {
                bar.add(Outcome::of(*kind));
            }
        }
        Self {
            span,
            bars,
            is_whole: covered.is_some(),
        }
    }
}

/// The chart, as the page shows it.
pub(super) struct Chart {
    /// Of which time it is.
    pub(super) heading: String,
    /// How many events it has; if it has none, why.
    pub(super) caption: String,
    pub(super) has_events: bool,
    /// What the picture says, for those who do not see it.
    pub(super) spoken: String,
    pub(super) width: usize,
    pub(super) height: u64,
    pub(super) bars: Vec<Bar>,
    /// The times below the picture.
    pub(super) marks: Vec<Moment>,
    pub(super) legend: Vec<Key>,
    /// The bars that are not empty, the newest first.
    pub(super) rows: Vec<(Moment, [u64; 4])>,
}

/// A bar that is not empty.
pub(super) struct Bar {
    pub(super) spoken: String,
    pub(super) parts: Vec<Part>,
}

/// A part of a bar.
pub(super) struct Part {
    pub(super) class: &'static str,
    pub(super) x: usize,
    pub(super) y: u64,
    pub(super) height: u64,
}

/// What a colour means, and how many events have it.
pub(super) struct Key {
    pub(super) class: &'static str,
    pub(super) name: &'static str,
    pub(super) count: u64,
}

/// A moment, in UTC.
#[derive(Clone)]
pub(super) struct Moment {
    pub(super) exact: String,
    pub(super) text: String,
}

impl Moment {
    fn new(seconds: i64, span: Span) -> Self {
        let at = DateTime::from_timestamp(seconds, 0).unwrap_or_default();
        let format = if span.bar() < 30 { "%H:%M:%S" } else { "%H:%M" };
        Self {
            exact: at.to_rfc3339_opts(SecondsFormat::Secs, true),
            text: at.format(format).to_string(),
        }
    }
}

impl Chart {
    /// The chart of the newest events.
    pub(super) fn of(frame: &Frame, newest: &FeedPage) -> Self {
        let events = newest.events.iter();
        let events = events.map(|it| (it.event.timestamp().timestamp(), it.event.kind()));
        let events: Vec<_> = events.collect();
        let is_all = newest.next.is_none();
        let binned = Binned::of(frame.now.timestamp(), &events, is_all);
        let has_looked_far = events.is_empty() && !is_all;
        Self::drawn(frame.texts, frame.now, &binned, has_looked_far)
    }

    fn drawn(texts: &Texts, now: DateTime<Utc>, binned: &Binned, has_looked_far: bool) -> Self {
        let span = binned.span;
        let (start, end) = (span.start(now.timestamp()), span.end(now.timestamp()));
        let most = binned.bars.iter().map(|it| it.all()).max().unwrap_or(0);
        let mut all = Counts::default();
        for counts in &binned.bars {
            all.failed += counts.failed;
            all.rejected += counts.rejected;
            all.approved += counts.approved;
            all.other += counts.other;
        }
        let heading = texts.events_of_last.replace("{}", span.name(texts));
        let caption = if has_looked_far {
            texts.looked_far.to_owned()
        } else if all.all() == 0 {
            texts.no_events_then.to_owned()
        } else {
            let counted = counted(all.all(), texts.event_one, texts.event_many);
            let more = if binned.is_whole { "" } else { texts.and_older };
            let highest = texts.at_most_in.replace("{}", &most.to_string());
            format!("{counted}{more}, {highest} {}.", span.bar_name(texts))
        };
        let moment = |bar: usize| {
            let bar = i64::try_from(bar).unwrap_or_default();
            Moment::new(start + bar * span.bar(), span)
        };
        let seen = || {
            binned
                .bars
                .iter()
                .enumerate()
                .filter(|(_, it)| it.all() > 0)
        };
        let row = |(at, it): (usize, &Counts)| (moment(at), Outcome::ALL.map(|of| it.of(of)));
        let mut rows: Vec<_> = seen().map(row).collect();
        rows.reverse();
        let key = |it: Outcome| Key {
            class: it.class(),
            name: it.name(texts),
            count: all.of(it),
        };
        let marks = [start, start + (end - start) / 2, end];
        Self {
            spoken: format!("{heading}: {caption} {}.", all.spoken(texts)),
            heading,
            caption,
            has_events: all.all() > 0,
            width: binned.bars.len() * STEP,
            height: HEIGHT,
            bars: seen()
                .map(|(at, it)| Bar::of(at, *it, most, &moment(at), texts))
                .collect(),
            marks: marks.map(|it| Moment::new(it, span)).into(),
            legend: Outcome::ALL.map(key).into(),
            rows,
        }
    }
}

impl Bar {
    /// The bar at this place; the highest one has `most` events.
    fn of(at: usize, counts: Counts, most: u64, begin: &Moment, texts: &Texts) -> Self {
        let mut parts = Vec::new();
        let mut top = HEIGHT;
        for outcome in Outcome::ALL {
            let count = counts.of(outcome);
            if count == 0 {
                continue;
            }
            let height = (count * HEIGHT / most.max(1)).max(LEAST).min(top);
            top -= height;
            parts.push(Part {
                class: outcome.class(),
                x: at * STEP + 1,
                y: top,
                height,
            });
        }
        Self {
            spoken: format!("{}: {}", begin.text, counts.spoken(texts)),
            parts,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn binned(ages: impl IntoIterator<Item = i64>, is_all: bool) -> Binned {
        let events = ages.into_iter().map(|age| (NOW - age, EventKind::Created));
        Binned::of(NOW, &events.collect::<Vec<_>>(), is_all)
    }

    fn total(binned: &Binned) -> u64 {
        binned.bars.iter().map(|it| it.all()).sum()
    }

    #[test]
    fn the_span_is_the_longest_that_the_events_cover() {
        for (oldest, seconds) in [
            (100_000, 86_400),
            (86_401, 86_400),
            (80_000, 21_600),
            (20_000, 3_600),
            (3_000, 900),
            (800, 300),
            (200, 60),
        ] {
            let found = binned([1, oldest], false);
            assert_eq!(found.span.seconds, seconds, "{oldest}");
            assert!(found.is_whole);
            let kept = binned([1, oldest], true);
            assert_eq!(kept.span.seconds, 86_400, "there are no older ones");
        }
        let found = binned([1, 30], false);
        assert_eq!(found.span, SHORTEST);
        assert!(!found.is_whole, "there may be more in this minute");
        assert_eq!(total(&found), 2);
    }

    #[test]
    fn every_event_of_the_span_is_in_its_bar() {
        let found = binned(
            [-1_000_000, -5, 0, 3_600, 7_200, 86_399 - 3_600, 200_000],
            true,
        );
        assert_eq!(total(&found), 6);
        assert_eq!(found.bars.len(), 24);
        let last = found.bars.iter().rev().take(3).map(|it| it.all());
        // A clock that is ahead is in the last one.
        assert_eq!(last.collect::<Vec<_>>(), [3, 1, 1]);
        for span in SPANS {
            assert_eq!(span.seconds % span.bars, 0);
            assert!(span.start(NOW) < NOW && NOW < span.end(NOW));
        }
    }

    #[test]
    fn a_bar_is_no_higher_than_the_picture_and_one_event_is_seen() {
        let counts = Counts {
            failed: 1,
            rejected: 1,
            approved: 500,
            other: 498,
        };
        let moment = Moment::new(NOW, SHORTEST);
        let bar = Bar::of(
            3,
            counts,
            1000,
            &moment,
            Texts::wanted(&http::HeaderMap::new()),
        );
        let heights: Vec<_> = bar.parts.iter().map(|it| it.height).collect();
        assert_eq!(heights, [LEAST, LEAST, 500, 460]);
        assert_eq!(bar.parts.last().map(|it| it.y), Some(0));
    }
}
