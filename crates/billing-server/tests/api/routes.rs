//! Every route of the API: who may call it, a request that it understands, and
//! what it answers to those who may.

use poem::http::Method;
use serde_json::Value;

use crate::rig::{Ask, Rig};

/// Who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    Nobody,
    /// With a credential that does not work.
    Stranger,
    Session,
    Read,
    Write,
    Admin,
}

/// Who may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    /// Anybody, a customer with a session, or a key of scope `write`.
    Buyers,
    /// A key of scope `write`, or nobody in particular, who is answered 204.
    WriteOrNobody,
    Public,
    /// Providers, whose signature is the credential: another one is ignored.
    Providers,
    /// Whoever has a credential for the body, or a session.
    Holder,
    Customer,
    Read,
    Write,
    Admin,
}

impl Who {
    /// What the document names.
    pub(crate) fn schemes(self) -> Vec<String> {
        let names: &[&str] = match self {
            Self::Buyers => &["write_key", "billing_session"],
            Self::Public | Self::Providers => &[],
            Self::Customer | Self::Holder => &["billing_session"],
            Self::Read => &["read_key"],
            Self::Write | Self::WriteOrNobody => &["write_key"],
            Self::Admin => &["admin_key"],
        };
        names.iter().map(|&name| name.to_owned()).collect()
    }

    /// Whether `by` may, or the status that says why not.
    pub(crate) fn lets(self, by: By) -> Result<(), u16> {
        match (self, by) {
            (Self::Providers, _) => Ok(()),
            (_, By::Stranger)
            | (Self::Customer | Self::Read | Self::Write | Self::Admin, By::Nobody) => Err(401),
            (Self::Buyers, By::Read) => Err(403),
            (Self::Public | Self::Holder | Self::Buyers, _)
            | (Self::WriteOrNobody, By::Nobody)
            | (Self::Customer, By::Session)
            | (Self::Read, By::Read)
            | (Self::Read | Self::Write | Self::WriteOrNobody, By::Write)
            | (Self::Read | Self::Write | Self::WriteOrNobody | Self::Admin, By::Admin) => Ok(()),
            _ => Err(403),
        }
    }
}

/// One route.
pub(crate) struct Route {
    pub(crate) id: &'static str,
    pub(crate) method: Method,
    /// `{x}` stands for a customer, `{0}` for an id of nothing.
    pub(crate) path: &'static str,
    pub(crate) who: Who,
    /// The media type and the body.
    body: Option<(&'static str, &'static str)>,
    /// What is answered to those who may.
    pub(crate) status: u16,
}

impl Route {
    /// A request about the customer `x` that the route understands.
    pub(crate) fn ask<'a>(&self, rig: &'a Rig, x: &str) -> Ask<'a> {
        let line = self.line(x);
        let (_, path) = line.split_once(' ').unwrap();
        let ask = rig.ask(self.method.clone(), path);
        match self.body {
            Some((media, body)) => {
                let body = body.replace("{x}", x).replace("{0}", &"0".repeat(32));
                ask.bytes(media, body)
            }
            None => ask,
        }
    }

    /// The JSON body of such a request. `None`: it has none.
    pub(crate) fn json(&self, x: &str) -> Option<Value> {
        let (media, body) = self.body?;
        let body = body.replace("{x}", x).replace("{0}", &"0".repeat(32));
        (media == JSON).then(|| serde_json::from_str(&body).unwrap())
    }

    /// The method and path of such a request, as in `GET /v1/plans`.
    pub(crate) fn line(&self, x: &str) -> String {
        let path = self.path.replace("{x}", x).replace("{0}", &"0".repeat(32));
        format!("{} {path}", self.method)
    }

    /// What is answered to `by`, who may.
    pub(crate) fn status_for(&self, by: By) -> u16 {
        match (self.who, by) {
            (Who::WriteOrNobody, By::Nobody) => 204,
            _ => self.status,
        }
    }

    pub(crate) fn writes(&self) -> bool {
        self.method != Method::GET
    }

    pub(crate) fn is_post(&self) -> bool {
        self.method == Method::POST
    }
}

const fn route(
    id: &'static str,
    method: Method,
    path: &'static str,
    who: Who,
    body: Option<(&'static str, &'static str)>,
    status: u16,
) -> Route {
    Route {
        id,
        method,
        path,
        who,
        body,
        status,
    }
}

const JSON: &str = "application/json";
const YAML: &str = "application/yaml";
const SAMPLE: &str = billing_catalog::SAMPLE;

#[rustfmt::skip]
pub(crate) const ROUTES: &[Route] = &[
    route("list_plans", Method::GET, "/v1/plans", Who::Public, None, 200),
    route("create_checkout", Method::POST, "/v1/checkouts", Who::Buyers, Some((JSON, r#"{"price":"lifetime-once"}"#)), 201),
    route("get_checkout", Method::GET, "/v1/checkouts/chk_{0}", Who::Public, None, 404),
    route("create_billing_session", Method::POST, "/v1/billing-sessions", Who::WriteOrNobody, Some((JSON, r#"{"customer":"{x}"}"#)), 201),
    route("open_billing_session", Method::POST, "/v1/billing-sessions/open", Who::Public, Some((JSON, r#"{"link":"bl_none"}"#)), 404),
    route("get_me", Method::GET, "/v1/me", Who::Customer, None, 200),
    route("get_my_entitlements", Method::GET, "/v1/me/entitlements", Who::Customer, None, 200),
    route("check_my_feature", Method::GET, "/v1/me/entitlements/projects", Who::Customer, None, 200),
    route("cancel_my_subscription", Method::POST, "/v1/me/subscriptions/sub_{0}/cancel", Who::Customer, None, 404),
    route("pause_my_subscription", Method::POST, "/v1/me/subscriptions/sub_{0}/pause", Who::Customer, None, 404),
    route("resume_my_subscription", Method::POST, "/v1/me/subscriptions/sub_{0}/resume", Who::Customer, None, 404),
    route("create_portal", Method::POST, "/v1/me/portal", Who::Customer, None, 404),
    route("change_payment_method", Method::POST, "/v1/me/subscriptions/sub_{0}/payment-method", Who::Customer, None, 404),
    route("list_allowed_changes", Method::GET, "/v1/me/subscriptions/sub_{0}/changes", Who::Customer, None, 404),
    route("forecast_my_subscription", Method::GET, "/v1/me/subscriptions/sub_{0}/forecast", Who::Customer, None, 404),
    route("create_quote", Method::POST, "/v1/me/subscriptions/sub_{0}/quotes", Who::Customer, Some((JSON, r#"{"plan":"team"}"#)), 404),
    route("accept_quote", Method::POST, "/v1/me/quotes/qte_{0}/accept", Who::Customer, None, 404),
    route("accept_quote_by_token", Method::POST, "/v1/quotes/accept", Who::Public, Some((JSON, r#"{"token":"bq_{0}{0}{0}"}"#)), 401),
    route("list_my_changes", Method::GET, "/v1/me/changes", Who::Customer, None, 200),
    route("take_back_change", Method::DELETE, "/v1/me/changes/chg_{0}", Who::Customer, None, 404),
    route("exchange_license", Method::POST, "/v1/licenses/exchange", Who::Holder, Some((JSON, r#"{"checkout_secret":"cs_none"}"#)), 401),
    route("refresh_license", Method::POST, "/v1/licenses/refresh", Who::Public, Some((JSON, r#"{"token":"none"}"#)), 401),
    route("list_licenses", Method::GET, "/v1/licenses", Who::Read, None, 200),
    route("get_license", Method::GET, "/v1/licenses/lic_{0}", Who::Read, None, 404),
    route("quote_upgrade", Method::POST, "/v1/upgrade-quote", Who::Public, Some((JSON, r#"{"license_key":"LK-none","plan":"team"}"#)), 401),
    route("upgrade", Method::POST, "/v1/upgrade", Who::Public, Some((JSON, r#"{"license_key":"LK-none","plan":"team"}"#)), 401),
    route("refund_invoice", Method::POST, "/v1/invoices/inv_{0}/refund", Who::Write, None, 404),
    route("uncancel_my_subscription", Method::DELETE, "/v1/me/subscriptions/sub_{0}/cancellation", Who::Customer, None, 404),
    route("cancel_by_key", Method::POST, "/v1/subscriptions/cancel", Who::Public, Some((JSON, r#"{"license_key":"LK-none"}"#)), 401),
    route("validate_license", Method::POST, "/v1/validate", Who::Public, Some((JSON, r#"{"license_key":"LK-none"}"#)), 200),
    route("activate_machine", Method::POST, "/v1/machines/activate", Who::Public, Some((JSON, r#"{"license_key":"LK-none","machine":"m1"}"#)), 401),
    route("deactivate_machine", Method::POST, "/v1/machines/deactivate", Who::Public, Some((JSON, r#"{"license_key":"LK-none","machine":"m1"}"#)), 401),
    route("recover_license", Method::POST, "/v1/recover", Who::Public, Some((JSON, r#"{"invoice":"inv_{0}","email":"ana@buyers.test"}"#)), 404),
    route("change_license_plan", Method::POST, "/v1/admin/licenses/lic_{0}/change-plan", Who::Write, Some((JSON, r#"{"plan":"team","collect":"none","reason":"asked"}"#)), 404),
    route("suspend_license", Method::POST, "/v1/licenses/lic_{0}/suspend", Who::Write, Some((JSON, r#"{"reason":"asked"}"#)), 404),
    route("reinstate_license", Method::POST, "/v1/licenses/lic_{0}/reinstate", Who::Write, Some((JSON, r#"{"reason":"asked"}"#)), 404),
    route("revoke_license", Method::POST, "/v1/licenses/lic_{0}/revoke", Who::Write, Some((JSON, r#"{"reason":"asked"}"#)), 404),
    route("receive_webhook", Method::POST, "/v1/webhooks/sandbox", Who::Providers, Some((JSON, "{}")), 401),
    route("receive_account_webhook", Method::POST, "/v1/webhooks/sandbox/main", Who::Providers, Some((JSON, "{}")), 401),
    route("create_customer", Method::POST, "/v1/customers", Who::Write, Some((JSON, "{}")), 201),
    route("list_customers", Method::GET, "/v1/customers", Who::Read, None, 200),
    route("get_customer", Method::GET, "/v1/customers/{x}", Who::Read, None, 200),
    route("update_customer", Method::PATCH, "/v1/customers/{x}", Who::Write, Some((JSON, r#"{"lang":"de"}"#)), 200),
    route("list_customer_journal", Method::GET, "/v1/customers/{x}/journal", Who::Read, None, 200),
    route("get_customer_entitlements", Method::GET, "/v1/customers/{x}/entitlements", Who::Read, None, 200),
    route("check_pieces", Method::POST, "/v1/customers/{x}/check/projects", Who::Read, Some((JSON, r#"{"held":0}"#)), 200),
    route("check_feature", Method::GET, "/v1/customers/{x}/check/projects", Who::Read, None, 200),
    route("create_grant", Method::POST, "/v1/customers/{x}/grants", Who::Write, Some((JSON, r#"{"plan":"team"}"#)), 201),
    route("list_grants", Method::GET, "/v1/customers/{x}/grants", Who::Read, None, 200),
    route("end_grant", Method::DELETE, "/v1/customers/{x}/grants/grt_{0}", Who::Write, None, 404),
    route("record_usage", Method::POST, "/v1/customers/{x}/usage", Who::Write, Some((JSON, r#"{"events":[{"id":"e1","feature":"projects"}]}"#)), 200),
    route("get_usage", Method::GET, "/v1/customers/{x}/usage", Who::Read, None, 200),
    route("set_spending_limit", Method::PUT, "/v1/customers/{x}/spending-limit", Who::Write, Some((JSON, r#"{"currency":"usd","amount":500}"#)), 204),
    route("set_my_spending_limit", Method::PUT, "/v1/me/spending-limit", Who::Customer, Some((JSON, r#"{"currency":"usd","amount":500}"#)), 204),
    route("join_owner", Method::PUT, "/v1/customers/{x}/member_of", Who::Write, Some((JSON, r#"{"owner":"nosuch"}"#)), 400),
    route("leave_owner", Method::DELETE, "/v1/customers/{x}/member_of", Who::Write, None, 204),
    route("list_subscriptions", Method::GET, "/v1/subscriptions", Who::Read, None, 200),
    route("get_subscription", Method::GET, "/v1/subscriptions/sub_{0}", Who::Read, None, 404),
    route("forecast_subscription", Method::GET, "/v1/subscriptions/sub_{0}/forecast", Who::Read, None, 404),
    route("uncancel_subscription", Method::DELETE, "/v1/subscriptions/sub_{0}/cancellation", Who::Write, None, 404),
    route("cancel_subscription", Method::POST, "/v1/subscriptions/sub_{0}/cancel", Who::Write, None, 404),
    route("pause_subscription", Method::POST, "/v1/subscriptions/sub_{0}/pause", Who::Write, None, 404),
    route("resume_subscription", Method::POST, "/v1/subscriptions/sub_{0}/resume", Who::Write, None, 404),
    route("change_plan", Method::POST, "/v1/subscriptions/sub_{0}/change-plan", Who::Write, Some((JSON, r#"{"plan":"team","collect":"none","reason":"asked"}"#)), 404),
    route("list_changes", Method::GET, "/v1/changes", Who::Read, None, 200),
    route("get_change", Method::GET, "/v1/changes/chg_{0}", Who::Read, None, 404),
    route("create_negotiated_terms", Method::POST, "/v1/customers/{x}/negotiated-terms", Who::Write, Some((JSON, r#"{"plan":"personal","amount":400,"currency":"usd","interval":"month"}"#)), 201),
    route("create_discount_code", Method::POST, "/v1/discount-codes", Who::Write, Some((JSON, r#"{"code":"SPRING","basis_points":2500,"plans":["nosuch"]}"#)), 400),
    route("list_discount_codes", Method::GET, "/v1/discount-codes", Who::Read, None, 200),
    route("retire_discount_code", Method::DELETE, "/v1/discount-codes/dsc_{0}", Who::Write, None, 404),
    route("record_payment", Method::POST, "/v1/invoices/inv_{0}/payments", Who::Write, Some((JSON, r#"{"reference":"bank 1","paid_at":"2026-03-01T12:00:00Z"}"#)), 404),
    route("list_invoices", Method::GET, "/v1/invoices", Who::Read, None, 200),
    route("get_invoice", Method::GET, "/v1/invoices/inv_{0}", Who::Read, None, 404),
    route("create_key", Method::POST, "/v1/keys", Who::Admin, Some((JSON, r#"{"name":"ci","scope":"read"}"#)), 201),
    route("list_acts", Method::GET, "/v1/audit", Who::Admin, None, 200),
    route("list_events", Method::GET, "/v1/events", Who::Read, None, 200),
    route("get_customer_balance", Method::GET, "/v1/customers/{x}/balance", Who::Read, None, 200),
    route("report_mrr", Method::GET, "/v1/reports/mrr", Who::Read, None, 200),
    route("report_churn", Method::GET, "/v1/reports/churn", Who::Read, None, 200),
    route("report_cohorts", Method::GET, "/v1/reports/cohorts", Who::Read, None, 200),
    route("get_invoice_document", Method::GET, "/v1/invoices/inv_{0}/document", Who::Read, None, 404),
    route("get_my_invoice_document", Method::GET, "/v1/me/invoices/inv_{0}/document", Who::Customer, None, 404),
    route("list_keys", Method::GET, "/v1/keys", Who::Admin, None, 200),
    route("rotate_key", Method::POST, "/v1/keys/key_{0}/rotate", Who::Admin, None, 404),
    route("revoke_key", Method::DELETE, "/v1/keys/key_{0}", Who::Admin, None, 404),
    route("migrate_prices", Method::POST, "/v1/price-migrations", Who::Admin, Some((JSON, r#"{"from":"personal-monthly","to":"nosuch"}"#)), 422),
    route("list_price_migrations", Method::GET, "/v1/price-migrations", Who::Admin, None, 200),
    route("list_price_migration_moves", Method::GET, "/v1/price-migrations/moves?from=personal-monthly&to=nosuch&digest=x", Who::Admin, None, 422),
    route("get_price_migration", Method::GET, "/v1/price-migrations/mig_{0}", Who::Admin, None, 404),
    route("list_parked", Method::GET, "/v1/parked", Who::Admin, None, 200),
    route("get_parked", Method::GET, "/v1/parked/prk_{0}", Who::Admin, None, 404),
    route("replay_parked", Method::POST, "/v1/parked/prk_{0}/replay", Who::Admin, None, 404),
    route("link_parked", Method::POST, "/v1/parked/prk_{0}/link", Who::Admin, Some((JSON, r#"{"customer":"{x}"}"#)), 404),
    route("discard_parked", Method::POST, "/v1/parked/prk_{0}/discard", Who::Admin, None, 404),
    route("create_webhook_endpoint", Method::POST, "/v1/webhook-endpoints", Who::Admin, Some((JSON, r#"{"url":"https://hooks.example.com/"}"#)), 201),
    route("list_webhook_endpoints", Method::GET, "/v1/webhook-endpoints", Who::Admin, None, 200),
    route("get_webhook_endpoint", Method::GET, "/v1/webhook-endpoints/we_{0}", Who::Admin, None, 404),
    route("rotate_webhook_secret", Method::POST, "/v1/webhook-endpoints/we_{0}/rotate-secret", Who::Admin, None, 404),
    route("disable_webhook_endpoint", Method::POST, "/v1/webhook-endpoints/we_{0}/disable", Who::Admin, None, 404),
    route("enable_webhook_endpoint", Method::POST, "/v1/webhook-endpoints/we_{0}/enable", Who::Admin, None, 404),
    route("delete_webhook_endpoint", Method::DELETE, "/v1/webhook-endpoints/we_{0}", Who::Admin, None, 404),
    route("list_deliveries", Method::GET, "/v1/deliveries", Who::Admin, None, 200),
    route("get_delivery", Method::GET, "/v1/deliveries/dlv_{0}", Who::Admin, None, 404),
    route("retry_delivery", Method::POST, "/v1/deliveries/dlv_{0}/retry", Who::Admin, None, 404),
    route("get_catalog", Method::GET, "/v1/catalog", Who::Read, None, 200),
    route("diff_catalog", Method::POST, "/v1/catalog/diff", Who::Read, Some((YAML, SAMPLE)), 200),
    route("apply_catalog", Method::POST, "/v1/catalog/apply", Who::Admin, Some((YAML, SAMPLE)), 200),
];
