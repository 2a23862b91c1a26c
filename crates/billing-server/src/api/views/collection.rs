//! How far the collection of what is owed has come.

use billing_domain::subscription::{Collection, NextTry};
use poem_openapi::Object;

/// How far the collection of a cycle has come that is to be paid. Customers are told when it is
/// due and when its grace ends; who tries how often is told to operators.
#[derive(Debug, Object)]
#[oai(rename = "Collection")]
pub(crate) struct CollectionView {
    /// When it is due. Absent: nobody could pay it yet, or its provider has not said that it
    /// is owed.
    due_at: Option<String>,
    /// When its grace ends. Absent: it has not begun to run.
    grace_ends_at: Option<String>,
    /// How often its provider was asked to collect it, by a page or by a charge. Absent: the
    /// provider does so by itself, or a customer asks.
    asked: Option<u32>,
    /// How often it was told that collecting it failed; at least so often, where the provider
    /// collects by itself. Absent: a customer asks.
    failed_attempts: Option<u32>,
    /// Who tries again: `customer`, who can pay it; `engine`, which has asked a provider to
    /// collect it that has not answered; `operator`, nobody until one acts on what is parked,
    /// since its provider refused, or did not answer for too long; `provider`, by a schedule
    /// of its own. Absent: a customer asks.
    retried_by: Option<String>,
    /// When it is tried again, where the provider says so. Absent: it does not, it is not the
    /// one who tries, or a customer asks.
    next_attempt_at: Option<String>,
}

impl CollectionView {
    /// What its customer is told of it.
    pub(crate) fn of_mine(of: Collection) -> Self {
        Self {
            asked: None,
            failed_attempts: None,
            retried_by: None,
            next_attempt_at: None,
            ..Self::from(of)
        }
    }
}

impl From<Collection> for CollectionView {
    fn from(of: Collection) -> Self {
        let (by, at) = match of.next {
            NextTry::ByCustomer => ("customer", None),
            NextTry::ByEngine => ("engine", None),
            NextTry::ByOperator => ("operator", None),
            NextTry::ByProvider { at } => ("provider", at),
        };
        Self {
            due_at: of.due_at.map(|at| at.to_string()),
            grace_ends_at: of.grace_ends_at.map(|at| at.to_string()),
            asked: of.asked,
            failed_attempts: Some(of.failed),
            retried_by: Some(by.to_owned()),
            next_attempt_at: at.map(|at| at.to_string()),
        }
    }
}
