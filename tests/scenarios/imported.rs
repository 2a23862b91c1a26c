//! What was sold elsewhere goes on here, as it was promised there.

use billing::{CustomerRow, GrantRow, ImportMode, ImportRow, LicenseRow, SubscriptionRow};
use billing_domain::grant::GrantReason;
use billing_domain::import::{ImportOutcome, ImportRefusal};
use billing_domain::money::{Currency, Money};
use billing_domain::time::{Interval, Timestamp};
use poem::http::StatusCode;
use serde_json::{Value, json};

use super::harbor::{PAGES, ends_well, harbor, listed, read, text, until, usd};
use super::on_both_stores;
use crate::rig::{Site, StoreKind};

on_both_stores! {
    /// a renewal is charged once, at the price that was promised where it was sold.
    x_18_what_was_promised_elsewhere_is_charged_here_once;
    /// brought again, nothing is done twice; a dry run does nothing; nobody is told.
    x_18_an_import_is_done_once_and_told_nobody;
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn customer(name: &str) -> ImportRow {
    ImportRow::Customer(CustomerRow {
        external_ref: name.to_owned(),
        email: Some(format!("{name}@x.test")),
        joined_at: Some(at("2024-05-01T00:00:00Z")),
        ..CustomerRow::default()
    })
}

/// Two days of the harbor's plan that are paid until the last day of March.
fn held(name: &str, of: &str, unit: i64) -> SubscriptionRow {
    SubscriptionRow {
        external: name.to_owned(),
        customer: of.into(),
        plan: "bridge".parse().unwrap(),
        price: None,
        billing: Some(billing_domain::catalog::Billing::Recurring(Interval::MONTH)),
        unit: Some(Money::new(unit, Currency::USD)),
        quantity: 1,
        started_at: at("2025-01-31T00:00:00Z"),
        paid_through: Some(at("2026-03-31T00:00:00Z")),
        ends: None,
        provider: Some("manual/main".parse().unwrap()),
    }
}

async fn bring(site: &Site, row: ImportRow) -> ImportOutcome {
    let brought = site
        .rig
        .billing
        .import(&row, ImportMode::Apply, Some("key_1"));
    brought.await.unwrap()
}

/// What was not here, and whether it is charged again.
const fn new(charged: bool) -> ImportOutcome {
    ImportOutcome::Created {
        promised: None,
        charged,
    }
}

/// The one open invoice is of this amount and period; an operator marks it paid.
async fn is_charged(site: &Site, who: &str, amount: i64, period: (&str, &str)) {
    let url = format!("/v1/invoices?customer={who}&limit=100");
    let rows = listed(site, &url).await;
    let open: Vec<&Value> = rows.iter().filter(|row| row["status"] == "open").collect();
    assert_eq!(open.len(), 1, "{rows:?}");
    assert_eq!(
        (&open[0]["purpose"], &open[0]["amount"]),
        (&json!("renewal"), &usd(amount))
    );
    let (start, end) = period;
    assert_eq!(
        (&open[0]["period_start"], &open[0]["period_end"]),
        (&json!(start), &json!(end))
    );
    let path = format!("/v1/invoices/{}/payments", text(&open[0]["id"]));
    let paid = json!({ "reference": format!("bank {start}"), "paid_at": start });
    site.operate(&path, &paid).await.is(StatusCode::OK);
    site.rig.settle().await;
}

async fn x_18_what_was_promised_elsewhere_is_charged_here_once(kind: StoreKind) {
    let site = harbor(kind, PAGES).await;
    for name in ["ana", "ben"] {
        assert_eq!(bring(&site, customer(name)).await, new(false));
    }
    // Fifty-five is no price of the catalog's; sixty is that of those who came early.
    let promised = Some(Money::new(5_500, Currency::USD));
    let ana = held("s-1", "ana", 5_500);
    let brought = bring(&site, ImportRow::Subscription(ana.clone())).await;
    assert_eq!(
        brought,
        ImportOutcome::Created {
            promised,
            charged: true
        }
    );
    let ben = held("s-2", "ben", 6_000);
    let ben = bring(&site, ImportRow::Subscription(ben)).await;
    assert_eq!(ben, new(true));
    let of_ana = listed(&site, "/v1/subscriptions?customer=ana").await;
    assert_eq!(
        (&of_ana[0]["price"], &of_ana[0]["unit"]),
        (&Value::Null, &usd(5_500))
    );
    let of_ben = listed(&site, "/v1/subscriptions?customer=ben").await;
    assert_eq!(of_ben[0]["price"], "bridge-old");
    let check = "/v1/customers/ana/check/editor?level=write";
    assert_eq!(read(&site, check).await["allowed"], true, "it is paid");
    assert_eq!(listed(&site, "/v1/licenses?customer=ana").await.len(), 1);

    until(&site, "2026-03-30T23:59:00Z").await;
    let before = listed(&site, "/v1/invoices?limit=100").await;
    assert_eq!(before, Vec::<Value>::new(), "what is paid is not charged");
    until(&site, "2026-04-01T00:00:00Z").await;
    let april = ("2026-03-31T00:00:00Z", "2026-04-30T00:00:00Z");
    is_charged(&site, "ana", 5_500, april).await;
    is_charged(&site, "ben", 6_000, april).await;
    until(&site, "2026-05-01T00:00:00Z").await;
    let may = ("2026-04-30T00:00:00Z", "2026-05-31T00:00:00Z");
    is_charged(&site, "ana", 5_500, may).await;
    is_charged(&site, "ben", 6_000, may).await;
    assert_eq!(
        listed(&site, "/v1/invoices?customer=ana&limit=100")
            .await
            .len(),
        2
    );
    // Two months on, it is still what was brought.
    let again = bring(&site, ImportRow::Subscription(ana)).await;
    assert_eq!(again, ImportOutcome::There);
    ends_well(&site).await;
}

async fn x_18_an_import_is_done_once_and_told_nobody(kind: StoreKind) {
    let site = harbor(kind, PAGES).await;
    let license = LicenseRow {
        external: "l-1".to_owned(),
        customer: "ana".into(),
        plan: "bridge".parse().unwrap(),
        subscription: Some("s-1".to_owned()),
        started_at: None,
        machines: vec!["den".to_owned(), "attic".to_owned()],
    };
    let grant = GrantRow {
        external: "g-1".to_owned(),
        customer: "ana".into(),
        plan: "fleet".parse().unwrap(),
        reason: GrantReason::Comp,
        ends_at: Some(at("2026-06-01T00:00:00Z")),
    };
    let rows = [
        customer("ana"),
        ImportRow::Subscription(held("s-1", "ana", 7_500)),
        ImportRow::Grant(grant),
        ImportRow::License(license),
    ];
    let dry = |row| site.rig.billing.import(row, ImportMode::Dry, Some("key_1"));
    assert_eq!(dry(&rows[0]).await, Ok(new(false)));
    assert_eq!(
        dry(&rows[1]).await,
        Err(ImportRefusal::NoSuchCustomer.into()),
        "a dry run has made nobody"
    );
    for row in &rows {
        let charged = matches!(row, ImportRow::Subscription(_));
        assert_eq!(dry(row).await, Ok(new(charged)), "{row:?}");
        assert_eq!(bring(&site, row.clone()).await, new(charged), "{row:?}");
        assert_eq!(dry(row).await, Ok(ImportOutcome::There), "{row:?}");
        assert_eq!(bring(&site, row.clone()).await, ImportOutcome::There);
    }
    for (row, fields) in [
        (
            ImportRow::Subscription(held("s-1", "ana", 8_000)),
            vec!["amount"],
        ),
        (customer_at("ana", "other@x.test"), vec!["email"]),
    ] {
        assert_eq!(bring(&site, row).await, ImportOutcome::Differs { fields });
    }
    assert_eq!(bring(&site, customer("ben")).await, new(false));
    let of_ben = ImportRow::Subscription(held("s-1", "ben", 7_500));
    let refused = site
        .rig
        .billing
        .import(&of_ben, ImportMode::Apply, None)
        .await;
    assert_eq!(refused, Err(ImportRefusal::AnotherCustomers.into()));
    let licenses = listed(&site, "/v1/licenses?customer=ana").await;
    assert_eq!(licenses.len(), 1);
    assert_eq!(listed(&site, "/v1/customers?limit=100").await.len(), 2);
    assert_eq!(listed(&site, "/v1/subscriptions?limit=100").await.len(), 1);
    site.rig.settle().await;
    assert_eq!(site.rig.notifier.events(), [], "nobody is told");
    let journal = listed(&site, "/v1/customers/ana/journal?limit=100").await;
    let events: Vec<&str> = journal
        .iter()
        .filter_map(|row| row["event"].as_str())
        .collect();
    assert!(events.contains(&"subscription.created") && events.contains(&"license.issued"));
    ends_well(&site).await;
}

fn customer_at(name: &str, email: &str) -> ImportRow {
    let mut row = customer(name);
    if let ImportRow::Customer(row) = &mut row {
        row.email = Some(email.to_owned());
    }
    row
}
