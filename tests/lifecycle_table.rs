//! All 60 cells of 6 states × 2 sources × 5 actions, in the types, in `AnyApplication` and in
//! `rules`, each against the contract's table as `support` writes it once more.

mod support;

use std::collections::BTreeSet;
use std::marker::PhantomData;

use certificate_lifecycle::{
    Action, Approved, CanApprove, CanBeginProcessing, CanFail, CanReject, CanRetry, Created,
    Customer, EventKind, Failed, Processing, Rejected, Retried, Source, SourceType, State, Status,
    TriggerContext, Vault, rules,
};
use support::{at, command, contract, every_application};

trait Refused {
    const ALLOWED: bool = false;
}
impl<T> Refused for T {}

/// Whether the type system allows an action in a state, as a constant.
macro_rules! allowed {
    ($state:ty, $source:ty, $permission:ident) => {{
        struct Cell<S, O>(PhantomData<(S, O)>);
        #[allow(dead_code, reason = "where the action is illegal, nothing picks it")]
        impl<S: $permission<O>, O: SourceType> Cell<S, O> {
            const ALLOWED: bool = true;
        }
        // An inherent constant wins over a trait's, but only where its bounds hold.
        Cell::<$state, $source>::ALLOWED
    }};
}

/// Compares the five cells of a state and source with the contract, while compiling.
macro_rules! compare_with_contract {
    ($($state:ident, $source:ident;)+) => {
        $(
            const _: () = {
                let (state, source) = (Status::$state, Source::$source);
                assert!(
                    allowed!($state, $source, CanBeginProcessing)
                        == contract(state, source, Action::BeginProcessing).is_some()
                );
                assert!(
                    allowed!($state, $source, CanApprove)
                        == contract(state, source, Action::Approve).is_some()
                );
                assert!(
                    allowed!($state, $source, CanReject)
                        == contract(state, source, Action::Reject).is_some()
                );
                assert!(
                    allowed!($state, $source, CanFail)
                        == contract(state, source, Action::Fail).is_some()
                );
                assert!(
                    allowed!($state, $source, CanRetry)
                        == contract(state, source, Action::Retry).is_some()
                );
                assert!(<$state as State>::STATUS as u8 == state as u8);
                assert!(<$source as SourceType>::SOURCE as u8 == source as u8);
            };
        )+
    };
}

compare_with_contract! {
    Created, Vault; Created, Customer;
    Processing, Vault; Processing, Customer;
    Approved, Vault; Approved, Customer;
    Rejected, Vault; Rejected, Customer;
    Failed, Vault; Failed, Customer;
    Retried, Vault; Retried, Customer;
}

fn cells() -> impl Iterator<Item = (Status, Source, Action)> {
    Status::ALL.iter().flat_map(|status| {
        Source::ALL.iter().flat_map(move |source| {
            Action::ALL
                .iter()
                .map(move |action| (*status, *source, *action))
        })
    })
}

#[test]
fn there_are_sixty_cells_and_twelve_are_legal() {
    assert_eq!(cells().count(), 60);
    let legal =
        cells().filter(|(status, source, action)| rules::is_legal(*status, *source, *action));
    assert_eq!(legal.count(), 12);
    assert_eq!(rules::RULES.len(), 12);
}

#[test]
fn the_rules_are_the_contract_cell_by_cell() {
    for (status, source, action) in cells() {
        let expected = contract(status, source, action);
        assert_eq!(
            rules::is_legal(status, source, action),
            expected.is_some(),
            "{action} on {source} {status}"
        );
        let rows: Vec<_> = rules::RULES
            .iter()
            .filter(|rule| (rule.from, rule.source, rule.action) == (status, source, action))
            .collect();
        assert_eq!(rows.len(), usize::from(expected.is_some()));
        for (rule, row) in rows.iter().zip(expected) {
            assert_eq!((rule.to, rule.event), (row.to, row.event));
        }
        let listed = rules::legal_actions(status, source).contains(&action);
        assert_eq!(listed, expected.is_some());
    }
}

/// The table as the contract writes it, in docs/CONTRACT.md.
#[test]
fn the_written_contract_has_the_same_rows() {
    let document = include_str!("../docs/CONTRACT.md");
    let (_, table) = document
        .split_once("| from | source | action | to | event |\n|---|---|---|---|---|\n")
        .unwrap();
    let mut written = BTreeSet::new();
    for row in table.lines().take_while(|line| line.starts_with('|')) {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [from, source, action, to, event] = cells.try_into().unwrap();
        let sources = match source {
            "both" => vec!["vault", "customer"],
            one => vec![one],
        };
        for source in sources.into_iter().filter(|_| from != "–") {
            written.insert([from, source, action, to, event].map(str::to_lowercase));
        }
    }
    let coded = rules::RULES.map(|rule| {
        let event = format!("`{}`", rule.event);
        [
            rule.from.to_string(),
            rule.source.to_string(),
            rule.action.to_string(),
            rule.to.to_string(),
            event,
        ]
    });
    assert_eq!(written, BTreeSet::from(coded));
}

#[test]
fn the_runtime_form_is_the_contract_cell_by_cell() {
    let mut seen = BTreeSet::new();
    for application in every_application() {
        let (status, source) = (application.status(), application.source());
        for action in Action::ALL.iter().copied() {
            seen.insert((status, source, action));
            let expected = contract(status, source, action);
            assert_eq!(application.can(action), expected.is_some());
            assert_eq!(
                application.legal_actions().contains(&action),
                expected.is_some()
            );
            let version = application.version();
            match (application.clone().apply(command(action), at(60)), expected) {
                (Ok(transition), Some(row)) => {
                    assert_eq!(transition.application.status(), row.to);
                    assert_eq!(transition.application.source(), source);
                    assert_eq!(transition.application.version(), version + 1);
                    assert_eq!(transition.application.updated_at(), at(60));
                    assert_eq!(transition.application.details(), application.details());
                    assert_eq!(transition.event.kind(), row.event);
                    assert_eq!(transition.event.version(), version + 1);
                    assert_eq!(transition.event.timestamp(), at(60));
                    assert_eq!(transition.event.details(), application.details());
                    assert_eq!(transition.event.body().source(), source);
                }
                (Err(refusal), None) => {
                    assert_eq!(refusal.action(), action);
                    assert_eq!((refusal.status(), refusal.source()), (status, source));
                    assert_eq!(refusal.legal_actions(), application.legal_actions());
                    assert_eq!(refusal.command, command(action));
                    assert_eq!(refusal.application, application);
                }
                (outcome, _) => panic!("{action} on {source} {status} gave {outcome:?}"),
            }
        }
    }
    // The other ten cells are Processing and Rejected from the vault: no such value can be made.
    assert_eq!(seen.len(), 50);
    let unreachable = [Status::Processing, Status::Rejected];
    for (status, source, action) in cells() {
        let possible = source == Source::Customer || !unreachable.contains(&status);
        assert_eq!(seen.contains(&(status, source, action)), possible);
    }
}

#[test]
fn a_refusal_is_a_sentence_that_an_administrator_can_read() {
    let said = |index: usize, action| {
        let application = every_application().swap_remove(index);
        application
            .apply(command(action), at(0))
            .unwrap_err()
            .to_string()
    };
    let uuid = "9e7860f0-05d1-4fd0-b3e0-e98e19f1cf15";
    for (index, action, sentence) in [
        (
            0,
            Action::BeginProcessing,
            format!(
                "cannot begin_processing application {uuid} (source vault): its status is created; what can be done now: approve, fail"
            ),
        ),
        (
            4,
            Action::Approve,
            format!(
                "cannot approve application {uuid} (source customer): its status is created; what can be done now: begin_processing, reject"
            ),
        ),
        (
            2,
            Action::Fail,
            format!(
                "cannot fail application {uuid} (source vault): its status is failed; what can be done now: retry"
            ),
        ),
        (
            6,
            Action::Reject,
            format!(
                "cannot reject application {uuid} (source customer): its status is approved, which is final"
            ),
        ),
    ] {
        assert_eq!(said(index, action), sentence);
    }
}

#[test]
fn in_progress_is_what_the_contract_calls_so() {
    for application in every_application() {
        let expected = matches!(
            (application.source(), application.status()),
            (Source::Vault, Status::Created) | (_, Status::Processing | Status::Retried)
        );
        assert_eq!(application.is_in_progress(), expected, "{application:?}");
    }
}

#[test]
fn every_event_has_the_action_that_emits_it() {
    for rule in rules::RULES {
        assert_eq!(rule.event.action(), Some(rule.action));
    }
    assert_eq!(EventKind::Created.action(), None);
    for kind in EventKind::ALL.iter().copied() {
        assert_eq!(kind.name(), format!("certificate_application.{kind}"));
        assert_eq!(EventKind::from_name(kind.name()), Some(kind));
    }
    assert_eq!(EventKind::from_name("created"), None);
    assert_eq!(EventKind::from_name("certificate_application.x"), None);
}

#[test]
fn every_trigger_context_has_one_source_and_one_creation() {
    let pairs = [
        (TriggerContext::SingleUpload, Source::Vault),
        (TriggerContext::BulkUpload, Source::Vault),
        (TriggerContext::CustomerSubmission, Source::Customer),
    ];
    for (context, source) in pairs {
        assert_eq!(context.source(), source);
        let creations = rules::CREATIONS.iter();
        let matching = creations.filter(|it| it.trigger_context == context && it.source == source);
        assert_eq!(matching.count(), 1);
    }
    assert_eq!(rules::CREATIONS.len(), pairs.len());
}

#[test]
fn reachable_versions_are_those_of_some_history() {
    for source in Source::ALL.iter().copied() {
        let mut reached = BTreeSet::from([Status::Created]);
        for version in 1..=50 {
            for status in Status::ALL.iter().copied() {
                assert_eq!(
                    rules::is_reachable(status, source, version),
                    reached.contains(&status),
                    "{source} {status} at version {version}"
                );
            }
            reached = reached
                .into_iter()
                .flat_map(|from| {
                    Action::ALL
                        .iter()
                        .filter_map(move |action| contract(from, source, *action).map(|row| row.to))
                })
                .collect();
        }
        for status in Status::ALL.iter().copied() {
            assert!(!rules::is_reachable(status, source, 0));
        }
    }
    let (failed, customer) = (Status::Failed, Source::Customer);
    assert!(rules::is_reachable(failed, customer, (1 << 53) - 1));
    assert!(!rules::is_reachable(failed, customer, 1 << 53));
}

/// The compiler's messages are string literals in attributes; this keeps them equal to the rules.
#[test]
fn the_compilers_messages_name_the_legal_moves() {
    let code = include_str!("../src/lifecycle/transition.rs");
    let moves: Vec<String> = [
        (Status::Created, "Created"),
        (Status::Processing, "Processing"),
        (Status::Failed, "Failed"),
        (Status::Retried, "Retried"),
    ]
    .into_iter()
    .flat_map(|(status, title)| {
        let actions = |source| {
            let names = rules::legal_actions(status, source).iter();
            names.map(|it| it.as_str()).collect::<Vec<_>>().join(", ")
        };
        let (vault, customer) = (actions(Source::Vault), actions(Source::Customer));
        if vault == customer {
            vec![format!("{title} (vault or customer): {vault}")]
        } else {
            [("customer", customer), ("vault", vault)]
                .into_iter()
                .filter(|(_, actions)| !actions.is_empty())
                .map(|(source, actions)| format!("{title} ({source}): {actions}"))
                .collect()
        }
    })
    .collect();
    let table = format!(
        r#"note = "the legal moves are:\n  {}\n  Approved, Rejected: none, they are final""#,
        moves.join(r"\n  ")
    );
    assert_eq!(code.matches(&table).count(), 5, "{table}");

    for action in Action::ALL.iter().copied() {
        let from: Vec<_> = ["Created", "Processing", "Failed", "Retried"]
            .into_iter()
            .zip([
                Status::Created,
                Status::Processing,
                Status::Failed,
                Status::Retried,
            ])
            .filter_map(|(title, status)| {
                let allows = |source| rules::is_legal(status, source, action);
                match (allows(Source::Vault), allows(Source::Customer)) {
                    (true, true) => Some(format!("{title} (vault or customer)")),
                    (true, false) => Some(format!("{title} (vault)")),
                    (false, true) => Some(format!("{title} (customer)")),
                    (false, false) => None,
                }
            })
            .collect();
        let note = format!(r#"note = "`{action}` is legal from: {}""#, from.join(", "));
        assert!(code.contains(&note), "{note}");
    }
}
