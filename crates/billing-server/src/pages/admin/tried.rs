//! How often what is owed was tried to be collected, and who tries again, in words.

use billing_domain::provider::ProviderAccount;
use billing_domain::subscription::{Collection, NextTry};

use crate::pages::describe;

/// What an operator reads of it, as in `asked once, failed twice; tried again by Stripe`.
pub(super) fn words(of: &Collection, at: Option<&ProviderAccount>) -> String {
    let asked = of.asked.map(|times| format!("asked {}", often(times)));
    let failed = (of.failed > 0).then(|| format!("failed {}", often(of.failed)));
    let so_far: Vec<String> = asked.into_iter().chain(failed).collect();
    let next = match of.next {
        NextTry::ByCustomer => "the customer pays".to_owned(),
        NextTry::ByEngine => "its provider has not answered yet".to_owned(),
        NextTry::ByOperator => "waits for what is parked".to_owned(),
        NextTry::ByProvider { at: when } => {
            let again = if of.failed > 0 {
                "tried again"
            } else {
                "tried"
            };
            let by = at.map_or_else(|| "its provider".to_owned(), name);
            let when = when.map(|at| format!(", next on {}", describe::minute(at)));
            format!("{again} by {by}{}", when.unwrap_or_default())
        }
    };
    if so_far.is_empty() {
        return next;
    }
    format!("{}; {next}", so_far.join(", "))
}

/// A provider as people write it, as in `Stripe`.
fn name(account: &ProviderAccount) -> String {
    let key = account.provider().as_str();
    let mut letters = key.chars();
    let first = letters.next().map(char::to_uppercase);
    let first: String = first.into_iter().flatten().collect();
    format!("{first}{}", letters.as_str())
}

fn often(times: u32) -> String {
    match times {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        _ => format!("{times} times"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_tried_and_who_tries_again_is_said_in_words() {
        let stripe: ProviderAccount = "stripe/main".parse().unwrap();
        let at = "2026-03-05T10:00:00Z".parse().unwrap();
        let by = |at| NextTry::ByProvider { at };
        for (asked, failed, next, text) in [
            (
                Some(1),
                0,
                NextTry::ByCustomer,
                "asked once; the customer pays",
            ),
            (
                Some(3),
                2,
                NextTry::ByEngine,
                "asked 3 times, failed twice; its provider has not answered yet",
            ),
            (
                Some(1),
                0,
                NextTry::ByOperator,
                "asked once; waits for what is parked",
            ),
            (None, 0, by(None), "tried by Stripe"),
            (None, 1, by(None), "failed once; tried again by Stripe"),
            (
                None,
                4,
                by(Some(at)),
                "failed 4 times; tried again by Stripe, next on 5 March 2026, 10:00 UTC",
            ),
        ] {
            let of = Collection {
                due_at: None,
                grace_ends_at: None,
                asked,
                failed,
                next,
            };
            assert_eq!(words(&of, Some(&stripe)), text);
        }
        let of = Collection {
            due_at: None,
            grace_ends_at: None,
            asked: None,
            failed: 0,
            next: by(None),
        };
        assert_eq!(words(&of, None), "tried by its provider");
    }
}
