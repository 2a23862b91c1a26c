//! A discount, as a coupon of its own for one sale.

use billing_domain::discount::Reduction;
use billing_domain::discounted::DiscountedSale;
use billing_domain::effect::{EffectKey, OpenCheckout};
use billing_domain::money::Money;
use billing_domain::time::{Interval, Period, Timestamp};
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

/// Whether Stripe has words for what is taken off, where it is sold at `now`.
pub(crate) fn is_sayable(sale: &DiscountedSale, now: Timestamp) -> bool {
    said(sale, now).is_ok()
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
    let sale = order
        .discounted()
        .filter(|sale| sale.discount.cycles != Some(0));
    let Some(sale) = sale else {
        return Ok(None);
    };
    let Said { lasts, off } = said(&sale, now)?;
    let id = key.as_str().replace(':', "_");
    let mut request = CreateCoupon::new()
        .id(id.as_str())
        .duration(lasts.0)
        .metadata([(OPERATOR_KEY.to_owned(), operator.to_owned())]);
    if let Some(months) = lasts.1 {
        request = request.duration_in_months(months);
    }
    let call = Call::of(&request).under(format!("{key}:{STEP}"));
    let call = off
        .into_iter()
        .fold(call, |call, (name, value)| call.with(name, &value));
    Ok(Some(Coupon { id, call }))
}

/// What a coupon says of how long it lasts, and of what it takes off.
struct Said {
    lasts: (CouponDuration, Option<i64>),
    off: Vec<(&'static str, String)>,
}

fn said(sale: &DiscountedSale, now: Timestamp) -> Result<Said, Failure> {
    let discount = &sale.discount;
    let off = match discount.reduction {
        Reduction::Percent { basis_points } => vec![("percent_off", percent(basis_points))],
        Reduction::Fixed { amount } => off(amount)?,
        // What another price takes off, all pieces together.
        Reduction::SetPrice { .. } => off(discount.off)?,
    };
    Ok(Said {
        lasts: duration(sale, now)?,
        off,
    })
}

fn off(amount: Money) -> Result<Vec<(&'static str, String)>, Failure> {
    let units = amount::write(amount)
        .filter(|units| *units > 0)
        .ok_or_else(|| unsayable("an amount that Stripe cannot count"))?;
    Ok(vec![
        ("amount_off", units.to_string()),
        ("currency", amount.currency.code().to_owned()),
    ])
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
    sale: &DiscountedSale,
    now: Timestamp,
) -> Result<(CouponDuration, Option<i64>), Failure> {
    let Some(interval) = sale.recurring else {
        return Ok((CouponDuration::Once, None));
    };
    let Some(cycles) = sale.discount.cycles else {
        return Ok((CouponDuration::Forever, None));
    };
    match months(interval, cycles, sale.trial_end, now) {
        // In months wherever they say it: for as long, what is left of a discounted
        // period is worth what was paid for it.
        Ok(months) => Ok((CouponDuration::Repeating, Some(i64::from(months)))),
        Err(_) if cycles == 1 => Ok((CouponDuration::Once, None)),
        Err(failure) => Err(failure),
    }
}

/// The months that hold as many cycles, and no more.
fn months(
    interval: Interval,
    cycles: u32,
    trial_end: Option<Timestamp>,
    now: Timestamp,
) -> Result<u32, Failure> {
    let months = interval
        .months()
        .and_then(|months| months.checked_mul(cycles))
        .ok_or_else(|| unsayable("several cycles that are not counted in months"))?;
    // They run from the sale on, the cycles from the end of the trial.
    let begins = |from, cycle| Period::start_of(from, interval, cycle).ok();
    let last = begins(trial_end.unwrap_or(now), cycles.saturating_sub(1));
    let fits = last.zip(begins(now, cycles));
    if fits.is_some_and(|(last, over)| last < over) {
        Ok(months)
    } else {
        Err(unsayable("several cycles after a trial longer than one"))
    }
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
