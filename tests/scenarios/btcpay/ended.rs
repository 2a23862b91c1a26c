//! How what is paid in bitcoin ends: unpaid, at the end of its grace and by the clock
//! alone; canceled, with what is paid or being paid.

use billing_domain::time::{Timestamp, shifted};
use billing_testkit::fakes::btcpay::InvoiceStatus;
use billing_testkit::fakes::rig::FaultKind;
use jiff::SignedDuration;
use poem::http::StatusCode;
use serde_json::{Value, json};

use super::shop::{Buyer, Shop, asks, days, down, loses, parked, pays, shop, shop_selling};
use crate::rig::StoreKind;
use crate::scenarios::harbor::{PLANS, text};
use crate::scenarios::on_both_stores;

on_both_stores! {
    /// K-17: at the end of the grace a license is expired, with no worker running.
    k_17_a_license_ends_with_its_grace_and_no_worker_at_btcpay;
    /// K-17: money on its way at the end of the grace keeps it.
    k_17_a_license_outlives_its_grace_while_money_is_on_its_way_at_btcpay;
    /// K-24: money on its way buys its cycle, whatever its buyer wants next.
    k_24_what_is_on_its_way_at_btcpay_buys_its_cycle;
    /// K-24: what was paid before it was canceled is had, however late that is heard of.
    k_24_what_was_paid_at_btcpay_before_it_was_canceled_is_had;
}

/// What a deck gives, and a harbor asks about all the time.
const FEATURE: &str = "editor";

/// Within what time an order is tried again that failed for some hours.
const TRIED_WITHIN: SignedDuration = SignedDuration::from_hours(6);

/// More of those than BTCPay waits for money that is on its way: six days.
const WAITS_AT_MOST: usize = 25;

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

    /// Cancels by the key alone.
    async fn cancels(&self, shop: &Shop) -> Value {
        let by_key = json!({ "license_key": self.key });
        let canceled = shop.post_as("", "/v1/subscriptions/cancel", &by_key).await;
        canceled.is(StatusCode::OK).json()
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

/// A guest who owes the next cycle, which nobody confirms anything of by itself.
struct Owing {
    shop: Shop,
    ana: Guest,
    /// Until when it is paid.
    through: String,
    /// The page of the next cycle, and when that ends.
    owed: String,
    ends: Value,
}

impl Owing {
    /// Some hours after what is paid is over, or as many before, in which it can be paid ahead.
    async fn beside(kind: StoreKind, past_due: bool) -> Self {
        let ahead = PLANS.replace("interval: month }", "interval: month, lead: 3d }");
        let shop = shop_selling(kind, &ahead).await;
        let ana = Guest::buys(&shop).await;
        let through = text(&ana.buyer.stands(&shop).await["paid_through"]);
        let begins: Timestamp = through.parse().unwrap();
        let hours = if past_due { 5 } else { -5 };
        shop.pass_until(shifted(begins, SignedDuration::from_hours(hours)))
            .await;
        shop.fake.rules(|rules| rules.block_every = None);
        let owed = ana.buyer.owes(&shop).await;
        let ends = ana.buyer.newest(&shop).await["period_end"].clone();
        Self {
            shop,
            ana,
            through,
            owed,
            ends,
        }
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

async fn k_24_what_is_on_its_way_at_btcpay_buys_its_cycle(kind: StoreKind) {
    // Paid in advance, and past due; confirmed, and spent elsewhere.
    for (past_due, confirmed) in [(false, true), (true, true), (false, false), (true, false)] {
        let row = format!("past due {past_due}, confirmed {confirmed}");
        let owing = Owing::beside(kind, past_due).await;
        let Owing {
            shop,
            ana,
            through,
            owed,
            ends,
        } = owing;
        shop.fake.pay_in_full(&owed).unwrap();
        shop.settle().await;
        // Another plan would void what is being paid.
        let held = text(&ana.buyer.stands(&shop).await["id"]);
        let session = shop.session(&ana.buyer.customer).await;
        let url = format!("/v1/me/subscriptions/{held}/quotes");
        let wanted = json!({ "plan": "bridge" });
        let quote = shop.post_as(&session, &url, &wanted).await;
        quote.refused(StatusCode::CONFLICT, "invoice_open");
        // Canceled, it ends with what is being paid.
        let canceled = ana.cancels(&shop).await;
        assert_eq!(canceled["ends_at"], ends, "{row}: {canceled}");
        shop.settle().await;
        assert_eq!(ana.buyer.newest(&shop).await["status"], "open", "{row}");
        assert_eq!(ana.may(&shop).await, true, "{row}");
        if confirmed {
            shop.fake.confirm(&owed).unwrap();
        } else {
            shop.fake.double_spend(&owed).unwrap();
        }
        asks(&shop).await;
        shop.settle().await;
        let stands = ana.buyer.stands(&shop).await;
        let (status, until) = match (past_due, confirmed) {
            (_, true) => ("active", ends.clone()),
            (false, false) => ("active", json!(through)),
            (true, false) => ("canceled", json!(shop.now().to_string())),
        };
        assert_eq!(stands["status"], status, "{row}: {stands:#}");
        assert_eq!(stands["ends_at"], until, "{row}: {stands:#}");
        let url = format!("/v1/customers/{}", ana.buyer.customer);
        assert_eq!(shop.read(&url).await["balances"], json!([]), "{row}");
        let end: Timestamp = text(&stands["ends_at"]).parse().unwrap();
        shop.pass_until(end).await;
        assert_eq!(ana.buyer.stands(&shop).await["status"], "canceled", "{row}");
        assert_eq!(ana.may(&shop).await, false, "{row}");
        assert_eq!(shop.told("subscription.lapsed"), 0, "{row}");
        shop.is_sound().await;
    }
}

async fn k_24_what_was_paid_at_btcpay_before_it_was_canceled_is_had(kind: StoreKind) {
    // Nobody had heard of the money; or of it being on its way alone, and of nothing else
    // before nobody waited any more.
    for (known, past_due) in [(false, false), (false, true), (true, false), (true, true)] {
        let row = format!("known {known}, past due {past_due}");
        let owing = Owing::beside(kind, past_due).await;
        let Owing {
            shop,
            ana,
            owed,
            ends,
            ..
        } = owing;
        shop.fake.pay_in_full(&owed).unwrap();
        if known {
            shop.settle().await;
        } else {
            shop.fake.confirm(&owed).unwrap();
            assert!(loses(&shop) > 0);
        }
        shop.fake.advance(SignedDuration::from_secs(1));
        let canceled = ana.cancels(&shop).await;
        assert_eq!(canceled["ends_at"] == ends, known, "{row}: {canceled}");
        if known {
            // BTCPay is away, and its word is lost.
            down(&shop, FaultKind::ServerError);
            shop.fake.confirm(&owed).unwrap();
            assert!(loses(&shop) > 0);
            for _ in 0..WAITS_AT_MOST {
                if ana.buyer.stands(&shop).await["status"] == "canceled" {
                    break;
                }
                shop.pass(TRIED_WITHIN).await;
            }
            assert_eq!(ana.buyer.stands(&shop).await["status"], "canceled", "{row}");
            assert_eq!(ana.may(&shop).await, false, "{row}");
            shop.fake.faults().clear();
        }
        // It is to be taken back, and was paid.
        shop.pass(TRIED_WITHIN).await;
        let stands = ana.buyer.stands(&shop).await;
        assert_eq!(stands["status"], "active", "{row}: {stands:#}");
        assert_eq!(stands["ends_at"], ends, "{row}: {stands:#}");
        assert_eq!(stands["paid_through"], ends, "{row}: {stands:#}");
        assert_eq!(ana.may(&shop).await, true, "{row}");
        assert_eq!(ana.validates(&shop).await["ok"], true, "{row}");
        let url = format!("/v1/customers/{}", ana.buyer.customer);
        assert_eq!(shop.read(&url).await["balances"], json!([]), "{row}");
        assert_eq!(parked(&shop).await, [] as [&str; 0], "{row}");
        let end: Timestamp = text(&ends).parse().unwrap();
        shop.pass_until(end).await;
        assert_eq!(ana.buyer.stands(&shop).await["status"], "canceled", "{row}");
        ana.is_over(&shop).await;
        assert_eq!(shop.told("subscription.renewed"), 1, "{row}");
        assert_eq!(shop.told("subscription.lapsed"), 0, "{row}");
        shop.ends_well().await;
    }
}
