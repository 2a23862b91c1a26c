//! Customers and the pages where they manage what they bought.

use billing_domain::effect::OpenCheckout;
use billing_domain::ids::CustomerId;
use billing_ports::{PortalAsk, PortalPurpose};
use stripe_billing::billing_portal_session::{
    CreateBillingPortalSession, CreateBillingPortalSessionFlowData,
    CreateBillingPortalSessionFlowDataType,
};
use stripe_core::customer::{CreateCustomer, SearchCustomer};

use super::who;
use crate::call::Call;
use crate::facts::{CUSTOMER_KEY, OPERATOR_KEY};

/// How many customers a search for one gives at most: more than one is a mistake
/// that was made before, and the first is as good as any.
const FOUND_MAX: i64 = 10;

/// Makes the customer, under a key of our customer's: two checkouts make one.
pub(crate) fn create(order: &OpenCheckout, operator: &str) -> Call {
    let mut request = CreateCustomer::new().metadata(who(order, operator));
    if let Some(email) = &order.email {
        request = request.email(email.as_str());
    }
    Call::of(&request).under(format!("customer:{}", order.customer))
}

/// Makes another one in place of `gone`: the first key would give that one again.
pub(crate) fn create_instead(order: &OpenCheckout, operator: &str, gone: &str) -> Call {
    let call = create(order, operator);
    call.under(format!("customer:{}:instead:{gone}", order.customer))
}

/// Looks for the customer that a lost answer may have made. What was made within
/// the last minute may not be found yet.
pub(crate) fn search(customer: CustomerId, operator: &str) -> Call {
    let quoted = operator.replace('\\', "\\\\").replace('\'', "\\'");
    let query = format!(
        "metadata['{CUSTOMER_KEY}']:'{customer}' AND metadata['{OPERATOR_KEY}']:'{quoted}'"
    );
    Call::of(&SearchCustomer::new(query).limit(FOUND_MAX))
}

/// Makes a page of the portal. Without a key: each asker gets a page of their own.
pub(crate) fn portal(ask: &PortalAsk, configuration: Option<&str>) -> Call {
    let mut request = CreateBillingPortalSession::new()
        .customer(ask.customer_ref.as_str())
        .return_url(ask.return_url.as_str());
    if let Some(configuration) = configuration {
        request = request.configuration(configuration);
    }
    if ask.purpose == PortalPurpose::PaymentMethod {
        let flow = CreateBillingPortalSessionFlowDataType::PaymentMethodUpdate;
        request = request.flow_data(CreateBillingPortalSessionFlowData::new(flow));
    }
    Call::of(&request)
}
