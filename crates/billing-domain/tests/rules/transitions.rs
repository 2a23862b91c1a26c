//! Every move between two states, legal and illegal.

use billing_domain::subscription::{State, Status};
use jiff::SignedDuration;

use crate::common::{World, at, terms};

const ALL: [Status; 8] = [
    Status::Incomplete,
    Status::Trialing,
    Status::Active,
    Status::PastDue,
    Status::Paused,
    Status::Lapsed,
    Status::Canceled,
    Status::Expired,
];

/// Row: from; column: to, both in the order above. `=` stays, `x` legal, `.` not.
const TABLE: [&str; 8] = [
    "=xx...xx", // incomplete
    ".=xx..xx", // trialing
    "..=xx.xx", // active
    "..x=.xx.", // past due
    "..xx=.x.", // paused
    "..xx.=x.", // lapsed
    "......=.", // canceled
    ".......=", // expired
];

fn state(status: Status) -> State {
    let now = at("2026-01-10");
    match status {
        Status::Incomplete => State::Incomplete,
        Status::Trialing => State::Trialing {
            ends_at: now,
            noticed: false,
        },
        Status::Active => State::Active,
        Status::PastDue => State::PastDue {
            since: now,
            no_grace: false,
        },
        Status::Paused => State::Paused {
            since: now,
            access_until: None,
            remaining: SignedDuration::ZERO,
        },
        Status::Lapsed => State::Lapsed { at: now },
        Status::Canceled => State::Canceled { ends_at: now },
        Status::Expired => State::Expired { at: now },
    }
}

#[test]
fn the_table_of_moves_is_complete_and_errors_name_both_ends() {
    let held = World::bought(terms("pro-monthly")).sub().clone();
    for (from, row) in ALL.into_iter().zip(TABLE) {
        for (to, cell) in ALL.into_iter().zip(row.chars()) {
            let mut before = held.clone();
            before.state = state(from);
            let moved = before.moved(state(to));
            assert_eq!(from.may_become(to), cell == 'x', "{from:?} to {to:?}");
            match moved {
                Ok(moved) => {
                    assert_ne!(cell, '.', "{from:?} to {to:?}");
                    assert_eq!(moved.state, state(to));
                }
                Err(error) => {
                    assert_eq!(cell, '.', "{from:?} to {to:?}");
                    assert_eq!((error.from, error.to), (from, to));
                    let text = error.to_string();
                    assert_eq!(
                        text,
                        format!(
                            "a subscription cannot go from {} to {}",
                            from.as_str(),
                            to.as_str()
                        )
                    );
                }
            }
        }
    }
}

#[test]
fn what_is_over_never_comes_back() {
    for over in [Status::Canceled, Status::Expired] {
        assert!(ALL.into_iter().all(|to| !over.may_become(to)));
    }
}
