//! The promises, one story each, on every store.
//!
//! A story is told through the library on the memory store and over HTTP on
//! SQLite and PostgreSQL, with the same expectations.

mod applied;
mod bitcoin;
mod books;
mod btcpay;
mod charged;
mod codes;
mod events_out;
mod guests;
mod handed;
mod handed_by;
mod harbor;
mod imported;
mod invitations;
mod letters;
mod letters_now;
mod licenses;
mod machines;
mod mailed;
mod offers;
mod operated;
mod paddle;
mod paid_back;
mod pauses;
mod plan_file;
mod portal;
mod prices;
mod refunds;
mod refusals;
mod repeated;
mod same_work;
mod secrets;
mod shop;
mod story;
mod stripe;
mod switched_off;
mod terms;
mod tokens;
mod usage;

use billing::sandbox::Mode;

use crate::rig::{StoreKind, Through};

/// The engine runs the schedule; cards that paid are charged again.
pub(crate) const CARDS: Mode = Mode::EngineSchedule { saves_cards: true };
/// The engine runs the schedule; every invoice is paid by hand.
const BY_HAND: Mode = Mode::EngineSchedule { saves_cards: false };
/// The provider runs the schedule.
const PROVIDER: Mode = Mode::OwnSchedule;

/// One test for each store that keeps its rows, from one async function of the store's kind.
macro_rules! on_both_stores {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        mod $name {
            $(#[$doc])*
            #[tokio::test]
            async fn sqlite() {
                super::$name(crate::rig::StoreKind::Sqlite).await;
            }

            $(#[$doc])*
            #[tokio::test]
            async fn postgres() {
                let kind = crate::rig::StoreKind::Postgres;
                if kind.is_skipped() {
                    println!("SKIPPED: told to go without PostgreSQL");
                    return;
                }
                super::$name(kind).await;
            }
        }
    )*};
}
pub(crate) use on_both_stores;

macro_rules! stories {
    ($($(#[$doc:meta])* $name:ident: $mode:expr;)*) => {$(
        mod $name {
            use super::*;
            const TEXT: &str = include_str!(concat!("stories/", stringify!($name), ".txt"));

            $(#[$doc])*
            #[tokio::test]
            async fn memory() {
                story::tell(stringify!($name), TEXT, $mode, StoreKind::Memory, Through::Library).await;
            }

            $(#[$doc])*
            #[tokio::test]
            async fn sqlite() {
                story::tell(stringify!($name), TEXT, $mode, StoreKind::Sqlite, Through::Http).await;
            }

            $(#[$doc])*
            #[tokio::test]
            async fn postgres() {
                story::tell(stringify!($name), TEXT, $mode, StoreKind::Postgres, Through::Http).await;
            }
        }
    )*};
}

stories! {
    /// Renewal after renewal, each at its own month's end.
    k_11_renewals_follow_the_calendar: CARDS;
    /// Satoshi are charged as they stand.
    k_13_sats_are_charged_verbatim: BY_HAND;
    /// An outage is retried, then an operator is asked; nobody lapses by it.
    k_16_an_outage_lapses_nobody: CARDS;
    /// Unpaid beyond its grace: lapsed at that second, worker or not.
    k_17_unpaid_lapses_at_grace_end: BY_HAND;
    /// Four unpaid cycles give one open invoice and one lapse.
    k_18_four_unpaid_cycles_one_lapse: BY_HAND;
    /// A declined card is not the end: paid by hand within its grace.
    k_15_a_late_payment_reactivates: CARDS;
    /// Canceled at the end of what is paid, as often as it is asked.
    k_24_cancel_keeps_what_is_paid: CARDS;
    /// Nothing now, first invoice at the trial's end, one notice before.
    k_25_trials_charge_at_their_end: CARDS;
    /// The plan of newcomers, and that of plankowners.
    s_03_newcomers_and_plankowners: CARDS;
    /// Bought once, held for ever.
    w_11_bought_once: CARDS;
    /// The three cards do what they say.
    w_13_test_cards: CARDS;
    /// Flags, limits and levels through one gate.
    g_05_one_check_everywhere: CARDS;
    /// A member acts under its owner's plan.
    g_09_a_member_acts_under_its_owner_s_plan: CARDS;
    /// A trial at sign-up, announced to end, once.
    g_10_a_trial_at_sign_up: CARDS;
    /// The same event twice changes nothing.
    x_01_the_same_event_twice: CARDS;
    /// Access changes on time with every worker asleep.
    x_06_access_needs_no_worker: CARDS;
    /// The provider's own schedule: renewed, failed, collected, canceled by it.
    w_06_a_provider_runs_the_schedule: PROVIDER;
    /// An event older than what is stored changes nothing.
    x_05_an_older_event_changes_nothing: PROVIDER;
    /// What is charged is what is invoiced, to the minor unit.
    x_09_what_is_charged_is_what_is_invoiced: CARDS;
    /// Bought once and changed up: the difference of the prices.
    k_03_perpetual_upgrade: BY_HAND;
    /// By the second, and never one interval's price by the other's time.
    k_04_recurring_upgrade: BY_HAND;
    /// An old payment told again after a downgrade changes nothing.
    k_08_applied_means_applied: BY_HAND;
    /// A buyer's downgrade: at the period's end, or forbidden.
    k_09_downgrade_by_policy: CARDS;
    /// An operator's change, given or collected.
    k_10_an_operator_forces_a_change: CARDS;
    /// A webhook that was lost on an upgrade, found by asking.
    k_19_a_lost_webhook_on_an_upgrade: BY_HAND;
    /// Codes of every kind.
    k_21_discount_codes: CARDS;
    /// A retired price goes on until its promise ends, announced in time.
    k_27_promises_end_as_announced: CARDS;
    /// More seats at once, fewer at the period's end.
    h_10_seats: CARDS;
    /// A downgrade switches when it is read.
    g_02_a_downgrade_waits_for_its_day: PROVIDER;
    /// An upgrade clears a scheduled downgrade.
    g_03_an_upgrade_is_immediate_and_clears_a_downgrade: PROVIDER;
    /// What is told is told when it takes effect.
    g_12_side_effects_wait_for_the_change: CARDS;
    /// A granted tier, sold up and fallen back to.
    s_08_plankowners: CARDS;
    /// What goes back takes the time that it had paid for, and no other.
    x_11_what_goes_back_ends_what_it_paid_for: CARDS;
    /// The same where the provider runs the schedule.
    x_11_what_goes_back_on_a_provider_s_schedule: PROVIDER;
    /// Up, down, and nothing left over.
    x_09_no_change_mints_money: CARDS;
    /// After a long outage of ours only the current cycle is invoiced.
    k_11_downtime_skips_what_nobody_could_pay: CARDS;
}
