//! Driving the engine over HTTP, as another application would.

use std::sync::Arc;

use async_trait::async_trait;
use billing::Billing;
use billing_ports::IdSource;
use billing_ports::store::{OperatorKey, Scope};
use billing_server::{ApiOptions, AppState, RateOptions, Seller, api_routes};
use billing_testkit::SeededIds;
use poem::Response;
use poem::endpoint::BoxEndpoint;
use poem::http::StatusCode;
use poem::test::TestClient;
use serde_json::{Value, json};

use super::driver::{
    Buying, ChangeSeen, Driver, InvoiceSeen, QuoteSeen, Refused, SubscriptionSeen, Target, day,
};
use super::{Canary, canary};

/// The operator's key of the tests.
pub(crate) const KEY: &str = "bk_a_key_of_the_tests";

/// Where buyers reach the server.
pub(crate) const PUBLIC: &str = "https://billing.test";

/// Drives the engine over HTTP.
pub(crate) struct Http {
    client: TestClient<BoxEndpoint<'static, Response>>,
    canary: Canary,
}

/// The state of a server over `billing`, whose operator's key is [`KEY`].
pub(crate) async fn state(billing: &Billing, ids: Arc<SeededIds>) -> AppState {
    let digest = ring::digest::digest(&ring::digest::SHA256, KEY.as_bytes());
    let now = billing.clock().unwrap().now();
    let key = OperatorKey {
        id: billing_domain::ids::IdSeq::new(now, ids.seed()).draw(),
        name: "tests".to_owned(),
        scope: Scope::Admin,
        created_at: now,
        revoked_at: None,
        expires_at: None,
    };
    let store = billing.store().unwrap();
    let secret = digest.as_ref().try_into().unwrap();
    // Another server on the same books has it already.
    if store.find_key(secret).await.unwrap().is_none() {
        store.add_key(key, secret).await.unwrap();
    }
    AppState::new(billing.clone(), ids, options())
}

/// A server that limits nobody.
pub(crate) fn options() -> ApiOptions {
    ApiOptions {
        public_url: PUBLIC.to_owned(),
        seller: Seller {
            name: "Harbor & Söhne".to_owned(),
            lines: vec!["Quay 1".to_owned()],
        },
        rates: RateOptions {
            public_posts_per_minute: 0,
            failures_per_minute: 0,
            links_per_hour: 0,
        },
        ..ApiOptions::default()
    }
}

impl Http {
    pub(crate) fn new(state: AppState) -> Self {
        Self {
            client: TestClient::new(api_routes(state)),
            canary: canary(&[]),
        }
    }

    /// A request as the operator; gives the status and the body.
    async fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> (StatusCode, Value) {
        let path = path.to_owned();
        self.ask_as(KEY, method, path, body).await
    }

    /// A request with this Bearer token.
    async fn ask_as(
        &self,
        token: &str,
        method: &str,
        path: String,
        body: Option<&Value>,
    ) -> (StatusCode, Value) {
        let request = match method {
            "GET" => self.client.get(path),
            "POST" => self.client.post(path),
            "PUT" => self.client.put(path),
            "DELETE" => self.client.delete(path),
            other => panic!("no {other} in stories"),
        };
        let mut request = request.header("authorization", format!("Bearer {token}"));
        if let Some(body) = body {
            request = request
                .header("content-type", "application/json")
                .body(body.to_string());
        }
        let response = request.send().await.0;
        let status = response.status();
        let text = response.into_body().into_string().await.unwrap();
        self.canary.answered(&text);
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    /// A request as a customer, in a billing session.
    async fn ask_in_session(
        &self,
        who: &str,
        method: &str,
        path: String,
        body: Option<&Value>,
    ) -> Result<Value, Refused> {
        let asked = json!({ "customer": who });
        let session = self.post("/v1/billing-sessions", &asked).await?;
        let token = text(&session, "token").unwrap();
        let (status, body) = self.ask_as(&token, method, path, body).await;
        if status.is_success() {
            Ok(body)
        } else {
            Err(text(&body, "code").unwrap_or_default())
        }
    }

    async fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask("GET", path, None).await;
        assert_eq!(status, StatusCode::OK, "GET {path}: {body}");
        body
    }

    /// What a POST made, or the stable code of its refusal.
    async fn post(&self, path: &str, body: &Value) -> Result<Value, Refused> {
        let (status, body) = self.ask("POST", path, Some(body)).await;
        if status.is_success() {
            Ok(body)
        } else {
            Err(text(&body, "code").unwrap_or_default())
        }
    }
}

#[async_trait]
impl Driver for Http {
    async fn customer(&self, who: &str, joined: Option<&str>) {
        let mut body = json!({ "external_ref": who });
        if let Some(day) = joined {
            body["joined_at"] = format!("{day}T00:00:00Z").into();
        }
        let (status, answer) = self.ask("POST", "/v1/customers", Some(&body)).await;
        assert!(
            [StatusCode::CREATED, StatusCode::CONFLICT].contains(&status),
            "{status}: {answer}"
        );
    }

    async fn act_under(&self, who: &str, owner: Option<&str>) {
        let url = format!("/v1/customers/{who}/member_of");
        let (status, answer) = match owner {
            Some(owner) => {
                self.ask("PUT", &url, Some(&json!({ "owner": owner })))
                    .await
            }
            None => self.ask("DELETE", &url, None).await,
        };
        assert_eq!(status, StatusCode::NO_CONTENT, "{answer}");
    }

    async fn id(&self, who: &str) -> String {
        text(&self.get(&format!("/v1/customers/{who}")).await, "id").unwrap()
    }

    async fn buy(&self, who: &str, buying: &Buying<'_>) -> Result<Option<String>, Refused> {
        let mut body = json!({ "customer": who });
        body[kind_of(buying.what)] = buying.what.into();
        if buying.pieces > 1 {
            body["quantity"] = buying.pieces.into();
        }
        if let Some(code) = buying.code {
            body["code"] = code.into();
        }
        Ok(text(&self.post("/v1/checkouts", &body).await?, "url"))
    }

    async fn quote(
        &self,
        who: &str,
        subscription: &str,
        target: Target<'_>,
    ) -> Result<QuoteSeen, Refused> {
        let path = format!("/v1/me/subscriptions/{subscription}/quotes");
        let body = target_body(target);
        let quote = self.ask_in_session(who, "POST", path, Some(&body)).await?;
        let next = &quote["next_charge"];
        let next =
            text(next, "at").map(|at| format!("{} on {}", amount(&next["amount"]), day(&at)));
        let loses = quote["loses"]
            .as_array()
            .unwrap()
            .iter()
            .map(|loss| text(loss, "feature").or(text(loss, "kind")).unwrap());
        Ok(QuoteSeen {
            id: text(&quote, "id").unwrap(),
            owed: amount(&quote["owed_now"]).to_string(),
            effective: match text(&quote, "timing").as_deref() {
                Some("now") => "now".to_owned(),
                _ => day(&text(&quote, "effective_at").unwrap()),
            },
            next,
            loses: loses.collect(),
        })
    }

    async fn accept(&self, who: &str, quote: &str) -> Result<String, Refused> {
        let path = format!("/v1/me/quotes/{quote}/accept");
        let accepted = self
            .ask_in_session(who, "POST", path, Some(&json!({})))
            .await?;
        Ok(text(&accepted, "status").unwrap())
    }

    async fn take_back(&self, who: &str, change: &str) -> Result<(), Refused> {
        let path = format!("/v1/me/changes/{change}");
        self.ask_in_session(who, "DELETE", path, None)
            .await
            .map(|_| ())
    }

    async fn force(
        &self,
        subscription: &str,
        target: Target<'_>,
        collect: bool,
    ) -> Result<String, Refused> {
        let mut body = target_body(target);
        body["collect"] = if collect { "invoice" } else { "none" }.into();
        body["reason"] = "a story".into();
        let path = format!("/v1/subscriptions/{subscription}/change-plan");
        let forced = self.post(&path, &body).await?;
        Ok(text(&forced, "status").unwrap())
    }

    async fn changes(&self, who: &str) -> Vec<ChangeSeen> {
        let id = self.id(who).await;
        let list = self
            .get(&format!("/v1/changes?customer={id}&limit=100"))
            .await;
        let rows = list["data"].as_array().unwrap().iter().rev();
        rows.map(|change| ChangeSeen {
            id: text(change, "id").unwrap(),
            state: text(change, "status").unwrap(),
            plan: text(change, "plan").unwrap(),
            applied_at: text(change, "applied_at").map(|at| day(&at)),
        })
        .collect()
    }

    async fn balances(&self, who: &str) -> Vec<String> {
        let customer = self.get(&format!("/v1/customers/{who}")).await;
        let balances = customer["balances"].as_array().unwrap().iter();
        balances.map(|held| amount(held).to_string()).collect()
    }

    async fn cancel(&self, _who: &str, subscription: &str, at_once: bool) -> Result<bool, Refused> {
        let when = if at_once { "now" } else { "period_end" };
        let path = format!("/v1/subscriptions/{subscription}/cancel");
        let canceled = self.post(&path, &json!({ "when": when })).await?;
        assert_eq!(canceled["ok"], true);
        Ok(canceled["already"] == true)
    }

    async fn grant(&self, who: &str, plan: &str, until: Option<&str>) -> Result<(), Refused> {
        let mut body = json!({ "plan": plan });
        if let Some(day) = until {
            body["ends_at"] = format!("{day}T00:00:00Z").into();
        }
        self.post(&format!("/v1/customers/{who}/grants"), &body)
            .await
            .map(|_| ())
    }

    async fn check(&self, who: &str, feature: &str) -> String {
        let asked = feature.replace('/', "?level=");
        let said = self
            .get(&format!("/v1/customers/{who}/check/{asked}"))
            .await;
        if said["allowed"] == true {
            return said["limit"]
                .as_u64()
                .map_or("yes".to_owned(), |limit| format!("yes, {limit}"));
        }
        let needs = text(&said, "plan_needed").map(|plan| format!(", needs {plan}"));
        format!(
            "no, {}{}",
            text(&said, "reason").unwrap(),
            needs.unwrap_or_default()
        )
    }

    async fn subscriptions(&self, who: &str) -> Vec<SubscriptionSeen> {
        let id = self.id(who).await;
        let list = self
            .get(&format!("/v1/subscriptions?customer={id}&limit=100"))
            .await;
        let mut seen: Vec<SubscriptionSeen> = list["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|held| SubscriptionSeen {
                id: text(held, "id").unwrap(),
                plan: text(held, "plan").unwrap(),
                quantity: held["quantity"].as_u64().unwrap().try_into().unwrap(),
                status: text(held, "status").unwrap(),
                paid_through: text(held, "paid_through").map(|at| day(&at)),
                ends_at: text(held, "ends_at").map(|at| day(&at)),
            })
            .collect();
        seen.reverse();
        seen
    }

    async fn invoices(&self, who: &str) -> Vec<InvoiceSeen> {
        let id = self.id(who).await;
        let list = self
            .get(&format!("/v1/invoices?customer={id}&limit=100"))
            .await;
        let mut seen: Vec<InvoiceSeen> = list["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(invoice)
            .collect();
        seen.reverse();
        seen
    }
}

fn invoice(held: &Value) -> InvoiceSeen {
    let period = |end: &str| text(held, end).map(|at| day(&at));
    InvoiceSeen {
        purpose: text(held, "purpose").unwrap(),
        cycle: held["cycle"]
            .as_u64()
            .map(|cycle| cycle.try_into().unwrap()),
        amount: amount(&held["amount"]).to_string(),
        state: text(held, "status").unwrap(),
        period: period("period_start").zip(period("period_end")),
        pay_url: text(held, "pay_url"),
    }
}

fn amount(value: &Value) -> billing_domain::money::Money {
    let currency = text(value, "currency").unwrap().parse().unwrap();
    billing_domain::money::Money::new(value["amount"].as_i64().unwrap(), currency)
}

fn kind_of(what: &str) -> &'static str {
    if what.contains('-') { "price" } else { "plan" }
}

fn target_body(target: Target<'_>) -> Value {
    let mut body = json!({});
    if target.what != "-" {
        body[kind_of(target.what)] = target.what.into();
    }
    if let Some(pieces) = target.pieces {
        body["quantity"] = pieces.into();
    }
    body
}

fn text(value: &Value, field: &str) -> Option<String> {
    value[field].as_str().map(str::to_owned)
}
