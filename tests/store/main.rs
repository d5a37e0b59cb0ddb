//! What every store promises, tried on each of them: one suite, and no store has a special case in
//! it. What only one of them has (files, servers) follows in a module of its own.

#[macro_use]
#[path = "../support/delegate.rs"]
mod delegate;
#[path = "../support/proxy.rs"]
mod proxy;
#[path = "../support/random.rs"]
mod random;
#[path = "../support/postgres.rs"]
mod server;

mod act;
mod backward;
mod batches;
mod codes_and_json;
mod damaged;
mod feed;
mod feed_outages;
mod filters;
mod idempotency;
mod institutions;
mod lifecycle;
mod lists;
mod outbox;
mod permission;
mod postgres;
mod races;
mod receipts;
mod reply;
mod rivals;
mod sqlite;
mod stalled;
mod support;
mod texts;
mod time;
mod token;
mod versions;
mod waiting;
mod walk;
mod within;
mod work;

use support::{harness, outbox_world, token_world, work_world, world};

/// Tries every promise on a store. A promise that is missing here is dead code, and the compiler
/// says so.
macro_rules! conformance {
    ($store:ident, $harness:ty) => {
        mod $store {
            use crate::*;

            conformance! { for $harness:
                lifecycle::{
                    a_submission_lives_to_each_of_its_ends,
                    an_upload_lives_to_each_of_its_ends,
                    every_cell_of_the_table_is_legal_or_refused_as_the_contract_says,
                    every_way_to_read_an_application_tells_the_same,
                    an_application_that_was_never_created_is_unknown,
                    the_longest_history_is_read_in_order,
                    everything_is_found_through_another_handle
                }
                texts::{
                    texts_come_back_to_the_byte,
                    names_at_their_limits_come_back,
                    the_largest_number_comes_back,
                    texts_that_look_alike_are_different
                }
                time::{
                    a_clock_that_runs_backwards_does_not_turn_a_history_back,
                    a_given_time_before_the_last_event_is_refused,
                    a_given_time_counts_instead_of_the_clock,
                    every_time_that_can_be_written_comes_back,
                    fractions_of_a_second_are_cut
                }
                permission::{
                    no_actor_may_do_what_the_contract_does_not_give_it,
                    one_that_is_forbidden_leaves_the_others_of_a_call_alone,
                    one_that_is_forbidden_stops_all_or_none
                }
                idempotency::{
                    a_repeated_command_answers_with_the_original_event,
                    a_creation_can_be_repeated,
                    a_repeated_command_answers_even_after_later_transitions,
                    a_repeated_command_answers_whatever_the_clock_says,
                    a_key_belongs_to_one_command,
                    a_key_is_free_in_another_institution,
                    a_refused_command_stays_refused_under_its_key,
                    the_same_commands_again_change_nothing,
                    what_was_refused_all_or_nothing_is_not_remembered,
                    a_key_twice_in_one_call_is_carried_out_once,
                    a_key_twice_in_an_all_or_nothing_call_is_answered_in_turn,
                    one_keyed_command_of_many_callers_is_carried_out_once,
                    one_keyed_creation_of_many_callers_is_carried_out_once,
                    one_key_for_two_commands_at_once_goes_to_one_of_them,
                    keys_are_read_back_in_the_history_and_the_feed
                }
                versions::{
                    the_version_that_the_caller_has_seen_is_right,
                    a_stale_version_is_a_conflict_that_says_what_is_there,
                    a_stale_version_is_reported_before_an_illegal_action,
                    no_version_is_too_large_to_be_wrong,
                    a_repeated_command_may_expect_what_it_expected
                }
                institutions::{
                    no_institution_sees_the_applications_of_another,
                    no_institution_moves_the_applications_of_another,
                    an_identity_is_taken_in_every_institution,
                    one_identity_in_two_institutions_at_once_goes_to_one_of_them,
                    an_institution_that_was_only_asked_about_has_nothing,
                    institutions_whose_names_look_alike_are_different
                }
                batches::{
                    no_commands_have_no_answers,
                    an_application_moves_on_within_one_call,
                    the_same_identity_twice_in_one_call_is_taken_once,
                    what_is_refused_leaves_the_others_of_its_call_alone,
                    all_or_none_is_all,
                    all_or_none_is_none,
                    the_first_that_was_refused_is_named,
                    what_was_first_seen_in_a_refused_call_is_forgotten,
                    all_or_none_repeats_as_a_whole,
                    half_of_all_or_none_is_never_seen,
                    ten_thousand_are_created_in_one_call,
                    calls_through_one_handle_keep_their_order,
                    a_caller_who_does_not_wait_is_served_all_the_same
                }
                receipts::{
                    one_command_has_the_place_that_the_feed_gives,
                    commands_of_one_call_have_the_places_that_the_feed_gives,
                    the_place_is_where_the_feed_goes_on
                }
                races::{
                    accepting_and_rejecting_at_once_has_one_winner,
                    approving_and_failing_at_once_has_one_winner,
                    of_those_who_saw_the_same_version_one_wins,
                    creating_at_once_has_one_winner,
                    hot_applications_count_every_version_once
                }
                rivals::{
                    transitions_in_opposite_orders_all_get_through,
                    creations_in_opposite_orders_all_get_through,
                    keys_in_opposite_orders_all_get_through,
                    refusals_under_keys_in_opposite_orders_are_remembered,
                    all_or_none_in_opposite_orders_gets_through,
                    a_call_is_listed_and_reported_in_its_order
                }
                feed::{
                    pages_of_any_size_tell_the_same,
                    an_empty_feed_is_empty,
                    a_cursor_beyond_the_end_is_an_error,
                    a_cursor_is_kept_as_text,
                    a_page_of_none_is_empty,
                    readers_miss_nothing_while_many_write,
                    what_was_acknowledged_first_comes_first,
                    the_end_of_the_feed_is_behind_all_that_was_reported,
                    a_subscriber_who_starts_now_misses_nothing_that_is_committed_later,
                    following_waits_for_what_comes,
                    following_hears_of_other_handles,
                    following_starts_anywhere,
                    all_or_none_stands_together
                }
                backward::{
                    pages_backward_are_the_feed_reversed,
                    before_every_event_what_was_earlier_comes,
                    an_empty_feed_is_empty_backward,
                    a_page_backward_of_none_has_one,
                    few_events_behind_many_of_others_are_found_in_several_pages,
                    pages_backward_are_never_contradicted
                }
                lists::{
                    every_filter_and_order_lists_what_it_should,
                    pages_of_any_size_list_the_same,
                    a_page_of_none_has_one,
                    what_is_created_between_pages_shifts_nothing,
                    a_key_may_be_any_number,
                    counts_are_what_the_lists_say,
                    addresses_are_taken_letter_for_letter,
                    updated_before_is_to_the_second,
                    a_list_says_how_each_application_came_to_be
                }
                filters::{
                    a_part_of_a_title_is_found_whatever_the_case,
                    no_letter_of_a_part_stands_for_others,
                    every_letter_is_found_by_its_lower_case,
                    one_call_looks_at_so_many_and_tells_where_it_goes_on,
                    what_is_narrowed_by_an_address_too_is_found,
                    updated_after_is_to_the_second
                }
                stalled::{
                    only_work_that_is_stuck_is_stalled,
                    failing_the_stalled_fails_each_with_the_error,
                    only_the_system_fails_the_stalled,
                    two_who_fail_the_stalled_at_once_fail_each_once,
                    what_moves_on_meanwhile_is_left_alone,
                    more_than_a_page_is_failed
                }
                waiting::{
                    each_end_is_waited_for,
                    what_has_ended_already_is_answered_at_once,
                    what_the_institution_does_not_have_is_not_waited_for,
                    an_end_through_another_handle_is_noticed,
                    calls_come_and_go
                }
                walk::{
                    a_random_walk_is_that_of_the_reference,
                    a_random_walk_over_several_handles_is_that_of_the_reference
                }
            }
        }
    };
    (for $harness:ty: $($module:ident::{$($promise:ident),+})+) => {
        $(mod $module {
            use crate::$module as promises;

            conformance! { tests of promises on $harness: $($promise),+ }
        })+
    };
    (for $harness:ty, in $suite:ident: $($module:ident::{$($promise:ident),+})+) => {
        $(mod $module {
            use crate::$suite::$module as promises;

            conformance! { tests of promises on $harness: $($promise),+ }
        })+
    };
    (tests of $promises:ident on $harness:ty: $($promise:ident),+) => {
        #[allow(unused_imports, reason = "the type of the harness is written as seen from outside")]
        use super::*;

        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                let promise = $promises::$promise::<$harness>();
                harness::MODULE.scope(module_path!(), promise).await;
            }
        )+
    };
}

conformance!(memory, harness::Memory);
conformance!(sqlite_file, harness::Sqlite);
conformance!(postgres_server, harness::Postgres);

/// What is promised of commands, through transactions of the backend's own. How the store reads is
/// tried above.
macro_rules! within_conformance {
    ($store:ident, $harness:ty) => {
        mod $store {
            use crate::*;

            conformance! { for $harness:
                lifecycle::{
                    a_submission_lives_to_each_of_its_ends,
                    an_upload_lives_to_each_of_its_ends,
                    every_cell_of_the_table_is_legal_or_refused_as_the_contract_says,
                    every_way_to_read_an_application_tells_the_same,
                    an_application_that_was_never_created_is_unknown
                }
                texts::{texts_come_back_to_the_byte, the_largest_number_comes_back}
                time::{
                    a_clock_that_runs_backwards_does_not_turn_a_history_back,
                    a_given_time_before_the_last_event_is_refused,
                    a_given_time_counts_instead_of_the_clock
                }
                idempotency::{
                    a_repeated_command_answers_with_the_original_event,
                    a_creation_can_be_repeated,
                    a_repeated_command_answers_even_after_later_transitions,
                    a_key_belongs_to_one_command,
                    a_key_is_free_in_another_institution,
                    a_refused_command_stays_refused_under_its_key,
                    the_same_commands_again_change_nothing,
                    what_was_refused_all_or_nothing_is_not_remembered,
                    a_key_twice_in_one_call_is_carried_out_once,
                    a_key_twice_in_an_all_or_nothing_call_is_answered_in_turn,
                    one_key_for_two_commands_at_once_goes_to_one_of_them,
                    keys_are_read_back_in_the_history_and_the_feed
                }
                versions::{
                    the_version_that_the_caller_has_seen_is_right,
                    a_stale_version_is_a_conflict_that_says_what_is_there,
                    a_stale_version_is_reported_before_an_illegal_action,
                    no_version_is_too_large_to_be_wrong,
                    a_repeated_command_may_expect_what_it_expected
                }
                institutions::{
                    no_institution_moves_the_applications_of_another,
                    an_identity_is_taken_in_every_institution
                }
                batches::{
                    no_commands_have_no_answers,
                    an_application_moves_on_within_one_call,
                    the_same_identity_twice_in_one_call_is_taken_once,
                    what_is_refused_leaves_the_others_of_its_call_alone,
                    all_or_none_is_all,
                    all_or_none_is_none,
                    the_first_that_was_refused_is_named,
                    what_was_first_seen_in_a_refused_call_is_forgotten,
                    all_or_none_repeats_as_a_whole
                }
                receipts::{
                    one_command_has_the_place_that_the_feed_gives,
                    commands_of_one_call_have_the_places_that_the_feed_gives,
                    the_place_is_where_the_feed_goes_on
                }
                races::{
                    of_those_who_saw_the_same_version_one_wins,
                    hot_applications_count_every_version_once
                }
                rivals::{a_call_is_listed_and_reported_in_its_order}
                feed::{
                    what_was_acknowledged_first_comes_first,
                    a_subscriber_who_starts_now_misses_nothing_that_is_committed_later,
                    following_hears_of_other_handles,
                    all_or_none_stands_together
                }
                walk::{a_random_walk_over_several_handles_is_that_of_the_reference}
            }

            mod outbox {
                use crate::*;

                conformance! { for $harness, in outbox:
                    events::{
                        every_webhook_of_the_institution_gets_every_event,
                        kinds_are_respected,
                        what_is_registered_through_another_handle_counts_at_once,
                        what_is_refused_makes_no_delivery,
                        all_or_none_makes_all_deliveries_or_none,
                        a_repeated_command_makes_no_second_delivery,
                        many_commands_of_one_call_make_as_many_deliveries,
                        a_delivery_was_made_when_its_event_was_recorded
                    }
                    walk::{a_random_walk_is_that_of_the_reference}
                }
            }
        }
    };
}

within_conformance!(sqlite_within, within::Within);
within_conformance!(postgres_within, within::Within);

/// The same through another library, which carries out the same statements.
#[cfg(feature = "sqlx")]
mod sqlx_within {
    use crate::*;

    conformance! { for within::Within:
        lifecycle::{every_cell_of_the_table_is_legal_or_refused_as_the_contract_says}
        texts::{texts_come_back_to_the_byte}
        idempotency::{
            a_repeated_command_answers_with_the_original_event,
            a_key_belongs_to_one_command,
            a_refused_command_stays_refused_under_its_key,
            a_key_twice_in_an_all_or_nothing_call_is_answered_in_turn
        }
        versions::{
            the_version_that_the_caller_has_seen_is_right,
            a_stale_version_is_a_conflict_that_says_what_is_there,
            no_version_is_too_large_to_be_wrong
        }
        batches::{
            an_application_moves_on_within_one_call,
            what_is_refused_leaves_the_others_of_its_call_alone,
            all_or_none_is_all,
            the_first_that_was_refused_is_named
        }
        receipts::{commands_of_one_call_have_the_places_that_the_feed_gives}
        races::{of_those_who_saw_the_same_version_one_wins}
        feed::{what_was_acknowledged_first_comes_first}
        walk::{a_random_walk_over_several_handles_is_that_of_the_reference}
    }

    mod outbox {
        use crate::*;

        conformance! { for within::Within, in outbox:
            events::{
                every_webhook_of_the_institution_gets_every_event,
                kinds_are_respected,
                what_is_refused_makes_no_delivery,
                all_or_none_makes_all_deliveries_or_none,
                a_repeated_command_makes_no_second_delivery,
                many_commands_of_one_call_make_as_many_deliveries
            }
        }
    }
}

/// Tries every promise of an outbox on a store.
macro_rules! outbox_conformance {
    ($store:ident, $harness:ty) => {
        mod $store {
            use crate::*;

            conformance! { for $harness, in outbox:
                webhooks::{
                    a_webhook_comes_back_to_the_byte,
                    a_webhook_is_registered_with_revision_0_whatever_it_has,
                    an_id_is_registered_once,
                    webhooks_are_listed_in_the_order_of_creation,
                    a_webhook_is_replaced_only_as_it_was_seen,
                    what_belongs_to_another_institution_is_unknown,
                    institutions_are_those_with_an_application_or_a_webhook,
                    of_those_who_saw_the_same_revision_one_replaces_it,
                    who_is_enabled_again_begins_in_good_health,
                    a_removed_webhook_goes_with_all_that_belongs_to_it,
                    the_id_of_a_removed_webhook_is_free_again,
                    a_webhook_with_thousands_of_deliveries_is_removed,
                    an_unknown_webhook_has_nothing
                }
                events::{
                    every_webhook_of_the_institution_gets_every_event,
                    kinds_are_respected,
                    what_is_disabled_gets_nothing_new,
                    a_webhook_hears_of_what_comes_after_it,
                    what_is_registered_through_another_handle_counts_at_once,
                    what_is_refused_makes_no_delivery,
                    all_or_none_makes_all_deliveries_or_none,
                    a_repeated_command_makes_no_second_delivery,
                    many_commands_of_one_call_make_as_many_deliveries,
                    a_delivery_was_made_when_its_event_was_recorded,
                    many_webhooks_get_one_event
                }
                claims::{
                    a_claim_brings_events_and_webhooks,
                    nothing_is_claimed_where_nothing_is_wanted,
                    a_lease_of_any_length_can_be_taken_and_settled, a_lease_puts_a_delivery_off_until_it_ends,
                    the_newest_lease_settles_even_after_it_has_ended,
                    new_ones_come_first_and_the_oldest_of_them,
                    new_ones_have_the_room_that_none_are_due_again_for,
                    what_is_released_is_due_at_once,
                    a_retry_is_due_at_its_time,
                    nothing_is_claimed_for_a_disabled_webhook,
                    each_settlement_counts_for_itself,
                    a_thousand_are_settled_in_one_call
                }
                order::{
                    only_the_first_pending_version_is_claimed,
                    the_next_version_goes_at_once_when_one_is_over,
                    a_whole_history_is_reported_in_order,
                    what_waits_holds_up_its_own_application_only,
                    many_that_wait_do_not_hold_up_what_came_later,
                    what_is_redelivered_holds_up_what_came_after_it,
                    what_had_a_time_of_its_own_goes_soon_when_the_one_before_is_over,
                    what_is_redelivered_is_not_sent_beside_a_later_version,
                    what_is_redelivered_goes_at_once_where_a_lease_has_ended,
                    a_released_version_still_comes_before_the_next,
                    what_is_redelivered_waits_for_what_was_never_looked_at
                }
                settling::{
                    a_delivery_says_what_became_of_it,
                    attempts_come_back_in_order,
                    health_is_recorded_with_what_is_settled,
                    what_is_over_can_be_redelivered,
                    what_waits_for_its_time_can_be_sent_now_unless_it_is_leased,
                    a_lease_that_was_taken_over_is_one_as_well,
                    what_was_abandoned_while_it_was_sent_is_under_no_lease,
                    what_is_pending_can_be_abandoned,
                    what_is_redelivered_is_not_ended_by_who_had_it_before,
                    a_token_is_good_for_one_settlement
                }
                attempts::{
                    attempts_stay_in_their_order_when_a_delivery_is_sent_again,
                    an_attempt_is_forgotten_before_its_delivery,
                    under_its_lease_a_delivery_is_passed_by_and_afterwards_claimed_again
                }
                rules::{
                    health_after_a_change_is_that_of_the_rule,
                    what_is_redelivered_is_what_the_rule_says,
                    what_was_never_claimed_waits_as_long_as_the_rule_says,
                    what_was_claimed_before_looks_again_soon
                }
                reading::{
                    deliveries_are_filtered_by_everything,
                    pages_of_deliveries_of_any_size_tell_the_same,
                    what_is_due_is_reported,
                    the_backlog_is_counted,
                    what_is_old_is_forgotten,
                    what_is_forgotten_at_once_is_limited,
                    a_forgotten_delivery_takes_its_attempts_along
                }
                replay::{
                    a_webhook_gets_what_happened_before_it_was_registered,
                    a_replay_is_of_kinds_and_times,
                    what_a_webhook_had_before_is_not_replayed,
                    what_is_replayed_is_not_sent_beside_a_later_version,
                    a_replay_to_no_webhook_is_none,
                    two_who_replay_at_once_make_each_once,
                    a_replay_can_be_broken_off_and_goes_on
                }
                races::{
                    two_who_claim_at_once_never_get_the_same,
                    of_two_leases_one_settles,
                    those_who_claim_settle_and_write_at_once_lose_nothing,
                    who_writes_while_webhooks_come_and_go_is_not_held_up
                }
                walk::{
                    a_random_walk_is_that_of_the_reference,
                    a_delivery_that_is_named_twice_is_redelivered_once
                }
            }
        }
    };
}

outbox_conformance!(memory_outbox, harness::Memory);
outbox_conformance!(sqlite_file_outbox, harness::Sqlite);
outbox_conformance!(postgres_server_outbox, harness::Postgres);

/// Tries every promise of background work on a store.
macro_rules! work_conformance {
    ($store:ident, $harness:ty) => {
        mod $store {
            use crate::*;

            conformance! { for $harness, in work:
                finding::{
                    exactly_what_is_in_progress_is_found,
                    what_comes_into_progress_later_is_found,
                    who_has_work_is_reported,
                    one_institution_finds_for_all,
                    more_than_one_look_takes_is_found,
                    the_backlog_is_counted
                }
                claims::{
                    one_at_a_time_has_a_claim,
                    the_newest_lease_settles_even_after_it_has_ended,
                    what_was_never_leased_is_not_held,
                    renewals_put_off_the_end,
                    each_renewal_counts_for_itself,
                    a_lease_of_any_length_can_be_taken_and_settled,
                    room_is_never_exceeded,
                    what_has_moved_on_is_never_claimed
                }
                order::{
                    what_is_new_comes_in_the_order_of_the_feed,
                    commands_of_one_call_are_claimed_in_their_order,
                    a_quarter_is_for_what_is_due_again,
                    the_rest_of_a_quarter_goes_by_turns,
                    new_ones_have_the_room_that_none_are_due_again_for,
                    institutions_are_apart,
                    a_time_to_the_millisecond_counts,
                    what_is_put_off_is_due_at_its_time
                }
                settling::{
                    a_transition_ends_the_claim,
                    a_commit_by_a_settlement_is_noticed,
                    a_refused_transition_ends_the_claim,
                    a_key_is_remembered,
                    what_was_carried_out_before_is_answered_again,
                    each_settlement_counts_for_itself,
                    commands_of_others_go_on_meanwhile,
                    half_of_a_settlement_is_never_left,
                    a_settlement_counts_in_its_institution_only
                }
                moved_on::{
                    a_retry_after_the_end_is_new_work,
                    a_retry_while_the_old_claim_lies_there_is_new_work,
                    an_end_that_a_claim_finds_ends_the_lease,
                    an_old_lease_does_not_disturb_new_work,
                    commands_that_are_taken_back_change_no_work,
                    of_a_processor_and_a_command_one_wins
                }
                processors::{
                    many_share_the_work_and_each_application_ends_once
                }
                races::{
                    two_who_claim_at_once_never_get_the_same,
                    of_two_leases_one_settles,
                    each_application_ends_once
                }
                walk::{
                    a_random_walk_is_that_of_the_model,
                    a_walk_with_full_rooms_is_that_of_the_model
                }
            }
        }
    };
}

work_conformance!(memory_work, harness::Memory);
work_conformance!(sqlite_file_work, harness::Sqlite);
work_conformance!(postgres_server_work, harness::Postgres);

/// Tries every promise of tokens on a store.
macro_rules! token_conformance {
    ($store:ident, $harness:ty) => {
        mod $store {
            use crate::*;

            conformance! { for $harness, in token:
                keeping::{
                    a_token_comes_back_as_it_was,
                    every_scope_and_kind_of_actor_comes_back,
                    an_id_is_taken_in_every_institution,
                    of_those_who_add_one_id_at_once_one_does,
                    another_institutions_token_is_unknown,
                    the_last_use_is_recorded_once_a_minute
                }
                listing::{
                    institutions_are_apart,
                    pages_of_any_size_tell_the_same,
                    tokens_that_come_and_go_shift_no_page
                }
            }
        }
    };
}

token_conformance!(memory_token, harness::Memory);
token_conformance!(sqlite_file_token, harness::Sqlite);
token_conformance!(postgres_server_token, harness::Postgres);

/// Tries every promise of replies on a store.
macro_rules! reply_conformance {
    ($store:ident, $harness:ty) => {
        mod $store {
            use crate::*;

            conformance! { for $harness:
                reply::{
                    a_reply_is_kept_as_it_was,
                    a_key_belongs_to_one_request,
                    each_institution_has_its_own_keys,
                    a_request_that_came_to_nothing_frees_its_key,
                    a_request_that_was_broken_off_begins_anew,
                    of_those_who_begin_at_once_one_does
                }
            }
        }
    };
}

reply_conformance!(memory_reply, harness::Memory);
reply_conformance!(sqlite_file_reply, harness::Sqlite);
reply_conformance!(postgres_server_reply, harness::Postgres);

/// Tries every promise of acts on a store.
macro_rules! act_conformance {
    ($store:ident, $harness:ty) => {
        mod $store {
            use crate::*;

            conformance! { for $harness:
                act::{
                    an_act_comes_back_as_it_was,
                    the_first_outcome_stays,
                    the_newest_comes_first_page_by_page,
                    another_institution_sees_no_act,
                    old_acts_are_pruned_and_their_numbers_not_given_again,
                    what_came_of_an_act_is_recorded
                }
            }
        }
    };
}

act_conformance!(memory_act, harness::Memory);
act_conformance!(sqlite_file_act, harness::Sqlite);
act_conformance!(postgres_server_act, harness::Postgres);

/// Tries what a damaged database does to its store.
macro_rules! damaged_conformance {
    ($store:ident, $harness:ty) => {
        mod $store {
            use crate::*;

            conformance! { for $harness, in damaged:
                corrupt::{
                    rows_that_no_application_could_have_are_reported_and_left_alone,
                    events_that_were_edited_are_reported_where_they_are_read,
                    a_corrupt_application_does_not_stand_in_the_way_of_others,
                    lists_and_what_fails_the_stalled_go_on_without_corrupt_rows
                }
                other_institutions::{what_is_corrupt_does_not_exist_for_another_institution}
                faults::{
                    an_error_at_any_step_leaves_all_or_nothing,
                    a_delivery_that_cannot_be_written_takes_its_event_along,
                    failing_the_stalled_tells_what_it_did_before_an_error
                }
                outbox::{
                    settings_that_are_corrupt_are_reported_and_left_alone,
                    deliveries_that_are_corrupt_are_reported_and_left_alone,
                    a_delivery_without_its_event_is_claimed_so_that_it_is_settled,
                    what_was_cut_off_of_a_removal_is_not_there_and_is_cleared_away,
                    a_delivery_that_is_due_at_no_time_is_reported_as_one_of_the_farthest
                }
                tokens::{
                    tokens_that_are_corrupt_are_reported_and_left_alone,
                    a_token_whose_id_is_none_is_reported_by_its_row
                }
                acts::{ acts_that_are_corrupt_are_reported_and_left_alone }
                replies::{ replies_that_are_corrupt_are_reported_and_left_alone }
            }
        }
    };
}

damaged_conformance!(sqlite_file_damaged, harness::Sqlite);
damaged_conformance!(postgres_server_damaged, harness::Postgres);

/// What is promised about order, where transactions take their time.
mod slow_postgres_server {
    use crate::*;

    conformance! { for postgres::Slow:
        feed::{
            readers_miss_nothing_while_many_write,
            what_was_acknowledged_first_comes_first,
            a_subscriber_who_starts_now_misses_nothing_that_is_committed_later,
            following_hears_of_other_handles
        }
        backward::{pages_backward_are_never_contradicted}
        races::{hot_applications_count_every_version_once, creating_at_once_has_one_winner}
        idempotency::{one_key_for_two_commands_at_once_goes_to_one_of_them}
        batches::{half_of_all_or_none_is_never_seen}
    }
}

/// The same of an outbox.
mod slow_postgres_server_outbox {
    use crate::*;

    conformance! { for postgres::Slow, in outbox:
        races::{
            two_who_claim_at_once_never_get_the_same,
            those_who_claim_settle_and_write_at_once_lose_nothing
        }
    }
}
