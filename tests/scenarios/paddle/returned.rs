//! What goes back at Paddle: refunds that wait for approval, chargebacks, and the
//! same with tax.

use billing_domain::parked::ParkReason;
use billing_domain::proration::TaxRate;
use billing_testkit::fakes::paddle::{AdjustmentAction, Card, Rules};
use serde_json::{Value, json};

use super::shop::{
    Shop, bought, dashboard, days, id, invoices, only, opened, pays, plan_of, shop, shop_of,
    transaction_of,
};
use crate::rig::StoreKind;
use crate::scenarios::on_both_stores;

on_both_stores! {
    /// a refund counts once it is approved; rejected, it never did.
    x_11_a_refund_at_paddle_waits_for_its_approval;
    /// part of a payment keeps the access, all of it takes it; tax included.
    x_11_parts_of_a_taxed_payment_at_paddle;
    /// a chargeback takes the access, and its reversal gives it back.
    x_11_a_chargeback_at_paddle_and_its_reversal;
    /// a warning of a chargeback is shown and takes nothing, until the bank
    /// withdraws it or takes the money.
    x_11_a_warning_at_paddle_is_shown_until_it_is_decided;
    /// what was bought once is undone with its license.
    x_11_a_refunded_purchase_at_paddle_is_undone;
}

/// With a tax that is put on top, and one that needs rounding.
fn taxed() -> Rules {
    Rules {
        tax: TaxRate { millionths: 81_000 },
        ..Rules::default()
    }
}

/// The newest transaction that was paid.
fn paid(shop: &Shop) -> String {
    let world = shop.fake.world();
    let paid = world
        .transactions
        .values()
        .filter(|txn| !txn.payments.is_empty());
    paid.max_by_key(|txn| txn.created_at).unwrap().id.clone()
}

async fn newest(shop: &Shop, customer: &str) -> Value {
    let rows = shop
        .rows(&format!("/v1/invoices?customer={customer}"))
        .await;
    rows.into_iter().next().unwrap()
}

fn states(invoice: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let returned = invoice["returned"].as_array().unwrap();
    let mut states: Vec<_> = returned
        .iter()
        .map(|back| (text(&back["kind"]), text(&back["state"])))
        .collect();
    states.sort();
    states
}

fn one(kind: &str, state: &str) -> Vec<(String, String)> {
    vec![(kind.to_owned(), state.to_owned())]
}

/// Somebody in the second month of a plan.
async fn renewed(shop: &Shop) -> String {
    let ana = bought(shop, "ana", "team-monthly").await;
    shop.pass(days(32)).await;
    assert_eq!(invoices(shop, &ana).await.len(), 2);
    ana
}

async fn x_11_a_refund_at_paddle_waits_for_its_approval(kind: StoreKind) {
    for rules in [Rules::default(), taxed()] {
        for approve in [false, true] {
            let shop = shop_of(kind, rules.clone()).await;
            let ana = renewed(&shop).await;
            let refund = shop.fake.refund(&paid(&shop)).unwrap();
            shop.settle().await;
            let invoice = newest(&shop, &ana).await;
            assert_eq!(states(&invoice), one("refund", "pending"));
            assert_eq!(
                invoice["returned"][0]["amount"],
                invoice["payments"][0]["amount"]
            );
            assert_eq!(plan_of(&shop, &ana).await, "team", "nothing went back yet");

            shop.pass(days(1)).await;
            shop.fake.decide_refund(&refund, approve).unwrap();
            shop.settle().await;
            let state = if approve { "done" } else { "failed" };
            assert_eq!(states(&newest(&shop, &ana).await), one("refund", state));
            let plan = if approve { "" } else { "team" };
            assert_eq!(plan_of(&shop, &ana).await, plan);
            assert_eq!(shop.told("invoice.refunded"), usize::from(approve));
            // The next period is paid for, and gives access again.
            shop.pass(days(31)).await;
            assert_eq!(plan_of(&shop, &ana).await, "team");
            assert_eq!(invoices(&shop, &ana).await.len(), 3);
            shop.ends_well().await;
        }
    }
}

async fn x_11_parts_of_a_taxed_payment_at_paddle(kind: StoreKind) {
    let rules = Rules {
        approve_refunds: true,
        ..taxed()
    };
    let shop = shop_of(kind, rules).await;
    let ana = bought(&shop, "ana", "team-monthly").await;
    let invoice = newest(&shop, &ana).await;
    assert_eq!(
        invoice["payments"][0]["amount"]["amount"], 3_243,
        "as it was paid"
    );
    let transaction = paid(&shop);
    let line = shop.fake.world().transactions[&transaction].lines[0]
        .id
        .clone();
    let part = |amount: i64| {
        json!({
            "action": "refund", "type": "partial", "reason": "a day was lost",
            "transaction_id": transaction,
            "items": [{ "item_id": line, "type": "partial", "amount": amount.to_string() }],
        })
    };
    dashboard(&shop, "POST", "adjustments", &part(1_000)).await;
    shop.settle().await;
    assert_eq!(plan_of(&shop, &ana).await, "team");
    let invoice = newest(&shop, &ana).await;
    assert_eq!(invoice["returned"][0]["amount"]["amount"], 1_000);
    dashboard(&shop, "POST", "adjustments", &part(2_243)).await;
    shop.settle().await;
    assert_eq!(plan_of(&shop, &ana).await, "");
    let invoice = newest(&shop, &ana).await;
    let back: i64 = invoice["returned"]
        .as_array()
        .unwrap()
        .iter()
        .map(|back| back["amount"]["amount"].as_i64().unwrap())
        .sum();
    assert_eq!(back, 3_243);
    shop.ends_well().await;
}

async fn x_11_a_chargeback_at_paddle_and_its_reversal(kind: StoreKind) {
    for rules in [Rules::default(), taxed()] {
        let shop = shop_of(kind, rules).await;
        let ana = renewed(&shop).await;
        let transaction = paid(&shop);
        shop.pass(days(2)).await;
        shop.fake.dispute(&transaction).unwrap();
        shop.settle().await;
        assert_eq!(states(&newest(&shop, &ana).await), one("dispute", "lost"));
        assert!(given_back(&shop) > 0);
        assert_eq!(plan_of(&shop, &ana).await, "");
        shop.pass(days(2)).await;
        shop.fake.win_dispute(&transaction).unwrap();
        shop.settle().await;
        assert_eq!(states(&newest(&shop, &ana).await), one("dispute", "won"));
        assert_eq!(plan_of(&shop, &ana).await, "team");
        assert_eq!(given_back(&shop), 0, "it came back");
        shop.ends_well().await;

        // The purchase itself is undone, and stays so: for a person.
        let ben = bought(&shop, "ben", "team-monthly").await;
        let transaction = paid(&shop);
        shop.fake.dispute(&transaction).unwrap();
        shop.settle().await;
        assert_eq!(plan_of(&shop, &ben).await, "");
        assert_eq!(only(&shop, &ben).await["status"], "canceled");
        shop.fake.win_dispute(&transaction).unwrap();
        shop.settle().await;
        assert_eq!(states(&newest(&shop, &ben).await), one("dispute", "won"));
        assert_eq!(plan_of(&shop, &ben).await, "");
        let parked = shop.parked().await;
        assert_eq!(parked.len(), 1, "{parked:#?}");
        assert_eq!(parked[0].reason, ParkReason::Conflict);
        shop.is_sound().await;
    }
}

async fn x_11_a_warning_at_paddle_is_shown_until_it_is_decided(kind: StoreKind) {
    for taken in [false, true] {
        let shop = shop(kind).await;
        let ana = renewed(&shop).await;
        let transaction = paid(&shop);
        shop.fake.warn_of_dispute(&transaction).unwrap();
        shop.settle().await;
        let invoice = newest(&shop, &ana).await;
        assert_eq!(states(&invoice), one("dispute", "open"));
        assert_eq!(invoice["disputed"], true);
        let held = only(&shop, &ana).await;
        assert_eq!(held["disputed"], json!([invoice["id"]]));
        assert_eq!(
            (&held["status"], &held["gives_access"]),
            (&json!("active"), &json!(true))
        );
        assert_eq!(plan_of(&shop, &ana).await, "team", "nothing went back");
        assert_eq!(given_back(&shop), 0);
        assert_eq!(shop.told("invoice.disputed"), 1);

        shop.pass(days(2)).await;
        if taken {
            shop.fake.dispute(&transaction).unwrap();
        } else {
            shop.fake.withdraw_warning(&transaction).unwrap();
        }
        shop.settle().await;
        // Paddle touches the warning once more; what was decided since stands.
        let warning = shop
            .fake
            .world()
            .adjustments
            .into_values()
            .find(|one| one.action == AdjustmentAction::ChargebackWarning);
        let warning = warning.unwrap();
        let touched = json!({
            "id": warning.id, "action": "chargeback_warning",
            "status": warning.status.name(),
            "transaction_id": transaction, "customer_id": warning.customer_id,
            "subscription_id": warning.subscription_id, "currency_code": "USD",
            "totals": { "total": "3000" },
            "created_at": warning.created_at, "updated_at": shop.fake.now(),
        });
        shop.fake.tell("adjustment.updated", touched);
        shop.settle().await;
        let invoice = newest(&shop, &ana).await;
        let (state, plan, back) = if taken {
            ("lost", "", 3_000)
        } else {
            ("won", "team", 0)
        };
        assert_eq!(states(&invoice), one("dispute", state));
        assert_eq!(invoice["disputed"], false);
        assert_eq!(only(&shop, &ana).await["disputed"], json!([]));
        assert_eq!(plan_of(&shop, &ana).await, plan);
        assert_eq!(given_back(&shop), back);
        if taken {
            // Withdrawn at last, the warning gives back nothing that was taken.
            shop.fake.withdraw_warning(&transaction).unwrap();
            shop.settle().await;
            assert_eq!(states(&newest(&shop, &ana).await), one("dispute", "lost"));
            assert_eq!(plan_of(&shop, &ana).await, "");
        }
        // The next period is paid for, and gives access either way.
        shop.pass(days(31)).await;
        assert_eq!(plan_of(&shop, &ana).await, "team");
        shop.ends_well().await;
    }
}

/// What Paddle has given back of everybody's money, in minor units.
fn given_back(shop: &Shop) -> i64 {
    let books = shop.fake.books();
    let accounts = books.customers.values();
    accounts
        .flat_map(|account| account.refunded.values())
        .sum::<i64>()
}

async fn x_11_a_refunded_purchase_at_paddle_is_undone(kind: StoreKind) {
    for rules in [Rules::default(), taxed()] {
        let rules = Rules {
            approve_refunds: true,
            ..rules
        };
        let shop = shop_of(kind, rules).await;
        let ana = shop.customer("ana").await;
        let checkout = opened(&shop, &ana, &json!({ "price": "lifetime-once" })).await;
        pays(&shop, &checkout, Card::Pays);
        shop.settle().await;
        assert_eq!(plan_of(&shop, &ana).await, "lifetime");
        let licenses = shop.rows(&format!("/v1/licenses?customer={ana}")).await;
        let license = format!("/v1/licenses/{}", id(&licenses[0]));
        assert_eq!(shop.read(&license).await["status"], "good");
        shop.fake.refund(&transaction_of(&checkout)).unwrap();
        shop.settle().await;
        assert_eq!(plan_of(&shop, &ana).await, "");
        assert_eq!(shop.read(&license).await["status"], "revoked");
        assert_eq!(only(&shop, &ana).await["status"], "canceled");
        shop.ends_well().await;
    }
}
