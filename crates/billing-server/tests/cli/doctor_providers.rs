//! `billing doctor` with accounts at Stripe and Paddle: what is wrong there is
//! found, named, and told with what to do about it.

use billing_paddle::HANDLED_EVENTS as PADDLE_EVENTS;
use billing_stripe::{API_VERSION, HANDLED_EVENTS as STRIPE_EVENTS};
use billing_testkit::fakes::rig::{Fault, FaultKind};
use serde_json::{Value, json};

use crate::far::{PLANS, paddle, set_up, stripe};
use crate::rig::Folder;

const STRIPE_KEY: &str = "sk_test_canary5a17c0";
const PADDLE_KEY: &str = "pdl_sdbx_apikey_canary5a17c0";
pub(crate) const PUBLIC: &str = "https://billing.example.com";

/// A folder with a database and `plans` in force, and what the program is told.
pub(crate) struct Desk {
    folder: Folder,
    told: Vec<(String, String)>,
}

impl Desk {
    pub(crate) fn of(name: &str, plans: &str, told: &[(&str, &str)]) -> Self {
        let folder = Folder::new(name);
        folder.write("plans.yaml", plans);
        let fixed = [
            ("BILLING_PUBLIC_URL", PUBLIC),
            ("BILLING_LISTEN", "127.0.0.1:0"),
        ];
        let told = fixed.iter().chain(told);
        let told = told
            .map(|(name, is)| ((*name).to_owned(), (*is).to_owned()))
            .collect();
        let desk = Self { folder, told };
        desk.run(&["migrate"]).exits(0);
        desk.run(&["catalog", "apply", "plans.yaml", "--yes"])
            .exits(0);
        desk
    }

    fn run(&self, words: &[&str]) -> crate::rig::Ran {
        let told: Vec<(&str, &str)> = self
            .told
            .iter()
            .map(|(name, is)| (name.as_str(), is.as_str()))
            .collect();
        self.folder.billing_with(&told, words)
    }

    /// What the doctor says of providers: level and text.
    #[track_caller]
    pub(crate) fn findings(&self, code: i32) -> Vec<(String, String)> {
        let ran = self.run(&["doctor", "--json"]);
        for secret in ["canary", "whsec_", "pdl_ntfset_"] {
            assert!(
                !ran.out.contains(secret) && !ran.err.contains(secret),
                "{ran}"
            );
        }
        let told = ran.exits(code).json();
        let findings = told["findings"].as_array().unwrap().iter();
        let of_providers = findings.filter(|finding| finding["what"] == "provider");
        let text = |finding: &Value, field: &str| finding[field].as_str().unwrap().to_owned();
        of_providers
            .map(|finding| (text(finding, "level"), text(finding, "text")))
            .collect()
    }

    /// The one finding that is not good has this level and all these words.
    #[track_caller]
    fn finds(&self, level: &str, words: &[&str]) {
        let findings = self.findings(i32::from(level == "bad"));
        let wrong: Vec<_> = findings.iter().filter(|(is, _)| is != "good").collect();
        assert_eq!(wrong.len(), 1, "{findings:#?}");
        assert_eq!(wrong[0].0, level, "{findings:#?}");
        for word in words {
            assert!(wrong[0].1.contains(word), "no {word:?} in {findings:#?}");
        }
    }
}

fn stripe_desk(name: &str, plans: &str, key: &str, base: &str) -> Desk {
    let told = [
        ("BILLING_STRIPE_SECRET_KEY", key),
        ("BILLING_STRIPE_WEBHOOK_SECRETS", "whsec_canary"),
        ("BILLING_STRIPE_BASE_URL", base),
    ];
    Desk::of(name, plans, &told)
}

fn endpoint(url: &str, version: &str, events: &[&str]) -> String {
    let mut form = format!("url={url}&api_version={version}");
    for event in events {
        form.push_str("&enabled_events[]=");
        form.push_str(event);
    }
    form
}

#[test]
fn stripe_s_account_is_looked_at() {
    let fake = stripe(STRIPE_KEY, "whsec_canary");
    let desk = stripe_desk("doctor-stripe", PLANS, STRIPE_KEY, fake.url().as_str());
    let ours = format!("{PUBLIC}/v1/webhooks/stripe");
    desk.finds(
        "bad",
        &["no webhook endpoint at", &ours, "Add one under Developers"],
    );

    let ask =
        |method: &str, path: &str, form: &str| set_up(fake.url(), STRIPE_KEY, method, path, form);
    let make = |url: &str, version: &str, events: &[&str]| {
        let made = ask(
            "POST",
            "v1/webhook_endpoints",
            &endpoint(url, version, events),
        );
        format!("v1/webhook_endpoints/{}", made["id"].as_str().unwrap())
    };
    let elsewhere = make("https://bill.example.com/hook", API_VERSION, &STRIPE_EVENTS);
    desk.finds("bad", &["there is https://bill.example.com/hook"]);
    ask("DELETE", &elsewhere, "");

    let few = make(&ours, API_VERSION, &["invoice.paid"]);
    desk.finds(
        "bad",
        &[
            "not sent are checkout.session.completed, ",
            "add these to its events",
        ],
    );
    ask("DELETE", &few, "");

    let old = make(&ours, "2024-06-20", &STRIPE_EVENTS);
    desk.finds(
        "warning",
        &[
            "its version is 2024-06-20",
            API_VERSION,
            "Make another endpoint",
        ],
    );
    ask("DELETE", &old, "");

    let good = make(&ours, API_VERSION, &STRIPE_EVENTS);
    let findings = desk.findings(0);
    assert!(
        findings.iter().all(|(level, _)| level == "good"),
        "{findings:#?}"
    );
    let text: Vec<&str> = findings.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(
        text[0],
        "stripe/main: the key is accepted, test mode: no real money moves"
    );
    assert!(text[1].ends_with("as it should be"), "{text:?}");
    assert_eq!(
        text[2],
        "price pro-monthly (price_pro): as the catalog says"
    );

    ask("POST", &good, "disabled=true");
    desk.finds("bad", &["it is disabled, not enabled", "Enable it"]);
}

#[test]
fn a_stripe_key_that_is_not_accepted_is_told_as_such() {
    let fake = stripe("sk_test_another", "whsec_canary");
    let desk = stripe_desk("doctor-stripe-key", PLANS, STRIPE_KEY, fake.url().as_str());
    desk.finds("bad", &["the key is not accepted", "Copy it once more"]);
    drop(fake);
    desk.finds("bad", &["Stripe did not answer"]);
}

/// A test key, and an endpoint that hears of real money.
#[test]
fn an_endpoint_of_the_other_mode_is_found() {
    let fake = stripe(STRIPE_KEY, "whsec_canary");
    let desk = stripe_desk("doctor-stripe-mode", PLANS, STRIPE_KEY, fake.url().as_str());
    let live = json!({ "object": "list", "has_more": false, "data": [{
        "id": "we_1", "url": format!("{PUBLIC}/v1/webhooks/stripe"), "status": "enabled",
        "api_version": API_VERSION, "enabled_events": ["*"], "livemode": true,
    }]});
    let fixed = FaultKind::Fixed {
        status: 200,
        body: live,
    };
    fake.fault(Fault::next(fixed).on("GET", "/v1/webhook_endpoints"));
    desk.finds("bad", &["of the other mode", "the key is of test mode"]);
}

#[test]
fn prices_at_stripe_that_are_not_what_the_plan_file_says_are_found() {
    for (name, change, level, words) in [
        (
            "gone",
            ("price_pro", "price_gone"),
            "bad",
            &["no such price in test mode"][..],
        ),
        (
            "amount",
            ("10.00", "12.00"),
            "bad",
            &["it costs USD 10.00, not USD 12.00", "Correct the plan file"],
        ),
        (
            "interval",
            ("month\n", "year\n"),
            "bad",
            &["it recurs every 1 month, not every year"],
        ),
    ] {
        let fake = stripe(STRIPE_KEY, "whsec_canary");
        let all = endpoint(&format!("{PUBLIC}/v1/webhooks/stripe"), API_VERSION, &["*"]);
        set_up(fake.url(), STRIPE_KEY, "POST", "v1/webhook_endpoints", &all);
        let plans = PLANS.replace(change.0, change.1);
        let folder = format!("doctor-stripe-price-{name}");
        stripe_desk(&folder, &plans, STRIPE_KEY, fake.url().as_str()).finds(level, words);
    }
    let fake = stripe(STRIPE_KEY, "whsec_canary");
    let all = endpoint(&format!("{PUBLIC}/v1/webhooks/stripe"), API_VERSION, &["*"]);
    set_up(fake.url(), STRIPE_KEY, "POST", "v1/webhook_endpoints", &all);
    set_up(
        fake.url(),
        STRIPE_KEY,
        "POST",
        "v1/prices/price_pro",
        "active=false",
    );
    let desk = stripe_desk("doctor-stripe-old", PLANS, STRIPE_KEY, fake.url().as_str());
    desk.finds(
        "bad",
        &["it is archived, and cannot be sold", "unarchive it"],
    );
}

/// The commonest slip of all is refused before anything is stored.
#[test]
fn a_product_in_the_place_of_a_price_is_refused_by_name() {
    let folder = Folder::new("doctor-product");
    folder.write("plans.yaml", &PLANS.replace("price_pro", "prod_pro"));
    let told = [
        ("BILLING_PLANS", "plans.yaml"),
        ("BILLING_LISTEN", "127.0.0.1:0"),
    ];
    let ran = folder.billing_with(&told, &["doctor"]);
    ran.exits(1).tells(&["prod_pro", "product"]);
}

fn paddle_desk(name: &str, plans: &str, key: &str, base: &str) -> Desk {
    let told = [
        ("BILLING_PADDLE_API_KEY", key),
        ("BILLING_PADDLE_WEBHOOK_SECRETS", "pdl_ntfset_canary"),
        ("BILLING_PADDLE_BASE_URL", base),
        ("BILLING_PADDLE_CLIENT_TOKEN", "test_token"),
    ];
    Desk::of(name, plans, &told)
}

fn destination(url: &str, events: &[&str]) -> String {
    json!({ "description": "billing", "type": "url", "destination": url,
        "subscribed_events": events })
    .to_string()
}

#[test]
fn paddle_s_account_is_looked_at() {
    let fake = paddle(PADDLE_KEY, "pdl_ntfset_canary");
    let desk = paddle_desk("doctor-paddle", PLANS, PADDLE_KEY, fake.url().as_str());
    let ours = format!("{PUBLIC}/v1/webhooks/paddle");
    desk.finds(
        "bad",
        &[
            "no notification destination sends to",
            &ours,
            "Add one under",
        ],
    );

    let ask =
        |method: &str, path: &str, body: &str| set_up(fake.url(), PADDLE_KEY, method, path, body);
    let few = destination(&ours, &["transaction.completed"]);
    let few = ask("POST", "notification-settings", &few);
    desk.finds("bad", &["is not sent subscription.created, ", "add these"]);
    let few = few["data"]["id"].as_str().unwrap();
    ask_nothing(fake.url(), &format!("notification-settings/{few}"));

    ask(
        "POST",
        "notification-settings",
        &destination(&ours, &PADDLE_EVENTS),
    );
    let findings = desk.findings(0);
    assert!(
        findings.iter().all(|(level, _)| level == "good"),
        "{findings:#?}"
    );
    assert_eq!(findings.len(), 3, "key, destination, price: {findings:#?}");
}

/// Deletes, which answers with nothing.
fn ask_nothing(base: &url::Url, path: &str) {
    let url = base.join(path).unwrap();
    let headers = format!("authorization: Bearer {PADDLE_KEY}\r\n");
    crate::http::ask("DELETE", url.as_str(), &headers, "").ok(204);
}

#[test]
fn a_paddle_key_that_is_not_accepted_is_told_as_such() {
    let fake = paddle("pdl_sdbx_apikey_another", "pdl_ntfset_canary");
    let desk = paddle_desk("doctor-paddle-key", PLANS, PADDLE_KEY, fake.url().as_str());
    desk.finds("bad", &["the key is not accepted", "Copy it once more"]);
}

#[test]
fn prices_at_paddle_that_are_not_what_the_plan_file_says_are_found() {
    for (name, change, words) in [
        (
            "gone",
            ("pri_pro", "pri_gone"),
            &["Paddle has no pri_gone", "environment"][..],
        ),
        (
            "amount",
            ("10.00", "12.00"),
            &[
                "costs 1000 minor units of USD at Paddle, USD 12.00 here",
                "Correct",
            ],
        ),
        (
            "interval",
            ("month\n", "year\n"),
            &["is not charged every year there"],
        ),
    ] {
        let fake = paddle(PADDLE_KEY, "pdl_ntfset_canary");
        let all = destination(&format!("{PUBLIC}/v1/webhooks/paddle"), &PADDLE_EVENTS);
        set_up(
            fake.url(),
            PADDLE_KEY,
            "POST",
            "notification-settings",
            &all,
        );
        let plans = PLANS.replace(change.0, change.1);
        let folder = format!("doctor-paddle-price-{name}");
        paddle_desk(&folder, &plans, PADDLE_KEY, fake.url().as_str()).finds("bad", words);
    }
    let fake = paddle(PADDLE_KEY, "pdl_ntfset_canary");
    let all = destination(&format!("{PUBLIC}/v1/webhooks/paddle"), &PADDLE_EVENTS);
    set_up(
        fake.url(),
        PADDLE_KEY,
        "POST",
        "notification-settings",
        &all,
    );
    let archived = r#"{"status":"archived"}"#;
    set_up(fake.url(), PADDLE_KEY, "PATCH", "prices/pri_pro", archived);
    let desk = paddle_desk("doctor-paddle-old", PLANS, PADDLE_KEY, fake.url().as_str());
    desk.finds("bad", &["is archived there"]);
}

#[test]
fn without_a_public_address_it_says_that_webhooks_do_not_arrive() {
    let fake = stripe(STRIPE_KEY, "whsec_canary");
    let mut desk = stripe_desk("doctor-no-address", PLANS, STRIPE_KEY, fake.url().as_str());
    desk.told.retain(|(name, _)| name != "BILLING_PUBLIC_URL");
    let ran = desk.run(&["doctor"]);
    ran.exits(1).tells(&[
        "public address",
        "set BILLING_PUBLIC_URL to what others see",
    ]);
}
