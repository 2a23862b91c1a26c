//! What is answered to who does not pass: a way to the plans page, or a problem.

use billing_domain::catalog::PlanKey;
use http::header::{CONTENT_TYPE, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde_json::{Value, json};
use url::form_urlencoded::Serializer;

use crate::gate::Form;

const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");
const PLAIN: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// After how many seconds to try again where nobody could be asked: what a restart of a
/// database takes.
const RETRY_SECONDS: u64 = 5;

/// Why somebody does not pass.
#[derive(Debug)]
pub(crate) struct Denial {
    /// Whether the host's login has named a customer.
    pub(crate) signed_in: bool,
    /// The stable code.
    pub(crate) reason: &'static str,
    /// The plan of the highest rank that is held. `None`: none is.
    pub(crate) plan_held: Option<PlanKey>,
    /// The lowest plan on offer that would do. `None`: none would, or it is not known.
    pub(crate) plan_needed: Option<PlanKey>,
}

impl Denial {
    pub(crate) const NOT_SIGNED_IN: Self = Self {
        signed_in: false,
        reason: "not_signed_in",
        plan_held: None,
        plan_needed: None,
    };
    /// The host's login knows somebody who is no customer.
    pub(crate) const NO_CUSTOMER: Self = Self {
        signed_in: true,
        reason: "no_such_customer",
        plan_held: None,
        plan_needed: None,
    };
}

/// What is answered instead of what was asked for.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: String,
}

impl Refusal {
    pub(crate) fn denied(form: &Form, feature: &str, denial: &Denial) -> Self {
        match form {
            Form::Page(plans_page) => Self::led_to(plans_page, feature, denial),
            Form::Api(_) if !denial.signed_in => Self::unauthorized(),
            Form::Api(upgrade_url) => Self::upgrade_required(upgrade_url, feature, denial),
        }
    }

    /// Nobody could be asked: neither allowed nor denied.
    pub(crate) fn unavailable() -> Self {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        let problem = problem(status, "unavailable", "temporarily unavailable; try again");
        let mut refusal = Self::problem(status, &problem);
        let again = (RETRY_AFTER, HeaderValue::from(RETRY_SECONDS));
        refusal.headers.push(again);
        refusal
    }

    fn unauthorized() -> Self {
        let status = StatusCode::UNAUTHORIZED;
        let detail = "a valid credential is required";
        let mut refusal = Self::problem(status, &problem(status, "unauthorized", detail));
        let asks = (WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        refusal.headers.push(asks);
        refusal
    }

    fn led_to(plans_page: &str, feature: &str, denial: &Denial) -> Self {
        let mut query = Serializer::new(String::new());
        query.append_pair("reason", denial.reason);
        query.append_pair("feature", feature);
        if let Some(plan) = &denial.plan_needed {
            query.append_pair("plan", plan.as_str());
        }
        let address = with_query(plans_page, &query.finish());
        let Ok(address) = HeaderValue::from_str(&address) else {
            tracing::error!(plans_page, "the address of the plans page is none");
            return Self::unavailable();
        };
        Self {
            status: StatusCode::SEE_OTHER,
            headers: vec![(LOCATION, address), (CONTENT_TYPE, PLAIN)],
            body: "see the plans".to_owned(),
        }
    }

    fn upgrade_required(upgrade_url: &str, feature: &str, denial: &Denial) -> Self {
        let status = StatusCode::FORBIDDEN;
        let detail = "no plan that is held allows it";
        let mut problem = problem(status, "plan_upgrade_required", detail);
        let plan = |key: &Option<PlanKey>| key.as_ref().map(ToString::to_string);
        problem["feature"] = feature.into();
        problem["reason"] = denial.reason.into();
        problem["current_plan"] = plan(&denial.plan_held).into();
        problem["required_plan"] = plan(&denial.plan_needed).into();
        problem["upgrade_url"] = upgrade_url.into();
        Self::problem(status, &problem)
    }

    fn problem(status: StatusCode, problem: &Value) -> Self {
        Self {
            status,
            headers: vec![(CONTENT_TYPE, PROBLEM_JSON)],
            body: problem.to_string(),
        }
    }

    /// As an answer whose body is made of the text.
    pub(crate) fn into_response<B: From<String>>(self) -> Response<B> {
        let mut response = Response::new(B::from(self.body));
        *response.status_mut() = self.status;
        response.headers_mut().extend(self.headers);
        response
    }
}

fn problem(status: StatusCode, code: &str, detail: &str) -> Value {
    json!({
        "type": "about:blank",
        "title": status.canonical_reason(),
        "status": status.as_u16(),
        "code": code,
        "detail": detail,
    })
}

/// `address` with more in its query, before what it names on the page.
fn with_query(address: &str, query: &str) -> String {
    let (address, anchor) = match address.split_once('#') {
        Some((address, anchor)) => (address, format!("#{anchor}")),
        None => (address, String::new()),
    };
    let joined = if address.contains('?') { '&' } else { '?' };
    format!("{address}{joined}{query}{anchor}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_put_where_it_belongs() {
        for (address, whole) in [
            ("/plans", "/plans?a=1"),
            ("/plans?lang=de", "/plans?lang=de&a=1"),
            ("/plans#team", "/plans?a=1#team"),
            ("https://a.test/p?x=2#t", "https://a.test/p?x=2&a=1#t"),
        ] {
            assert_eq!(with_query(address, "a=1"), whole);
        }
    }

    #[test]
    fn a_page_that_is_no_address_lets_nobody_through() {
        let form = Form::Page("/pl\nans".to_owned());
        let refusal = Refusal::denied(&form, "sso", &Denial::NO_CUSTOMER);
        assert_eq!(refusal.status, StatusCode::SERVICE_UNAVAILABLE);
    }

    #[test]
    fn what_a_feature_is_called_cannot_leave_the_query() {
        let form = Form::Page("/plans".to_owned());
        let refusal = Refusal::denied(&form, "a&plan=free#x", &Denial::NO_CUSTOMER);
        let response: Response<String> = refusal.into_response();
        let led = "/plans?reason=no_such_customer&feature=a%26plan%3Dfree%23x";
        assert_eq!(response.headers()[LOCATION], led);
    }
}
