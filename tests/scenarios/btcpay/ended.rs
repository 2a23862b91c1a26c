//! Who did not pay in bitcoin has ended at the end of the grace, by the clock alone.

use billing_domain::time::{Timestamp, shifted};
use billing_testkit::fakes::btcpay::InvoiceStatus;
use jiff::SignedDuration;
use poem::http::StatusCode;
use serde_json::{Value, json};

use super::shop::{Buyer, Shop, asks, days, pays, shop};
use crate::rig::StoreKind;
use crate::scenarios::harbor::text;
use crate::scenarios::on_both_stores;

on_both_stores! {
    /// K-17: at the end of the grace a license is expired, with no worker running.
    k_17_a_license_ends_with_its_grace_and_no_worker_at_btcpay;
    /// K-17: money on its way at the end of the grace keeps it.
    k_17_a_license_outlives_its_grace_while_money_is_on_its_way_at_btcpay;
}

/// What a deck gives, and a harbor asks about all the time.
const FEATURE: &str = "editor";

/// A moment before something.
const MOMENT: SignedDuration = SignedDuration::from_micros(1);

/// Somebody who bought a deck as a guest, and the key that they were given for it.
struct Guest {
    buyer: Buyer,
    key: String,
    token: String,
}

impl Guest {
    async fn buys(shop: &Shop) -> Self {
        let wanted = json!({ "price": "deck-monthly" });
        let opened = shop.post_as("", "/v1/checkouts", &wanted).await;
        let opened = opened.is(StatusCode::CREATED).json();
        let page = super::shop::page(&opened["url"]);
        pays(shop, &page).await;
        let secret = json!({ "checkout_secret": opened["checkout_secret"] });
        let given = shop.post_as("", "/v1/licenses/exchange", &secret).await;
        let given = given.is(StatusCode::OK).json()["license"].take();
        let row = shop
            .read(&format!("/v1/licenses/{}", text(&given["id"])))
            .await;
        let customer = text(&row["customer"]);
        Self {
            buyer: Buyer { customer, page },
            key: text(&given["key"]),
            token: text(&given["token"]),
        }
    }

    /// What validating says, which is the same for the key and the token.
    async fn validates(&self, shop: &Shop) -> Value {
        let by_key = json!({ "license_key": self.key });
        let by_token = json!({ "token": self.token });
        let mut said = Vec::new();
        for body in [by_key, by_token] {
            let seen = shop.post_as("", "/v1/validate", &body).await;
            said.push(seen.is(StatusCode::OK).json());
        }
        assert_eq!(said[0]["ok"], said[1]["ok"]);
        assert_eq!(said[0]["reason"], said[1]["reason"]);
        assert_eq!(said[0]["grace_until"], said[1]["grace_until"]);
        said.swap_remove(0)
    }

    /// Whether the gate of their feature is open.
    async fn may(&self, shop: &Shop) -> Value {
        let customer = &self.buyer.customer;
        let gate = format!("/v1/customers/{customer}/check/{FEATURE}?level=read");
        shop.read(&gate).await["allowed"].take()
    }

    /// Validates and asks at the gate: good until `until`.
    async fn is_good(&self, shop: &Shop, until: Timestamp) {
        let said = self.validates(shop).await;
        assert_eq!(
            (&said["ok"], &said["reason"]),
            (&json!(true), &Value::Null),
            "{said}"
        );
        assert_eq!(said["grace_until"], until.to_string(), "{said}");
        assert_eq!(self.may(shop).await, true);
    }

    /// Validates and asks at the gate: it is over.
    async fn is_over(&self, shop: &Shop) {
        let said = self.validates(shop).await;
        assert_eq!(
            (&said["ok"], &said["reason"]),
            (&json!(false), &json!("expired")),
            "{said}"
        );
        assert_eq!(said["grace_until"], Value::Null);
        assert_eq!(self.may(shop).await, false);
    }

    /// Goes on until the day before the grace ends; its end.
    async fn in_grace(&self, shop: &Shop) -> Timestamp {
        shop.pass(days(32)).await;
        let stands = self.buyer.stands(shop).await;
        assert_eq!(stands["status"], "past_due");
        let over = text(&stands["grace_ends_at"]).parse().unwrap();
        shop.pass_until(shifted(over, days(-1))).await;
        over
    }
}

async fn k_17_a_license_ends_with_its_grace_and_no_worker_at_btcpay(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = Guest::buys(&shop).await;
    let over = ana.in_grace(&shop).await;
    // From here on nobody works.
    shop.fake.clock().set(shifted(over, -MOMENT));
    ana.is_good(&shop, over).await;
    shop.fake.clock().set(over);
    ana.is_over(&shop).await;
    let stands = ana.buyer.stands(&shop).await;
    assert_eq!(stands["status"], "past_due", "nobody worked");
    // A worker comes to the same.
    shop.settle().await;
    assert_eq!(ana.buyer.stands(&shop).await["status"], "lapsed");
    ana.is_over(&shop).await;
    shop.ends_well().await;
}

async fn k_17_a_license_outlives_its_grace_while_money_is_on_its_way_at_btcpay(kind: StoreKind) {
    let shop = shop(kind).await;
    let ana = Guest::buys(&shop).await;
    let over = ana.in_grace(&shop).await;
    shop.fake.rules(|rules| rules.block_every = None);
    let owed = ana.buyer.owes(&shop).await;
    shop.fake.pay_in_full(&owed).unwrap();
    shop.settle().await;
    // From here on nobody works.
    for at in [shifted(over, -MOMENT), over] {
        shop.fake.clock().set(at);
        let seen = shop.fake.invoice(&owed).unwrap();
        assert_eq!(seen.status, InvoiceStatus::Processing);
        let said = ana.validates(&shop).await;
        assert_eq!(said["ok"], true, "{at}: {said}");
        assert_eq!(ana.may(&shop).await, true, "{at}");
    }
    // Once it is confirmed, it pays for the cycle.
    shop.fake.confirm(&owed).unwrap();
    asks(&shop).await;
    shop.settle().await;
    assert_eq!(ana.buyer.stands(&shop).await["status"], "active");
    assert_eq!(ana.validates(&shop).await["grace_until"], Value::Null);
    assert_eq!(shop.told("subscription.lapsed"), 0);
    shop.ends_well().await;
}
