//! An engine that buys, asks, hears and reads as a set has it, and how it stands then.

use std::sync::Arc;

use billing::{
    Billing, Catalog, ChangeAsk, CheckoutRequest, CustomerRef, NewCode, NewCustomer, ReplayAsk,
    What,
};
use billing_domain::customer::Account;
use billing_domain::discount::{Gives, Reduction};
use billing_domain::forecast::Horizon;
use billing_domain::money::{Currency, Money};
use billing_domain::time::{Timestamp, days};
use billing_ports::store::{Book, Bookmark, Store};
use billing_ports::{Delivery, PaymentProvider};
use billing_testkit::ManualClock;

use super::canned::Canned;
use super::fake::PRICES;
use super::set::Set;
use super::state::{State, state};

const WHO: &str = "ana";

/// What is typed where a set is bought with a code: half of it.
const CODE: &str = "HALF";
const HALF: Reduction = Reduction::Percent {
    basis_points: 5_000,
};

/// How many days are free where a set begins with a trial.
const TRIAL_DAYS: u16 = 14;

/// How many cycles to come are foretold at the end.
const FORETOLD: u16 = 2;

/// An engine with what it stands on.
pub(crate) struct Engine {
    pub(crate) billing: Billing,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: ManualClock,
    pub(crate) provider: Arc<Canned>,
}

impl Engine {
    /// There is a code for so many cycles.
    pub(crate) async fn has_code(&self, cycles: u32) {
        let new = NewCode {
            code: CODE.to_owned(),
            gives: Gives::Reduction(HALF),
            plans: Vec::new(),
            cycles: Some(cycles),
            max_uses: None,
            expires_at: None,
        };
        self.billing.create_code(new).await.unwrap();
    }

    /// Begins a purchase; the provider's page.
    pub(crate) async fn buys(&self, set: Set) -> String {
        let new = NewCustomer {
            external_ref: Some(WHO.to_owned()),
            email: Some("ana@example.com".to_owned()),
            ..NewCustomer::default()
        };
        self.billing.create_customer(new, None).await.unwrap();
        let what = What::Price("small-monthly".parse().unwrap());
        let asked = CheckoutRequest {
            code: set.is_coded().then(|| CODE.to_owned()),
            ..CheckoutRequest::of(WHO, what, "https://app.example.com/back")
        };
        self.billing.checkout(asked).await.unwrap();
        let account = self.account().await;
        account.checkouts[0].reference().unwrap().to_owned()
    }

    /// What the customer asks of the engine.
    pub(crate) async fn asks(&self, set: Set) {
        if set != Set::Upgrade {
            return;
        }
        let who = CustomerRef::from(WHO);
        let ask = ChangeAsk {
            subscription: self.account().await.subscriptions[0].id,
            plan: Some("large".parse().unwrap()),
            price: None,
            quantity: None,
        };
        let quote = self.billing.quote(&who, &ask).await.unwrap();
        self.billing
            .accept_quote(&who, quote.id, None)
            .await
            .unwrap();
    }

    pub(crate) async fn account(&self) -> Account {
        self.billing.account(&WHO.into()).await.unwrap().unwrap()
    }

    pub(crate) async fn hear(&self, delivery: Delivery) {
        self.billing.receive_trusted(delivery).await.unwrap();
    }

    pub(crate) async fn hears(&self, deliveries: &[Delivery]) {
        for delivery in deliveries {
            self.hear(delivery.clone()).await;
            self.work().await;
        }
    }

    pub(crate) async fn work(&self) {
        self.billing.work_until_idle().await.unwrap();
    }

    /// The provider's events were read to their end at this instant.
    pub(crate) async fn has_read(&self, at: Timestamp) {
        let mark = Bookmark {
            next: None,
            since: at,
            begun_at: at,
        };
        let account = self.provider.account();
        let put = self.store.put_bookmark(account, Book::Events, &mark);
        put.await.unwrap();
    }

    pub(crate) async fn reread(&self) {
        let account = self.provider.account();
        let done = self.billing.reread(account, |_| {}).await.unwrap();
        assert!(done.finished);
        self.work().await;
    }

    /// What the inbox keeps leads to the same state.
    async fn replays(&self) {
        let mut found = Vec::new();
        let ask = ReplayAsk::default();
        let replayed = self.billing.replay(&ask, |_, finding| {
            found.push(finding.clone());
        });
        let done = replayed.await.unwrap();
        assert_eq!(found, [], "{done:?}");
        assert!(done.customers == 1 && done.rows > 0, "{done:?}");
    }

    pub(crate) async fn state(&self) -> State {
        let next = self.store.next_work().await.unwrap();
        assert_eq!(
            (next.inbox, next.outbox),
            (None, None),
            "left in the queues"
        );
        self.replays().await;
        let account = self.account().await;
        let foretold = self.foretold(&account).await;
        state(self.store.as_ref(), account, foretold).await
    }

    /// When the first subscription is charged next, and what.
    async fn foretold(&self, account: &Account) -> Vec<(Timestamp, i64)> {
        let Some(held) = account.subscriptions.first() else {
            return Vec::new();
        };
        let (who, horizon) = (WHO.into(), Horizon::cycles(FORETOLD));
        let forecast = self.billing.forecast(&who, held.id, horizon);
        let entries = forecast.await.unwrap().unwrap().entries.into_iter();
        entries
            .map(|entry| (entry.at, entry.amount.amount))
            .collect()
    }
}

pub(crate) fn catalog(provider: &str, set: Set) -> Catalog {
    let [small, large] = PRICES;
    let usd = |amount| Money::new(amount, Currency::USD);
    Catalog::builder("Acme", Currency::USD)
        .plan("small", "Small", |plan| {
            let plan = plan
                .rank(10)
                .monthly("small-monthly", usd(small.1))
                .provider_ref(provider, small.0);
            if set == Set::CodedTrial {
                plan.trial(days(TRIAL_DAYS))
            } else {
                plan
            }
        })
        .plan("large", "Large", |plan| {
            plan.rank(20)
                .monthly("large-monthly", usd(large.1))
                .provider_ref(provider, large.0)
        })
        .build()
        .unwrap()
}
