//! The protocol of the feed in PostgreSQL, checked over every order in which its steps can happen:
//! transactions that get their ids, wait for rows, commit or are lost; a reader who asks for page
//! after page. docs/decisions/0007-feed.md says it in words. The same model shows that each of its
//! two rules is needed.

use std::collections::BTreeSet;

use stateright::{Checker, Model, Property};

/// Applications, each a row that one transaction at a time can hold.
const APPLICATIONS: usize = 2;

/// What each transaction wants to move on, in the order of its statement. The third waits for the
/// first or the second in every row.
const BATCHES: [&[usize]; 3] = [&[0, 1], &[1], &[1, 0]];

/// How many events a page has at most.
const PAGE: usize = 1;

/// Which rules are kept.
#[derive(Clone, Copy)]
struct Rules {
    /// A command is left to a later transaction where its application's last event has a higher
    /// transaction id.
    ids_ascend_for_each_application: bool,
    /// A page ends before the first transaction that is under way.
    pages_end_before_what_is_under_way: bool,
}

const ALL_RULES: Rules = Rules {
    ids_ascend_for_each_application: true,
    pages_end_before_what_is_under_way: true,
};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Transaction {
    Waiting,
    /// With its id, at this place of its batch, and the rows that it has changed so far.
    UnderWay {
        id: u8,
        next: usize,
        changed: Vec<Event>,
    },
    Ended,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Event {
    transaction: u8,
    place: usize,
    application: usize,
    version: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct World {
    next_id: u8,
    /// The last committed event of each application: its version and transaction.
    rows: [(u8, u8); APPLICATIONS],
    transactions: [Transaction; BATCHES.len()],
    committed: BTreeSet<Event>,
    /// What the reader has got, in order; the cursor is the last of it.
    reported: Vec<Event>,
    /// How many commands were left to a later transaction.
    left: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Step {
    Begin(usize),
    /// Moves on the next application of its batch, or leaves it to a later transaction.
    Change(usize),
    Commit(usize),
    Lose(usize),
    Read,
}

impl World {
    fn holds(transaction: &Transaction, application: usize) -> bool {
        matches!(transaction, Transaction::UnderWay { changed, .. }
            if changed.iter().any(|event| event.application == application))
    }

    fn lowest_under_way(&self) -> u8 {
        let ids = self.transactions.iter().filter_map(|it| match it {
            Transaction::UnderWay { id, .. } => Some(*id),
            _ => None,
        });
        ids.min().unwrap_or(self.next_id)
    }

    fn page(&self, rules: Rules) -> Vec<Event> {
        let end = if rules.pages_end_before_what_is_under_way {
            self.lowest_under_way()
        } else {
            self.next_id
        };
        let place = |event: &Event| (event.transaction, event.place);
        let cursor = self.reported.last().map(place);
        self.committed
            .iter()
            .filter(|event| Some(place(event)) > cursor && event.transaction < end)
            .take(PAGE)
            .cloned()
            .collect()
    }
}

impl Model for Rules {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        vec![World {
            next_id: 1,
            rows: [(0, 0); APPLICATIONS],
            transactions: [const { Transaction::Waiting }; BATCHES.len()],
            committed: BTreeSet::new(),
            reported: Vec::new(),
            left: 0,
        }]
    }

    fn actions(&self, world: &World, steps: &mut Vec<Step>) {
        for (at, transaction) in world.transactions.iter().enumerate() {
            match transaction {
                Transaction::Waiting => steps.push(Step::Begin(at)),
                Transaction::UnderWay { next, .. } => {
                    match BATCHES[at].get(*next) {
                        None => steps.push(Step::Commit(at)),
                        // A transaction that wants a row of another waits for its end.
                        Some(application) => {
                            let others = world.transactions.iter().enumerate();
                            let is_held = others
                                .filter(|(other, _)| *other != at)
                                .any(|(_, it)| World::holds(it, *application));
                            if !is_held {
                                steps.push(Step::Change(at));
                            }
                        }
                    }
                    steps.push(Step::Lose(at));
                }
                Transaction::Ended => {}
            }
        }
        if !world.page(*self).is_empty() {
            steps.push(Step::Read);
        }
    }

    fn next_state(&self, world: &World, step: Step) -> Option<World> {
        let mut next = world.clone();
        match step {
            Step::Begin(at) => {
                next.transactions[at] = Transaction::UnderWay {
                    id: world.next_id,
                    next: 0,
                    changed: Vec::new(),
                };
                next.next_id += 1;
            }
            Step::Change(at) => {
                let Transaction::UnderWay {
                    id,
                    next: place,
                    changed,
                } = &mut next.transactions[at]
                else {
                    return None;
                };
                let application = BATCHES[at][*place];
                let (version, last) = world.rows[application];
                if !self.ids_ascend_for_each_application || last < *id {
                    changed.push(Event {
                        transaction: *id,
                        place: *place,
                        application,
                        version: version + 1,
                    });
                } else {
                    next.left += 1;
                }
                *place += 1;
            }
            Step::Commit(at) => {
                let ended = std::mem::replace(&mut next.transactions[at], Transaction::Ended);
                let Transaction::UnderWay { changed, .. } = ended else {
                    return None;
                };
                for event in changed {
                    next.rows[event.application] = (event.version, event.transaction);
                    next.committed.insert(event);
                }
            }
            Step::Lose(at) => next.transactions[at] = Transaction::Ended,
            Step::Read => next.reported.extend(world.page(*self)),
        }
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(
                "nothing is skipped, reordered or reported twice",
                |_, world: &World| {
                    (0..APPLICATIONS).all(|application| {
                        let reported = world.reported.iter();
                        let versions = reported.filter(|event| event.application == application);
                        versions.zip(1..).all(|(event, nth)| event.version == nth)
                    })
                },
            ),
            Property::always(
                "what was committed and not reported is still to come",
                |rules: &Self, world: &World| {
                    // A reader that goes on until all transactions have ended gets everything.
                    let mut end = world.clone();
                    end.transactions = [const { Transaction::Ended }; BATCHES.len()];
                    loop {
                        let page = end.page(*rules);
                        if page.is_empty() {
                            break;
                        }
                        end.reported.extend(page);
                    }
                    end.reported.len() == end.committed.len()
                },
            ),
            Property::sometimes("every transaction can go through", |_, world: &World| {
                world.reported.len() == BATCHES.iter().map(|batch| batch.len()).sum::<usize>()
            }),
            Property::sometimes(
                "a command is left to a later transaction",
                |_, world: &World| world.left > 0 && !world.committed.is_empty(),
            ),
        ]
    }
}

const NOTHING_LOST: &str = "nothing is skipped, reordered or reported twice";

#[test]
fn under_both_rules_no_event_is_skipped_or_reordered() {
    let checker = ALL_RULES.checker().threads(2).spawn_bfs().join();
    assert!(checker.unique_state_count() > 1_000, "the model is trivial");
    checker.assert_properties();
}

#[test]
fn without_ascending_ids_events_of_one_application_would_be_reordered() {
    let rules = Rules {
        ids_ascend_for_each_application: false,
        ..ALL_RULES
    };
    let checker = rules.checker().spawn_bfs().join();
    assert!(checker.discovery(NOTHING_LOST).is_some());
}

#[test]
fn without_the_end_before_what_is_under_way_events_would_be_skipped() {
    let rules = Rules {
        pages_end_before_what_is_under_way: false,
        ..ALL_RULES
    };
    let checker = rules.checker().spawn_bfs().join();
    let skipped = "what was committed and not reported is still to come";
    assert!(checker.discovery(skipped).is_some() || checker.discovery(NOTHING_LOST).is_some());
}
