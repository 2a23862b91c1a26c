//! A provider that refuses the key is an alarm: the metrics say so while it does, and
//! no longer once it takes the key again.

use billing_testkit::fakes::rig::{Fault, FaultKind, Rig};
use serde_json::{Value, json};

use crate::far::{self, PLANS};
use crate::http::ask;
use crate::rig::Folder;
use crate::server::Server;

const STRIPE: [&str; 2] = ["sk_test_key_of_the_alarm", "whsec_secret_of_the_alarm"];
const PADDLE: [&str; 2] = [
    "pdl_sdbx_apikey_key_of_the_alarm",
    "pdl_ntfset_secret_of_the_alarm",
];

/// What the metrics say of the provider's key.
#[track_caller]
fn alarmed(server: &Server, provider: &str) -> String {
    let metrics = server.get("/metrics");
    let named = format!("billing_provider_key_refused{{account=\"{provider}/main\"}} ");
    let line = metrics
        .ok(200)
        .lines()
        .find_map(|line| line.strip_prefix(&named));
    line.unwrap_or_else(|| panic!("no {named}in {metrics:?}"))
        .to_owned()
}

/// Opens a checkout of a new customer; the status.
fn opens(server: &Server, customer: &str, provider: &str) -> u16 {
    let made = json!({ "external_ref": customer });
    server.operator("POST", "/v1/customers", &made);
    let wish = json!({ "price": "pro-monthly", "customer": customer, "provider": provider });
    let key = &server.key;
    let headers = format!("authorization: Bearer {key}\r\ncontent-type: application/json\r\n");
    let url = format!("{}/v1/checkouts", server.url);
    ask("POST", &url, &headers, &wish.to_string()).status
}

fn alarms(provider: &str, refusal: Value, far: &Rig, variables: &[(&str, &str)]) {
    let folder = Folder::new(&format!("refused-key-{provider}"));
    folder.write("plans.yaml", PLANS);
    let mut told = vec![("BILLING_PLANS", "plans.yaml")];
    told.extend(variables);
    let first = ["keys", "create", "ops", "--scope", "admin", "--json"];
    let made = folder.billing_with(&told, &first).exits(0).json();
    let mut server = Server::again(&folder, &told);
    made["secret"].as_str().unwrap().clone_into(&mut server.key);
    assert_eq!(alarmed(&server, provider), "0", "nobody was asked yet");
    assert_eq!(opens(&server, "ana", provider), 201);
    assert_eq!(alarmed(&server, provider), "0");

    let refused = FaultKind::Fixed {
        status: 401,
        body: refusal,
    };
    far.fault(Fault::next(refused).times(10_000));
    assert_eq!(opens(&server, "ben", provider), 502);
    assert_eq!(alarmed(&server, provider), "1");
    assert_eq!(alarmed(&server, provider), "1", "asking changes nothing");

    far.faults().clear();
    assert_eq!(opens(&server, "cleo", provider), 201);
    assert_eq!(alarmed(&server, provider), "0");
}

#[test]
fn metrics_tell_that_stripe_refuses_the_key_until_it_takes_it() {
    let [key, secret] = STRIPE;
    let fake = far::stripe(key, secret);
    let refusal = json!({ "error": { "type": "invalid_request_error",
        "message": "Invalid API Key provided" } });
    let base = fake.url().as_str();
    let told = [
        ("BILLING_STRIPE_SECRET_KEY", key),
        ("BILLING_STRIPE_WEBHOOK_SECRETS", secret),
        ("BILLING_STRIPE_BASE_URL", base),
    ];
    alarms("stripe", refusal, &fake, &told);
}

#[test]
fn metrics_tell_that_paddle_refuses_the_key_until_it_takes_it() {
    let [key, secret] = PADDLE;
    let fake = far::paddle(key, secret);
    let refusal = json!({ "error": { "type": "request_error", "code": "invalid_token",
        "detail": "Invalid token" }, "meta": { "request_id": "r" } });
    let base = fake.url().as_str();
    let told = [
        ("BILLING_PADDLE_API_KEY", key),
        ("BILLING_PADDLE_WEBHOOK_SECRETS", secret),
        ("BILLING_PADDLE_BASE_URL", base),
    ];
    alarms("paddle", refusal, &fake, &told);
}
