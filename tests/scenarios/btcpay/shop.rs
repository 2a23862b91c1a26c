//! A harbor that sells for bitcoin through BTCPay, and what its buyers do there.
//! Knows no promise.

use std::sync::Arc;

use billing_btcpay::{BtcPay, BtcPayDecoder, BtcPayOptions};
use billing_catalog::read_plan_file;
use billing_domain::time::{Timestamp, shifted};
use billing_http::{Request, RetryPolicy};
use billing_ports::{Clock, RateSource, Store};
use billing_rates::{BtcPayStore, Rates, RatesOptions, Source};
use billing_testkit::fakes::btcpay::{
    DEFAULT_KEY, DEFAULT_SECRET, DEFAULT_STORE, Decimal, FakeBtcPay, FakeBtcPayOptions, Invoice,
};
use billing_testkit::fakes::rig::{Fault, FaultKind};
use jiff::SignedDuration;
use poem::http::header::{AUTHORIZATION, HeaderValue};
use poem::http::{Method, StatusCode};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::rig::{Adapter, Fake, Hosted, StoreKind, client};
use crate::scenarios::harbor::{PLANS, START, text};

/// A secret that the store signed with before.
pub(super) const OLD_SECRET: &str = "an-older-secret-of-the-tests";

/// The name of the deployment.
const OPERATOR: &str = "harbor";

/// How often a worker asks about what is open: a moment after each hour, since nothing
/// is done at the very instant when it falls due.
const ASKS_EVERY: SignedDuration = SignedDuration::from_secs(3_601);

/// How long a block takes to come.
pub(super) const BLOCK: SignedDuration = SignedDuration::from_mins(10);

/// A server that sells through the fake.
pub(super) type Shop = Hosted<FakeBtcPay>;

impl Fake for FakeBtcPay {
    const NAME: &'static str = "btcpay";
    const SECRETS: &'static [&'static str] = &[DEFAULT_KEY, DEFAULT_SECRET, OLD_SECRET];
}

/// How the deployment reaches the store.
fn options(fake: &FakeBtcPay) -> BtcPayOptions {
    BtcPayOptions {
        webhook_secrets: [OLD_SECRET, DEFAULT_SECRET]
            .map(SecretString::from)
            .to_vec(),
        ..BtcPayOptions::new(
            "btcpay/main".parse().unwrap(),
            fake.url().clone(),
            DEFAULT_KEY.into(),
            DEFAULT_STORE.to_owned(),
            OPERATOR.to_owned(),
        )
    }
}

/// The rates of the store itself, and of nobody else.
fn of_the_store(fake: &FakeBtcPay) -> RatesOptions {
    let store = BtcPayStore {
        base_url: fake.url().clone(),
        store_id: DEFAULT_STORE.to_owned(),
        api_key: DEFAULT_KEY.into(),
    };
    RatesOptions {
        order: vec![Source::BtcPay],
        ..RatesOptions::new(Some(store)).unwrap()
    }
}

/// The shop by itself: 50 000 dollars a bitcoin, by its own store's word.
pub(super) async fn shop(kind: StoreKind) -> Shop {
    shop_of(kind, |_rates| {}).await
}

/// A shop that finds its rates so.
pub(super) async fn shop_of(kind: StoreKind, change: impl FnOnce(&mut RatesOptions)) -> Shop {
    shop_by(kind, PLANS, change).await
}

/// The shop by another plan file.
pub(super) async fn shop_selling(kind: StoreKind, plans: &str) -> Shop {
    shop_by(kind, plans, |_rates| {}).await
}

async fn shop_by(kind: StoreKind, plans: &str, change: impl FnOnce(&mut RatesOptions)) -> Shop {
    served(kind.fresh().await, store().await, plans, change).await
}

/// A store at BTCPay where nothing was sold yet.
pub(super) async fn store() -> Arc<FakeBtcPay> {
    let start = START.parse().unwrap();
    let fake = FakeBtcPay::start(FakeBtcPayOptions::new(start)).await;
    Arc::new(fake.unwrap())
}

/// A server with these books in front of that store; another one after a restart.
pub(super) async fn served(
    books: Arc<dyn Store>,
    fake: Arc<FakeBtcPay>,
    plans: &str,
    change: impl FnOnce(&mut RatesOptions),
) -> Shop {
    let mut asked = of_the_store(&fake);
    change(&mut asked);
    let rates: Arc<dyn RateSource> = Arc::new(Rates::new(asked, client()).unwrap());
    let options = options(&fake);
    let clock: Arc<dyn Clock> = Arc::new(fake.clock().clone());
    let adapter = Adapter {
        decoder: Arc::new(BtcPayDecoder::new(&options)),
        provider: Arc::new(BtcPay::new(&options, client(), rates, clock).unwrap()),
    };
    let catalog = read_plan_file("harbor.yaml", plans.as_bytes()).unwrap();
    Hosted::over(books, fake, adapter, &catalog).await
}

/// From now on a bitcoin costs so many dollars. What is kept of the rate before is
/// over a minute later.
pub(super) fn dollars(shop: &Shop, units: i128) {
    shop.fake.rules(|rules| {
        rules.rates.insert("USD".to_owned(), Decimal::new(units, 0));
    });
    shop.fake.advance(SignedDuration::from_mins(2));
}

/// BTCPay's id of the invoice that is paid at this page.
#[track_caller]
pub(super) fn page(url: &Value) -> String {
    let (_, id) = url.as_str().unwrap().rsplit_once('/').unwrap();
    id.to_owned()
}

/// Who buys, and where.
#[derive(Debug)]
pub(super) struct Buyer {
    pub(super) customer: String,
    /// BTCPay's id of the invoice that was to be paid.
    pub(super) page: String,
}

/// Somebody new who is about to pay for `price`.
pub(super) async fn opens(shop: &Shop, who: &str, price: &str) -> Buyer {
    let customer = shop.customer(who).await;
    let session = shop.session(&customer).await;
    let asked = json!({ "price": price });
    let opened = shop.post_as(&session, "/v1/checkouts", &asked).await;
    let opened = opened.is(StatusCode::CREATED).json();
    Buyer {
        customer,
        page: page(&opened["url"]),
    }
}

/// Somebody new who has bought `price`, by a transaction that is confirmed.
pub(super) async fn bought(shop: &Shop, who: &str, price: &str) -> Buyer {
    let buyer = opens(shop, who, price).await;
    pays(shop, &buyer.page).await;
    buyer
}

/// Pays in full, with the blocks that it takes; webhooks come.
pub(super) async fn pays(shop: &Shop, page: &str) {
    pays_untold(shop, page);
    shop.settle().await;
}

/// Pays in full, with the blocks that it takes; no webhook is delivered yet.
#[track_caller]
pub(super) fn pays_untold(shop: &Shop, page: &str) {
    shop.fake.pay_in_full(page).unwrap();
    shop.fake.confirm(page).unwrap();
}

/// Lets time pass, and loses every webhook on the way: only what a worker asks for
/// is heard of.
pub(super) async fn pass_untold(shop: &Shop, by: SignedDuration) {
    let end = shifted(shop.now(), by);
    shop.work().await;
    while shop.now() < end {
        let next = shifted(shop.now(), ASKS_EVERY).min(end);
        shop.fake.advance(next.duration_since(shop.now()));
        loses(shop);
        shop.work().await;
        asks(shop).await;
    }
}

/// A worker asks about everything that is open.
pub(super) async fn asks(shop: &Shop) {
    shop.billing.reconcile().await.unwrap();
    shop.work().await;
}

/// A worker reads what was paid at the store, as far as the store answers.
pub(super) async fn rereads(shop: &Shop) {
    let account = "btcpay/main".parse().unwrap();
    let there = shop.fake.faults().open().is_empty();
    let done = shop.billing.reread(&account, |_| {}).await;
    assert!(!there || done.is_ok_and(|done| done.finished));
    shop.work().await;
}

/// Loses the webhooks that wait; how many there were.
pub(super) fn loses(shop: &Shop) -> usize {
    shop.fake.deliveries().take().len()
}

/// Every request is struck by this until the faults are cleared.
pub(super) fn down(shop: &Shop, kind: FaultKind) {
    shop.fake.fault(Fault::next(kind).times(10_000));
}

/// When BTCPay was asked to make an invoice, as far as its log of requests goes back.
pub(super) fn asked(shop: &Shop) -> Vec<Timestamp> {
    let path = format!("/api/v1/stores/{DEFAULT_STORE}/invoices");
    let asked = shop.fake.requests().to("POST", &path);
    asked.iter().map(|request| request.at).collect()
}

/// Makes something in the store that is none of ours to make, as its dashboard or
/// another program does; the answer.
pub(super) async fn dashboard(shop: &Shop, path: &str, body: &Value) -> Value {
    let path = format!("api/v1/stores/{DEFAULT_STORE}/{path}");
    let url = shop.fake.url().join(&path).unwrap();
    let json = HeaderValue::from_static("application/json");
    let request = Request::new(Method::POST, url, RetryPolicy::Never)
        .with_header(AUTHORIZATION, &format!("token {DEFAULT_KEY}"))
        .unwrap()
        .with_body(json, body.to_string());
    let answer = client().send(request).await.unwrap();
    let told: Value = serde_json::from_slice(&answer.body).unwrap();
    assert!(answer.status.is_success(), "{told}");
    told
}

impl Buyer {
    /// The plan that they have access to, as in `deck`; empty without one.
    pub(super) async fn plan(&self, shop: &Shop) -> String {
        let me = shop.me(&self.customer).await;
        me["access"]["plan"].as_str().unwrap_or_default().to_owned()
    }

    /// Their only subscription, as an operator sees it.
    pub(super) async fn stands(&self, shop: &Shop) -> Value {
        let url = format!("/v1/subscriptions?customer={}", self.customer);
        let mut held = shop.rows(&url).await;
        assert_eq!(held.len(), 1, "{held:#?}");
        held.remove(0)
    }

    /// Whether anything was granted to them.
    pub(super) async fn has_nothing(&self, shop: &Shop) {
        let url = format!("/v1/subscriptions?customer={}", self.customer);
        assert_eq!(shop.rows(&url).await, [] as [Value; 0]);
        assert_eq!(self.licenses(shop).await, [] as [String; 0]);
        assert_eq!(self.plan(shop).await, "");
    }

    /// The ids of their licenses.
    pub(super) async fn licenses(&self, shop: &Shop) -> Vec<String> {
        let url = format!("/v1/licenses?customer={}", self.customer);
        let rows = shop.rows(&url).await;
        rows.iter().map(|row| text(&row["id"])).collect()
    }

    /// Their invoices, oldest first.
    pub(super) async fn invoices(&self, shop: &Shop) -> Vec<Value> {
        let url = format!("/v1/invoices?customer={}&limit=100", self.customer);
        let mut rows = shop.rows(&url).await;
        rows.reverse();
        rows
    }

    /// The newest of them.
    pub(super) async fn newest(&self, shop: &Shop) -> Value {
        self.invoices(shop).await.pop().unwrap()
    }

    /// BTCPay's id of the newest, which is open.
    pub(super) async fn owes(&self, shop: &Shop) -> String {
        let invoice = self.newest(shop).await;
        assert_eq!(invoice["status"], "open", "{invoice:#}");
        page(&invoice["pay_url"])
    }

    /// What happened to them under the name `event`.
    pub(super) async fn happened(&self, shop: &Shop, event: &str) -> Vec<Value> {
        shop.happened(&self.customer, event).await
    }

    /// BTCPay's invoices for them, oldest first.
    pub(super) fn at_btcpay(&self, shop: &Shop) -> Vec<Invoice> {
        let world = shop.fake.world();
        let all = world.order.iter().map(|id| world.invoices[id].clone());
        all.filter(|held| held.customer() == self.customer)
            .collect()
    }
}

/// Why things wait for a person, as in `late_payment`.
pub(super) async fn parked(shop: &Shop) -> Vec<&'static str> {
    let rows = shop.parked().await;
    rows.iter().map(|row| row.reason.as_str()).collect()
}

pub(super) const fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(days.saturating_mul(24))
}
