//! Named catalogs, built in Rust, that tests and examples speak about.

use billing_domain::catalog::Catalog;
use billing_domain::money::{Currency, Money};
use billing_domain::time::days;

/// A terabyte, in bytes.
const TERABYTE: u64 = 1_000_000_000_000;

/// A gigabyte, in bytes.
const GIGABYTE: u64 = 1_000_000_000;

/// File storage: `free` (the newcomer's plan), `personal`, `team` (by the seat,
/// with a trial) and `lifetime` (bought once, outside the ladder).
///
/// | plan | price | amount |
/// |---|---|---|
/// | personal | `personal-monthly` | USD 5.00 a month |
/// | personal | `personal-yearly` | USD 50.00 a year |
/// | personal | `personal-sats` | SAT 5000 a month |
/// | team | `team-monthly` | USD 20.00 a seat and month |
/// | team | `team-yearly` | USD 200.00 a seat and year |
/// | team | `team-sats` | SAT 20000 a seat and month |
/// | lifetime | `lifetime-once` | USD 300.00 once |
/// | lifetime | `lifetime-sats` | SAT 300000 once |
///
/// Every price is known to `stripe` as `price_` and its key.
///
/// # Panics
///
/// Never: the catalog is a constant that the tests build.
#[must_use]
#[expect(clippy::expect_used, reason = "a constant that the tests build")]
pub fn storage() -> Catalog {
    let usd = |amount| Money::new(amount, Currency::USD);
    let sat = |amount| Money::new(amount, Currency::SAT);
    let stripe = |key: &str| format!("price_{key}");
    Catalog::builder("Acme Storage", Currency::USD)
        .bytes("quota", "Storage")
        .count("seats", "Seats")
        .flag("sharing", "Sharing")
        .levels("support", "Support", ["community", "mail", "phone"])
        .plan("free", "Free", |plan| {
            plan.rank(0)
                .limit("quota", GIGABYTE)
                .level("support", "community")
        })
        .plan("personal", "Personal", |plan| {
            plan.rank(10)
                .limit("quota", TERABYTE)
                .grant("sharing")
                .level("support", "mail")
                .monthly("personal-monthly", usd(500))
                .provider_ref("stripe", &stripe("personal-monthly"))
                .yearly("personal-yearly", usd(5000))
                .provider_ref("stripe", &stripe("personal-yearly"))
                .monthly("personal-sats", sat(5000))
                .provider_ref("stripe", &stripe("personal-sats"))
        })
        .plan("team", "Team", |plan| {
            plan.rank(20)
                .unlimited("quota")
                .grant("sharing")
                .level("support", "phone")
                .per("seats", 1, 100)
                .trial(days(14))
                .monthly("team-monthly", usd(2000))
                .provider_ref("stripe", &stripe("team-monthly"))
                .yearly("team-yearly", usd(20_000))
                .provider_ref("stripe", &stripe("team-yearly"))
                .monthly("team-sats", sat(20_000))
                .provider_ref("stripe", &stripe("team-sats"))
        })
        .plan("lifetime", "Lifetime", |plan| {
            plan.limit("quota", TERABYTE)
                .grant("sharing")
                .level("support", "mail")
                .once("lifetime-once", usd(30_000))
                .provider_ref("stripe", &stripe("lifetime-once"))
                .once("lifetime-sats", sat(300_000))
                .provider_ref("stripe", &stripe("lifetime-sats"))
        })
        .newcomer("free")
        .build()
        .expect("a catalog without mistakes")
}

/// The smallest catalog that sells anything: one plan, `pro`, at EUR 9.00 a month.
///
/// # Panics
///
/// Never: the catalog is a constant that the tests build.
#[must_use]
#[expect(clippy::expect_used, reason = "a constant that the tests build")]
pub fn single() -> Catalog {
    Catalog::builder("Acme Notes", Currency::EUR)
        .flag("sync", "Sync")
        .plan("pro", "Pro", |plan| {
            plan.rank(1)
                .grant("sync")
                .monthly("pro-monthly", Money::new(900, Currency::EUR))
        })
        .build()
        .expect("a catalog without mistakes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn storage_is_what_its_table_says() {
        let catalog = storage();
        let prices: Vec<_> = catalog
            .prices()
            .map(|price| {
                format!(
                    "{} {} {} {}",
                    price.plan, price.key, price.amount, price.interval
                )
            })
            .collect();
        assert_eq!(
            prices,
            [
                "personal personal-monthly USD 5.00 month",
                "personal personal-yearly USD 50.00 year",
                "personal personal-sats SAT 5000 month",
                "team team-monthly USD 20.00 month",
                "team team-yearly USD 200.00 year",
                "team team-sats SAT 20000 month",
                "lifetime lifetime-once USD 300.00 once",
                "lifetime lifetime-sats SAT 300000 once",
            ]
        );
        let newcomer = catalog.newcomer_plan().map(|plan| plan.key.as_str());
        assert_eq!(newcomer, Some("free"));
        assert_eq!(
            catalog.price_by_ref("stripe", "price_team-yearly"),
            catalog.price("team-yearly")
        );
        assert_eq!(single().prices().count(), 1);
    }
}
