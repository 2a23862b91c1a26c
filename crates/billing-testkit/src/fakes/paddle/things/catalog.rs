//! Products, prices, discounts.

use billing_domain::money::Currency;
use billing_domain::time::{Interval, Timestamp};
use serde_json::Value;

use crate::fakes::paddle::amount::TaxMode;

/// A product of the catalog.
#[derive(Debug, Clone)]
pub struct Product {
    /// `pro_…`.
    pub id: String,
    /// The name that customers read.
    pub name: String,
    /// Free data of the merchant's, or null.
    pub custom_data: Value,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A price, from the catalog or made for one transaction.
#[derive(Debug, Clone)]
pub struct Price {
    /// `pri_…`.
    pub id: String,
    /// The product that it is a price of.
    pub product_id: String,
    /// What the merchant reads.
    pub description: String,
    /// The price of one unit, in minor units.
    pub amount: i64,
    /// The currency.
    pub currency: Currency,
    /// How it stands to its tax.
    pub tax_mode: TaxMode,
    /// How often it is charged. `None`: once.
    pub interval: Option<Interval>,
    /// How long it is tried before. `None`: not at all.
    pub trial: Option<Interval>,
    /// The least and the most units.
    pub quantity: (u32, u32),
    /// Whether it can be bought.
    pub active: bool,
    /// Whether it belongs to the catalog.
    pub catalog: bool,
    /// Free data of the merchant's, or null.
    pub custom_data: Value,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What a discount takes off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Off {
    /// Hundredths of a percent.
    BasisPoints(u32),
    /// Minor units, once for the transaction.
    Flat(i64),
}

/// A discount.
#[derive(Debug, Clone)]
pub struct Discount {
    /// `dsc_…`.
    pub id: String,
    /// What the merchant reads.
    pub description: String,
    /// The code that customers type. `None`: it is given by the merchant alone.
    pub code: Option<String>,
    /// What it takes off.
    pub off: Off,
    /// Whether it holds for renewals, too.
    pub recur: bool,
    /// For how many periods in all. `None`: for good.
    pub intervals: Option<u32>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A price and how many of it.
#[derive(Debug, Clone)]
pub struct Bought {
    /// The price, as it was when bought.
    pub price: Price,
    /// How many units.
    pub quantity: u32,
}
