//! A discount, as a coupon of its own for one sale.

use billing_domain::discount::Reduction;
use billing_domain::effect::{EffectKey, OpenCheckout, OrderedDiscount};
use billing_domain::money::Money;
use billing_domain::time::Timestamp;
use stripe_product::coupon::CreateCoupon;
use stripe_shared::CouponDuration;

use crate::amount;
use crate::call::Call;
use crate::facts::OPERATOR_KEY;
use crate::failure::Failure;

/// What makes the coupon's call another than the page's, under one effect.
const STEP: &str = "coupon";

/// A coupon that is to be made.
#[derive(Debug)]
pub(crate) struct Coupon {
    /// Its id: ours, so that a second try makes no second one.
    pub(crate) id: String,
    pub(crate) call: Call,
}

/// The coupon for what is taken off. `None`: nothing is.
///
/// # Errors
///
/// A refusal, by name, of what Stripe has no words for.
pub(crate) fn make(
    order: &OpenCheckout,
    key: &EffectKey,
    operator: &str,
    now: Timestamp,
) -> Result<Option<Coupon>, Failure> {
    let Some(discount) = order.discount.as_ref().filter(|it| it.cycles != Some(0)) else {
        return Ok(None);
    };
    let (duration, months) = duration(order, discount, now)?;
    let id = key.as_str().replace(':', "_");
    let mut request = CreateCoupon::new()
        .id(id.as_str())
        .duration(duration)
        .metadata([(OPERATOR_KEY.to_owned(), operator.to_owned())]);
    if let Some(months) = months {
        request = request.duration_in_months(months);
    }
    let call = Call::of(&request).under(format!("{key}:{STEP}"));
    let call = match discount.reduction {
        Reduction::Percent { basis_points } => call.with("percent_off", &percent(basis_points)),
        Reduction::Fixed { amount } => off(call, amount)?,
        // What another price takes off, all pieces together.
        Reduction::SetPrice { .. } => off(call, discount.off)?,
    };
    Ok(Some(Coupon { id, call }))
}

fn off(call: Call, amount: Money) -> Result<Call, Failure> {
    let units = amount::write(amount)
        .filter(|units| *units > 0)
        .ok_or_else(|| unsayable("an amount that Stripe cannot count"))?;
    Ok(call
        .with("amount_off", &units.to_string())
        .with("currency", amount.currency.code()))
}

/// A part in hundredths of a percent, as a decimal: no binary fraction is involved.
fn percent(basis_points: u16) -> String {
    let part = |divided: Option<u16>| divided.unwrap_or(0);
    let whole = part(basis_points.checked_div(100));
    let rest = part(basis_points.checked_rem(100));
    format!("{whole}.{rest:02}")
}

/// For how long it holds, and for how many months where it is counted in those.
fn duration(
    order: &OpenCheckout,
    discount: &OrderedDiscount,
    now: Timestamp,
) -> Result<(CouponDuration, Option<i64>), Failure> {
    let Some(interval) = order.recurring else {
        return Ok((CouponDuration::Once, None));
    };
    let cycles = match discount.cycles {
        None => return Ok((CouponDuration::Forever, None)),
        Some(1) => return Ok((CouponDuration::Once, None)),
        Some(cycles) => cycles,
    };
    let months = interval
        .months()
        .and_then(|months| months.checked_mul(cycles))
        .ok_or_else(|| unsayable("several cycles that are not counted in months"))?;
    // The months run from the sale on, the cycles from the end of the trial.
    let trial = order.trial_end.map(|end| end.duration_since(now).as_secs());
    let longer = trial.is_some_and(|seconds| {
        u64::try_from(seconds).is_ok_and(|seconds| seconds > interval.nominal_seconds())
    });
    if longer {
        return Err(unsayable("several cycles after a trial longer than one"));
    }
    Ok((CouponDuration::Repeating, Some(i64::from(months))))
}

fn unsayable(what: &str) -> Failure {
    let message = format!("Stripe has no coupon for {what}");
    Failure::refused("discount_not_supported", &message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentage_is_written_as_a_decimal() {
        assert_eq!(percent(1), "0.01");
        assert_eq!(percent(1_250), "12.50");
        assert_eq!(percent(10_000), "100.00");
    }
}
