//! What a provider that runs the schedule charged for a change, told by itself
//! and later than the change, beside what was quoted.

use billing::sandbox::Fault;
use billing_domain::fact::Fact;
use billing_domain::invoice::Purpose;
use billing_domain::money::{Currency, Money};
use billing_domain::parked::ParkReason;
use billing_ports::{Clock, Delivery, Reading, WebhookDecoder, WebhookRequest};
use poem::http::StatusCode;
use serde_json::{Value, json};

use super::harbor::{
    Held, MIDDLE, bought, ends_well, harbor, listed, read, sent, text, until, usd,
};
use super::{PROVIDER, on_both_stores};
use crate::rig::{Site, StoreKind};

on_both_stores! {
    /// another amount than was quoted is for a person, once.
    x_09_a_provider_s_charge_is_held_against_its_quote;
}

#[tokio::test]
async fn x_09_a_provider_s_charge_is_held_against_its_quote_in_memory() {
    x_09_a_provider_s_charge_is_held_against_its_quote(StoreKind::Memory).await;
}

async fn x_09_a_provider_s_charge_is_held_against_its_quote(kind: StoreKind) {
    // Half of 50.00 for the half of the month that is left.
    const QUOTED: i64 = 2_500;
    let other = |amount| Some(Money::new(amount, Currency::USD));
    let euro = Some(Money::new(QUOTED, Currency::EUR));
    let mismatch = ParkReason::AmountMismatch;
    for applied_first in [true, false] {
        for (charged, parked) in [
            (None, None),
            (other(QUOTED + 199), Some((mismatch, "USD 1.99 more"))),
            (other(QUOTED - 199), Some((mismatch, "USD 1.99 less"))),
            (
                euro,
                Some((ParkReason::CurrencyMismatch, "another currency")),
            ),
        ] {
            let told = Told::of_an_upgrade(kind, QUOTED).await;
            if applied_first {
                told.is_applied().await;
                told.is_charged(charged).await;
            } else {
                told.is_charged(charged).await;
                told.is_applied().await;
            }
            let Told {
                site, held, change, ..
            } = &told;
            // The answer that was lost is asked for once more, and says what it said.
            until(site, "2026-03-17T01:00:00Z").await;
            let rows = site.rig.parked().await;
            let Some((reason, by)) = parked else {
                ends_well(site).await;
                continue;
            };
            let [row] = rows.as_slice() else {
                panic!("not one: {rows:#?}");
            };
            assert_eq!(row.reason, reason);
            let evidence = &row.evidence;
            for said in [
                &text(&change["id"]),
                by,
                "USD 25.00",
                &charged.unwrap().to_string(),
            ] {
                assert!(evidence.contains(said), "{said}: {evidence}");
            }
            let invoices = held.invoices(site).await;
            let of_change = invoices.iter().filter(|row| row["purpose"] == "change");
            let amounts: Vec<&Value> = of_change.map(|row| &row["amount"]["amount"]).collect();
            assert_eq!(
                amounts,
                [&json!(charged.unwrap().amount)],
                "kept as charged"
            );
            site.rig.assert_sound().await;
        }
    }
}

/// An upgrade that the provider made, and has told nobody of.
struct Told {
    site: Site,
    held: Held,
    change: Value,
    of_subscription: WebhookRequest,
    of_invoice: WebhookRequest,
}

impl Told {
    async fn of_an_upgrade(kind: StoreKind, quoted: i64) -> Self {
        let site = harbor(kind, PROVIDER).await;
        let held = bought(&site, "deck-monthly").await;
        until(&site, MIDDLE).await;
        let quote = held.quote(&site, json!({ "plan": "bridge" })).await;
        // It is done, and the answer lost.
        site.rig.sandbox.inject(Fault::LoseAnswer);
        let accepted = json!({ "quote": quote["id"] });
        let unknown = held.upgrade(&site, accepted).await;
        unknown.refused(StatusCode::BAD_GATEWAY, "provider_error");
        let changes = listed(&site, &format!("/v1/changes?customer={}", held.customer)).await;
        let [change] = changes.as_slice() else {
            panic!("not one: {changes:#?}");
        };
        let change = change.clone();
        assert_eq!(change["status"], "awaiting_payment");
        assert_eq!(change["owed"], usd(quoted));
        let mut sent = sent(&site).await.into_iter();
        let told = (sent.next().unwrap(), sent.next().unwrap());
        assert!(sent.next().is_none());
        Self {
            site,
            held,
            change,
            of_subscription: told.0,
            of_invoice: told.1,
        }
    }

    /// The provider tells that it changed the subscription.
    async fn is_applied(&self) {
        let seen = self.site.deliver("sandbox", &self.of_subscription).await;
        seen.is(StatusCode::OK);
        self.works().await;
        let id = text(&self.change["id"]);
        let change = read(&self.site, &format!("/v1/changes/{id}")).await;
        assert_eq!(change["status"], "applied");
        assert_eq!(self.held.says(&self.site).await.0, "bridge");
    }

    /// The provider tells its invoice, as it stands or at another amount, and
    /// tells it again.
    async fn is_charged(&self, amount: Option<Money>) {
        let mut told = self.decoded();
        if let (Some(other), Reading::Facts(facts)) = (amount, &mut told.reading) {
            let mut put = 0;
            for observed in facts {
                if let Fact::ProviderInvoiceSeen {
                    amount,
                    purpose: Some(Purpose::Change),
                    ..
                } = &mut observed.fact
                {
                    *amount = other;
                    put += 1;
                }
            }
            assert_eq!(put, 1);
        }
        for again in 0..2 {
            let mut told = told.clone();
            told.event_id = format!("{}-{again}", told.event_id);
            let billing = &self.site.rig.billing;
            billing.receive_trusted(told).await.unwrap();
            self.works().await;
        }
    }

    fn decoded(&self) -> Delivery {
        let rig = &self.site.rig;
        let decoder = rig.sandbox.decoder();
        decoder.decode(&self.of_invoice, rig.clock.now()).unwrap()
    }

    async fn works(&self) {
        self.site.rig.billing.work_until_idle().await.unwrap();
    }
}
