//! Customers and addresses.

use serde_json::{Value, json};

use crate::fakes::paddle::things::{Address, Customer};

use super::time;

pub(in crate::fakes::paddle) fn customer(customer: &Customer) -> Value {
    json!({
        "id": customer.id,
        "status": if customer.active { "active" } else { "archived" },
        "custom_data": customer.custom_data,
        "name": customer.name,
        "email": customer.email,
        "marketing_consent": false,
        "locale": customer.locale,
        "import_meta": null,
        "created_at": time(customer.created_at),
        "updated_at": time(customer.updated_at),
    })
}

pub(in crate::fakes::paddle) fn address(address: &Address) -> Value {
    json!({
        "id": address.id,
        "customer_id": address.customer_id,
        "description": null,
        "first_line": null,
        "second_line": null,
        "city": null,
        "postal_code": address.postal_code,
        "region": null,
        "country_code": address.country_code,
        "status": "active",
        "custom_data": null,
        "import_meta": null,
        "created_at": time(address.created_at),
        "updated_at": time(address.created_at),
    })
}
