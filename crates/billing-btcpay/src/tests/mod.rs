//! Tests that need no store: what is told, and what is believed.

mod refusals;
mod seal;
mod status;
mod webhooks;

use billing_domain::provider::ProviderAccount;
use serde_json::{Value, json};

use crate::facts::{Seen, Teller, needs_payments};
use crate::options::BtcPayOptions;
use crate::payments::received;
use crate::seal::Seal;
use crate::wire::{Invoice, at};

const OPERATOR: &str = "here";
const STORE: &str = "store1";
const CHECKOUT: &str = "chk_019a3c5e7a0070008000000000000001";
const INVOICE: &str = "inv_019a3c5e7a0070008000000000000002";
const CUSTOMER: &str = "cus_019a3c5e7a0070008000000000000003";

fn account() -> ProviderAccount {
    "btcpay/main".parse().unwrap()
}

fn options() -> BtcPayOptions {
    BtcPayOptions {
        webhook_secrets: vec!["hush".into()],
        ..BtcPayOptions::new(
            account(),
            "https://pay.example.com/btcpay".parse().unwrap(),
            "key".into(),
            STORE.to_owned(),
            OPERATOR.to_owned(),
        )
    }
}

fn seal() -> Seal {
    Seal::new(&options().api_key, OPERATOR)
}

fn teller() -> Teller {
    Teller {
        account: account(),
        operator: OPERATOR.to_owned(),
        base: options().base_url,
        seal: seal(),
    }
}

fn of_checkout() -> Value {
    json!({ "billing_checkout": CHECKOUT, "billing_customer": CUSTOMER, "billing_operator": OPERATOR })
}

fn of_invoice() -> Value {
    json!({ "billing_invoice": INVOICE, "billing_customer": CUSTOMER, "billing_operator": OPERATOR })
}

/// An invoice over 50 000 satoshi, as BTCPay shows it.
fn invoice(status: &str, qualified: &str, metadata: &Value) -> Value {
    json!({
        "id": "inv1",
        "storeId": STORE,
        "amount": "50000.0",
        "paidAmount": "0",
        "currency": "SATS",
        "type": "Standard",
        "checkoutLink": "https://pay.example.com/btcpay/i/inv1",
        "createdTime": 1_000,
        "expirationTime": 4_600,
        "monitoringExpiration": 90_000,
        "status": status,
        "additionalStatus": qualified,
        "archived": false,
        "metadata": metadata,
    })
}

/// A transaction: its id, its satoshi, when it came, how it stands.
type Transaction<'a> = (&'a str, u32, i64, &'a str);

fn methods(payments: &[Transaction<'_>]) -> Value {
    let payments = payments.iter().map(|(id, satoshi, at, status)| {
        let value = format!("0.{satoshi:08}");
        json!({ "id": id, "value": value, "fee": "0.0", "receivedDate": at, "status": status })
    });
    json!([{
        "paymentMethodId": "BTC-CHAIN",
        "currency": "BTC",
        "rate": "100000000.0",
        "payments": payments.collect::<Vec<_>>(),
    }])
}

fn seen(invoice: Value, payments: &[Transaction<'_>]) -> Seen {
    let invoice: Invoice = serde_json::from_value(invoice).unwrap();
    let methods: Vec<_> = serde_json::from_value(methods(payments)).unwrap();
    let paid = if needs_payments(&invoice) {
        received(&methods).unwrap()
    } else {
        Vec::new()
    };
    Seen {
        ours: teller().ours(&invoice).unwrap(),
        owed: Teller::owed(&invoice).unwrap(),
        paid,
        read_at: Some(at(9_000)),
        invoice,
    }
}
