//! The contract of a store: one function per law, each quoting the MUST it proves.
//!
//! A store crate needs a `tests/contract.rs` of a few lines, and `tokio` (with
//! `macros` and `rt-multi-thread`) among its dev-dependencies:
//!
//! ```
//! async fn fresh() -> billing_testkit::MemoryStore {
//!     billing_testkit::MemoryStore::new()
//! }
//!
//! billing_testkit::store_contract!(fresh());
//! ```
//!
//! The expression is evaluated and awaited once per behavior and gives anything
//! that is a [`StoreRig`]: a store itself, or a store with what must outlive it
//! (a temporary folder, a schema to drop). Each behavior becomes a test of its
//! own, named as the function.
//!
//! Nothing here sleeps or reads a clock: every instant is an argument.

pub mod account;
pub mod act;
pub mod bookmark;
pub mod catalog;
pub mod change;
pub mod claim;
mod claims;
pub mod code;
pub mod commit;
pub mod credential;
pub mod endpoint;
pub mod inbox;
pub mod kept;
pub mod license;
pub mod migration;
pub mod parked;
mod queues;
pub mod quote;
pub mod read;
pub mod refusal;
pub mod settle;
mod support;
pub mod sweep;
pub mod usage;

use billing_ports::Store;

/// A store to be tested, with whatever must live as long as it does. Every
/// store is a rig by itself.
///
/// ```
/// use billing_ports::Store;
/// use billing_testkit::MemoryStore;
/// use billing_testkit::contract::StoreRig;
///
/// struct InFolder {
///     store: MemoryStore,
///     // Removed when the rig is dropped.
///     _folder: std::path::PathBuf,
/// }
///
/// impl StoreRig for InFolder {
///     fn store(&self) -> &dyn Store {
///         &self.store
///     }
/// }
/// ```
pub trait StoreRig: Send + Sync {
    /// The store, empty when the rig is made.
    fn store(&self) -> &dyn Store;
}

impl<T: Store> StoreRig for T {
    fn store(&self) -> &dyn Store {
        self
    }
}

/// Stamps one named test per behavior of a store. See [`contract`](crate::contract).
#[macro_export]
macro_rules! store_contract {
    ($make:expr) => {
        $crate::stamp_behaviors! { $make;
            commit {
                a_new_customer_has_revision_one
                a_stale_revision_is_refused_and_nothing_is_written
                a_customer_is_made_once
                an_external_reference_is_taken_once
                a_provider_object_belongs_to_one_customer
                a_providers_customer_may_stand_for_several
                an_effect_key_is_unique
                one_invoice_is_open_per_subscription_and_purpose
                a_providers_own_invoices_are_open_side_by_side
                a_cycle_is_settled_once
                many_commits_on_one_revision_leave_one_winner
            }
            refusal {
                a_taken_name_leaves_nothing_written
                a_name_twice_in_one_commit_is_refused
                of_many_customers_at_once_one_gets_the_external_reference
                of_many_customers_at_once_one_gets_the_provider_object
            }
            account {
                loading_gives_back_every_field
                closed_things_are_loaded_only_when_asked_for
                a_checkout_that_is_asked_for_brings_its_invoice
                an_invoice_is_found_by_its_payment_and_its_page
                an_invoice_is_found_by_a_subscription_that_is_not_known
                what_is_anothers_is_not_loaded
                every_locator_finds_its_customer
                a_mailbox_leads_to_whoever_it_is_of
            }
            inbox {
                an_event_is_received_once_however_many_bring_it
                the_same_event_id_of_another_account_is_another_event
                a_delivery_is_stored_whatever_characters_it_has
                a_delivery_is_claimed_as_it_was_received
                a_reply_is_stored_with_its_commit_or_not_at_all
            }
            claim {
                workers_share_the_due_customers
                workers_share_the_inbox
                workers_share_the_outbox
                the_oldest_come_first_within_the_limit
                nothing_is_given_before_its_time
                a_lease_runs_out_and_the_fence_grows
                a_release_delays_and_counts
                a_late_release_changes_nothing
                the_next_work_is_told
            }
            settle {
                a_late_workers_commit_is_refused_and_writes_nothing
                what_is_settled_stays_settled
                a_customer_wakes_when_its_commit_says
                a_commit_without_a_claim_leaves_claims_alone
                settling_without_a_decision_needs_the_claim
                a_foreground_effect_is_its_callers_until_the_lease_ends
                every_order_is_claimed_as_it_was_written
            }
            parked {
                a_row_set_aside_leaves_its_queue
                a_replayed_row_begins_anew
                a_linked_row_names_its_customer
                a_discarded_row_never_comes_back
                a_commit_sets_aside_what_it_could_not_decide
                a_commit_closes_what_it_has_solved
                a_dead_effect_can_be_tried_again
                an_unlinked_row_wakes_when_its_reference_is_known
                an_unlinked_row_wakes_when_its_checkout_is_known
                an_unlinked_row_wakes_when_its_customer_is_known
                a_row_set_aside_anew_waits_for_its_new_reason
                of_many_resolutions_at_once_one_is_carried_out
            }
            sweep {
                an_event_is_known_after_its_body_is_gone
                settled_effects_are_removed
                answers_and_ended_sessions_are_removed
                what_is_pending_is_never_swept
                expired_quotes_are_removed
            }
            read {
                customers_are_listed_page_by_page
                subscriptions_are_listed_page_by_page
                invoices_are_listed_page_by_page
                parked_things_are_listed_page_by_page
                a_journal_is_listed_page_by_page
                events_are_listed_over_everybody
                subscriptions_and_their_renewals_are_read_by_id
                holdings_count_who_holds_what
                an_ended_grant_is_held_by_nobody
            }
            catalog {
                revisions_count_from_one_and_the_newest_is_current
                a_catalog_after_a_stale_one_is_refused
                of_many_catalogs_at_once_one_is_applied
                holders_of_a_price_are_woken
                waking_leaves_claims_and_earlier_dues_alone
            }
            quote {
                a_quote_is_stored_once_and_never_changes
                a_quote_touches_nothing_else
                a_quote_for_another_revision_is_refused
            }
            change {
                closed_changes_are_loaded_only_when_asked_for
                the_last_applied_changes_are_loaded_when_asked_for
                a_change_comes_to_its_end
                a_quote_becomes_one_change
                of_many_acceptances_at_once_one_makes_the_change
                one_invoice_of_a_change_is_open_per_subscription
                changes_are_listed_page_by_page
            }
            license {
                a_subscription_is_shown_by_one_license
                licenses_are_listed_page_by_page
            }
            code {
                a_code_is_unique_until_it_is_retired
                of_many_codes_at_once_one_gets_the_text
                of_many_checkouts_at_once_one_gets_the_last_use
                a_reservation_that_is_over_counts_for_nothing
                a_checkout_reserves_one_use
                a_counted_use_stays_counted
                codes_are_listed_page_by_page
            }
            kept {
                the_inbox_is_walked_in_the_order_of_receipt
            }
            bookmark {
                a_bookmark_is_the_last_one_put_there
            }
            endpoint {
                an_endpoint_is_kept_with_every_field
                a_secret_is_rotated_and_the_one_before_kept
                an_endpoint_is_switched_off_and_on
                there_are_only_so_many_endpoints
                a_delivery_is_added_once
                many_deliveries_are_added_at_once
                a_delivery_is_one_workers_until_its_lease_ends
                nothing_is_due_to_whoever_is_disabled_or_removed
                one_endpoints_row_is_claimed_by_itself
                a_try_is_recorded_with_what_it_says_of_the_endpoint
                whoever_took_something_since_is_not_disabled
                what_a_late_worker_records_changes_nothing
                what_was_given_up_can_be_sent_again
                deliveries_are_listed_page_by_page
                old_deliveries_are_swept
            }
            usage {
                an_event_is_counted_once_by_its_meter
                of_many_reports_at_once_each_event_counts_once
                nothing_is_added_to_a_sealed_period
                the_largest_batch_is_written
                ids_of_sealed_periods_are_swept
                swept_periods_are_not_looked_at_again
            }
            migration {
                holders_of_a_price_are_walked
                customers_are_walked
                a_migration_is_kept_as_it_was_last_put
                migrations_are_listed_page_by_page
            }
            act {
                an_act_is_kept_with_whatever_it_wrote
                an_act_is_kept_once_and_only_where_it_wrote
                acts_are_listed_page_by_page
            }
            credential {
                keys_are_found_by_their_secret_until_they_are_revoked
                a_key_is_rotated_once
                a_session_ends
                an_ended_session_is_nobody_s
                an_operator_s_session_is_its_key_s_until_either_is_over
                a_link_opens_once_however_many_try
                a_link_expires
                an_idempotency_key_is_fresh_to_one
                a_request_is_reserved_until_it_is_forgotten_or_too_late
                an_answer_is_given_again
                it_answers
            }
        }
    };
}

/// Stamps the behaviors named, by module.
#[doc(hidden)]
#[macro_export]
macro_rules! stamp_behaviors {
    ($make:expr; $($module:ident { $($behavior:ident)* })*) => {
        $($crate::stamp_module! { $make; $module; $($behavior)* })*
    };
}

/// Stamps the behaviors of one module.
#[doc(hidden)]
#[macro_export]
macro_rules! stamp_module {
    ($make:expr; $module:ident; $($behavior:ident)*) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $behavior() {
            let rig = $make.await;
            $crate::contract::$module::$behavior(
                $crate::contract::StoreRig::store(&rig)
            ).await;
        }
    )*};
}
