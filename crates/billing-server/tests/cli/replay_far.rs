//! `billing replay` over what Stripe and Paddle told: their events, signed and sent over
//! HTTP, lead to what is stored, and each row that somebody changed is named.

use std::fmt::Write as _;

use billing_testkit::fakes::paddle::{Card as PaddleCard, FakePaddle};
use billing_testkit::fakes::rig::{Outbox, SignedWebhook};
use billing_testkit::fakes::stripe::{Card, FakeStripe};
use serde_json::{Value, json};

use crate::books::{edit_at, postgres};
use crate::far::{self, Far, PLANS};
use crate::http::ask;
use crate::rig::{Folder, Ran};
use crate::server::Server;

/// The key and the secret of a fake.
const STRIPE: [&str; 2] = ["sk_test_fake", "whsec_fake"];
const PADDLE: [&str; 2] = ["pdl_sdbx_apikey_fake", "pdl_ntfset_fake"];

/// A provider with what it tells of one buyer.
enum Seller {
    Stripe(Far<FakeStripe>),
    Paddle(Far<FakePaddle>),
}

impl Seller {
    const fn name(&self) -> &'static str {
        match self {
            Self::Stripe(_) => "stripe",
            Self::Paddle(_) => "paddle",
        }
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        let [key, secret] = match self {
            Self::Stripe(_) => STRIPE,
            Self::Paddle(_) => PADDLE,
        };
        match self {
            Self::Stripe(fake) => vec![
                ("BILLING_STRIPE_SECRET_KEY", key.to_owned()),
                ("BILLING_STRIPE_WEBHOOK_SECRETS", secret.to_owned()),
                ("BILLING_STRIPE_BASE_URL", fake.url().to_string()),
            ],
            Self::Paddle(fake) => vec![
                ("BILLING_PADDLE_API_KEY", key.to_owned()),
                ("BILLING_PADDLE_WEBHOOK_SECRETS", secret.to_owned()),
                ("BILLING_PADDLE_BASE_URL", fake.url().to_string()),
            ],
        }
    }

    fn outbox(&self) -> &Outbox {
        match self {
            Self::Stripe(fake) => fake.deliveries(),
            Self::Paddle(fake) => fake.deliveries(),
        }
    }

    fn is_paid_at(&self, page: &str) {
        let reference = page.rsplit(['/', '=']).next().unwrap();
        match self {
            Self::Stripe(fake) => assert!(fake.pay(reference, Card::Good).is_ok()),
            Self::Paddle(fake) => assert!(fake.pay(reference, PaddleCard::Pays).unwrap()),
        }
    }

    /// A person gives the payment back, and the customer cancels in the portal.
    fn gives_back_and_is_canceled(&self) {
        match self {
            Self::Stripe(fake) => {
                let held = far::set_up(fake.url(), STRIPE[0], "GET", "v1/subscriptions", "");
                let held = &held["data"][0];
                let paid = held["latest_invoice"].as_str().unwrap();
                fake.refund(paid, None).unwrap();
                fake.cancel_in_portal(held["id"].as_str().unwrap()).unwrap();
            }
            Self::Paddle(fake) => {
                fake.rules(|rules| rules.approve_refunds = true);
                let held = fake.world().subscriptions.into_values().next().unwrap();
                fake.refund(&held.transaction_id).unwrap();
                fake.cancel_in_portal(&held.id).unwrap();
            }
        }
    }
}

/// A program that sells through one provider, and its books.
struct Desk {
    folder: Folder,
    seller: Seller,
    told: Vec<(&'static str, String)>,
    /// Where its books are.
    books: String,
    on_postgres: bool,
}

impl Desk {
    fn new(name: &str, seller: Seller, postgres: Option<String>) -> Self {
        let folder = Folder::new(name);
        folder.write("plans.yaml", PLANS);
        let mut told = seller.settings();
        told.push(("BILLING_PLANS", "plans.yaml".to_owned()));
        let file = format!("sqlite:{}", folder.path("billing.db").display());
        let on_postgres = postgres.is_some();
        if let Some(url) = &postgres {
            told.push(("BILLING_DATABASE_URL", url.clone()));
        }
        Self {
            folder,
            seller,
            told,
            books: postgres.unwrap_or(file),
            on_postgres,
        }
    }

    fn run(&self, words: &[&str]) -> Ran {
        self.folder.billing_with(&self.told(), words)
    }

    fn told(&self) -> Vec<(&str, &str)> {
        let told = self.told.iter();
        told.map(|(name, is)| (*name, is.as_str())).collect()
    }

    /// A server that lives through what the provider sells, takes and gives back.
    fn lives(&self) {
        let keys = ["keys", "create", "ops", "--scope", "admin", "--json"];
        let made = self.run(&keys).exits(0).json();
        let mut server = Server::again(&self.folder, &self.told());
        made["secret"].as_str().unwrap().clone_into(&mut server.key);
        let wanted = json!({ "price": "pro-monthly", "email": "ana@example.com" });
        let opened: Value = server.operator("POST", "/v1/checkouts", &wanted);
        self.seller.is_paid_at(opened["url"].as_str().unwrap());
        self.hears(&server);
        server.wait_for("the subscription", |server| {
            let held = server.read("/v1/subscriptions");
            (held["data"][0]["status"] == "active").then_some(())
        });
        self.seller.gives_back_and_is_canceled();
        self.hears(&server);
        server.wait_for("the refund and the end", |server| {
            let paid = server.read("/v1/invoices");
            let back = paid["data"][0]["returned"][0]["state"] == "done";
            let held = server.read("/v1/subscriptions");
            (back && held["data"][0]["ends_at"].is_string()).then_some(())
        });
        server.stop();
    }

    fn hears(&self, server: &Server) {
        let told = self.seller.outbox().take();
        assert!(!told.is_empty());
        for webhook in told {
            let url = format!("{}/v1/webhooks/{}", server.url, self.seller.name());
            let body = String::from_utf8(webhook.event.body.to_vec()).unwrap();
            ask("POST", &url, &headers(&webhook), &body).ok(200);
        }
    }

    /// Changes what stands at `path` of the only row's body, as somebody would by hand.
    fn edit(&self, table: &str, path: &[&str], value: &Value) {
        let body = if self.on_postgres {
            format!(
                "jsonb_set(body::jsonb, '{{{}}}', '{value}')",
                path.join(",")
            )
        } else {
            let place = path.iter().fold("$".to_owned(), |place, step| {
                if step.chars().all(|digit| digit.is_ascii_digit()) {
                    format!("{place}[{step}]")
                } else {
                    format!("{place}.{step}")
                }
            });
            format!("json_set(body, '{place}', json('{value}'))")
        };
        edit_at(&self.books, &format!("UPDATE {table} SET body = {body}"));
    }
}

fn headers(webhook: &SignedWebhook) -> String {
    let mut text = String::new();
    for (name, value) in &webhook.headers {
        write!(text, "{name}: {value}\r\n").unwrap();
    }
    text
}

/// What is replayed of `desk`, and what becomes of it when rows are changed.
fn replays(desk: &Desk) {
    desk.lives();
    let account = format!("{}/main", desk.seller.name());
    let alike = desk.run(&["replay"]);
    alike
        .exits(0)
        .tells(&["1 customers, ", " rows applied again; nothing differs."]);
    let asked = ["replay", "--provider", account.as_str(), "--json"];
    let alike = desk.run(&asked).exits(0).json();
    assert!(alike["rows"].as_u64().unwrap() > 2, "{alike}");

    // What each row says otherwise is named with both sides, one after the other.
    let later = json!("2031-01-01T00:00:00Z");
    for (number, (table, path, value, code, stored)) in [
        (
            "subscriptions",
            ["times", "paid_through"].as_slice(),
            later.clone(),
            "replay_paid_through",
            "2031-01-01T00:00:00Z",
        ),
        (
            "subscriptions",
            &["withheld"],
            json!([]),
            "replay_withheld",
            "none",
        ),
        (
            "invoices",
            &["amount", "amount"],
            json!(1_001),
            "replay_amount",
            "USD 10.01",
        ),
        (
            "invoices",
            &["returned"],
            json!([]),
            "replay_returns",
            "none",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        desk.edit(table, path, &value);
        let differs = desk.run(&["replay"]);
        differs.exits(1).tells(&[code]);
        let found = desk.run(&asked).exits(1).json();
        let found = found["differences"].as_array().unwrap();
        assert_eq!(found.len(), number + 1, "{found:#?}");
        let named = found.iter().find(|one| one["code"] == code).unwrap();
        assert_eq!(named["stored"], stored, "{named}");
        assert_ne!(named["told"], named["stored"]);
        assert_eq!(named["provider"], account.as_str());
    }
}

fn stripe() -> Seller {
    Seller::Stripe(far::stripe(STRIPE[0], STRIPE[1]))
}

fn paddle() -> Seller {
    Seller::Paddle(far::paddle(PADDLE[0], PADDLE[1]))
}

#[test]
fn what_stripe_told_leads_to_what_is_stored() {
    replays(&Desk::new("replay-stripe", stripe(), None));
}

#[test]
fn what_paddle_told_leads_to_what_is_stored() {
    replays(&Desk::new("replay-paddle", paddle(), None));
}

#[test]
fn what_stripe_told_is_replayed_on_postgresql_alike() {
    if let Some(url) = postgres("replay_stripe") {
        replays(&Desk::new("replay-stripe-postgres", stripe(), Some(url)));
    }
}

#[test]
fn what_paddle_told_is_replayed_on_postgresql_alike() {
    if let Some(url) = postgres("replay_paddle") {
        replays(&Desk::new("replay-paddle-postgres", paddle(), Some(url)));
    }
}
