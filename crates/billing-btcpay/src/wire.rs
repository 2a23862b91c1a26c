//! BTCPay's shapes, as much of them as is read here. Tolerant: what is missing or new
//! spoils nothing that is not needed.

use billing_domain::time::Timestamp;
use serde::Deserialize;

use crate::correlation::Metadata;
use crate::decimal::Decimal;

/// An invoice.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Invoice {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) store_id: Option<String>,
    pub(crate) amount: Decimal,
    /// `None`: a version before 2.1.2, which does not say.
    #[serde(default)]
    pub(crate) paid_amount: Option<Decimal>,
    pub(crate) currency: String,
    #[serde(default)]
    pub(crate) checkout_link: Option<String>,
    pub(crate) created_time: i64,
    pub(crate) expiration_time: i64,
    #[serde(default)]
    pub(crate) monitoring_expiration: Option<i64>,
    pub(crate) status: String,
    #[serde(default)]
    pub(crate) additional_status: Option<String>,
    #[serde(default)]
    pub(crate) metadata: Option<Metadata>,
    /// `None`: they were not asked for, or an older version lists none.
    #[serde(default)]
    pub(crate) payment_methods: Option<Vec<Method>>,
}

impl Invoice {
    /// What qualifies its status; `None` where nothing does.
    pub(crate) fn qualified(&self) -> &str {
        self.additional_status.as_deref().unwrap_or("None")
    }
}

/// A way to pay an invoice, with what was paid by it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Method {
    /// `None`: an older version, where the id begins with it (`BTC-LightningNetwork`).
    #[serde(default)]
    pub(crate) currency: Option<String>,
    #[serde(default, alias = "paymentMethod")]
    pub(crate) payment_method_id: Option<String>,
    /// What one of its currency is worth in that of the invoice.
    #[serde(default)]
    pub(crate) rate: Option<Decimal>,
    #[serde(default)]
    pub(crate) payments: Vec<Payment>,
}

/// A payment.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Payment {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) received_date: Option<i64>,
    /// In the currency of its method.
    pub(crate) value: Decimal,
    /// What of it only pays for the trouble of a further transaction.
    #[serde(default)]
    pub(crate) fee: Option<Decimal>,
    #[serde(default)]
    pub(crate) status: Option<String>,
}

/// Seconds as BTCPay tells them. One that no calendar has counts as the beginning.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH)
}
