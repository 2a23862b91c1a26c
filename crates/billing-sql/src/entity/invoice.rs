//! `invoices`: what is owed.

use sea_orm::entity::prelude::*;

/// A row.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "invoices")]
pub struct Model {
    /// Our id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Whose.
    pub customer_id: Uuid,
    /// The subscription.
    pub subscription_id: Option<Uuid>,
    /// The word for its purpose.
    pub purpose: String,
    /// The cycle it pays for.
    pub cycle: Option<i64>,
    /// The word for its state.
    pub state: String,
    /// The provider account.
    pub account: Option<String>,
    /// The provider's id.
    pub reference: Option<String>,
    /// The provider's id of the subscription that it was made for.
    pub subscription_ref: Option<String>,
    /// The change it pays for.
    pub change_id: Option<Uuid>,
    /// The invoice.
    #[sea_orm(column_type = "JsonBinary")]
    pub body: Json,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
