//! A refund, with the order of ours that it is made for.

use std::collections::HashMap;

use billing_domain::effect::{EffectKey, PromiseRefund};
use stripe_core::refund::CreateRefund;

use crate::call::Call;
use crate::facts::{INVOICE_KEY, OPERATOR_KEY, REASON_KEY, REFUND_KEY, VALUE_MAX_CHARS};

/// Pays back of a payment; `amount` in Stripe's units. Why is kept with it as far as it
/// fits: Stripe has no words of its own to say it in.
pub(crate) fn refund(
    order: &PromiseRefund,
    intent: &str,
    amount: i64,
    operator: &str,
    key: &EffectKey,
) -> Call {
    let mut words = HashMap::from([
        (REFUND_KEY.to_owned(), key.to_string()),
        (INVOICE_KEY.to_owned(), order.invoice.to_string()),
        (OPERATOR_KEY.to_owned(), operator.to_owned()),
    ]);
    if let Some(reason) = &order.reason {
        let reason = reason.chars().take(VALUE_MAX_CHARS).collect();
        words.insert(REASON_KEY.to_owned(), reason);
    }
    let request = CreateRefund::new()
        .payment_intent(intent)
        .amount(amount)
        .metadata(words);
    Call::of(&request).under(key.to_string())
}
