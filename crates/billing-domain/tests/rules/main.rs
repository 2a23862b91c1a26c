//! The rules, as tables, stories and properties: one module per subject.
//!
//! One program, so that the subjects share their helpers and are linked once.

#[cfg(test)]
mod access;
#[cfg(test)]
mod billed;
#[cfg(test)]
mod cancel;
#[cfg(test)]
mod catch_up;
#[cfg(test)]
mod change_balance;
#[cfg(test)]
mod change_charged;
#[cfg(test)]
mod change_cycle;
#[cfg(test)]
mod change_digest;
#[cfg(test)]
mod change_pay;
#[cfg(test)]
mod change_policy;
#[cfg(test)]
mod change_provider;
#[cfg(test)]
mod change_refusals;
#[cfg(test)]
mod change_segments;
#[cfg(test)]
mod change_stories;
#[cfg(test)]
mod change_table;
#[cfg(test)]
mod changes_walk;
#[cfg(test)]
mod claims;
#[cfg(test)]
mod collection;
#[cfg(test)]
mod common;
#[cfg(test)]
mod converted;
#[cfg(test)]
mod decision;
#[cfg(test)]
mod denied;
#[cfg(test)]
mod discount;
#[cfg(test)]
mod discount_there;
#[cfg(test)]
mod effective;
#[cfg(test)]
mod facts;
#[cfg(test)]
mod forgone;
#[cfg(test)]
mod ledger;
#[cfg(test)]
mod life;
#[cfg(test)]
mod machines;
#[cfg(test)]
mod mirror;
#[cfg(test)]
mod mirror_walk;
#[cfg(test)]
mod money;
#[cfg(test)]
mod negotiated;
#[cfg(test)]
mod on_its_way;
#[cfg(test)]
mod ordered;
#[cfg(test)]
mod parts;
#[cfg(test)]
mod pause;
#[cfg(test)]
mod pending;
#[cfg(test)]
mod permutations;
#[cfg(test)]
mod readings;
#[cfg(test)]
mod refund;
mod refund_failed;
#[cfg(test)]
mod refund_link;
#[cfg(test)]
mod refund_once;
#[cfg(test)]
mod refund_sent;
#[cfg(test)]
mod remind;
#[cfg(test)]
mod report;
#[cfg(test)]
mod report_parts;
#[cfg(test)]
mod report_past;
#[cfg(test)]
mod segments_walk;
#[cfg(test)]
mod shop;
#[cfg(test)]
mod sold;
#[cfg(test)]
mod step;
#[cfg(test)]
mod surplus;
#[cfg(test)]
mod transitions;
#[cfg(test)]
mod trial;
#[cfg(test)]
mod trial_grant;
#[cfg(test)]
mod uncancel;
#[cfg(test)]
mod usage;
#[cfg(test)]
mod usage_periods;
#[cfg(test)]
mod walk;
