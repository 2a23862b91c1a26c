//! When there is next something to claim: the first entry of each queue's
//! partial index, whatever the number of rows.

use billing_ports::store::NextWork;
use sea_orm::ConnectionTrait;
use sea_orm::prelude::DateTimeUtc;
use sea_orm::sea_query::{Expr, Query};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait};

use super::claim::earliest;
use crate::entity::{customer, inbox, outbox, state};
use crate::fault::Fault;

pub(super) async fn next_work<C: ConnectionTrait>(on: &C) -> Result<NextWork, Fault> {
    let due = customer::Entity::find()
        .select_only()
        .column(customer::Column::ReadyAt)
        .filter(customer::Column::ReadyAt.is_not_null())
        .order_by_asc(customer::Column::ReadyAt)
        .limit(1)
        .into_query();
    // Written out, so that the partial indexes are seen to fit.
    let inbox = inbox::Entity::find()
        .select_only()
        .column(inbox::Column::ReadyAt)
        .filter(Expr::cust(format!("state = '{}'", state::NEW)))
        .order_by_asc(inbox::Column::ReadyAt)
        .limit(1)
        .into_query();
    let outbox = outbox::Entity::find()
        .select_only()
        .column(outbox::Column::ReadyAt)
        .filter(Expr::cust(format!("state = '{}'", state::PENDING)))
        .order_by_asc(outbox::Column::ReadyAt)
        .limit(1)
        .into_query();
    let query = Query::select()
        .expr_as(Expr::SubQuery(None, Box::new(due.into())), "due")
        .expr_as(Expr::SubQuery(None, Box::new(inbox.into())), "inbox")
        .expr_as(Expr::SubQuery(None, Box::new(outbox.into())), "outbox")
        .take();
    let Some(row) = on.query_one(&query).await? else {
        return Ok(NextWork::default());
    };
    Ok(NextWork {
        due: earliest(row.try_get::<Option<DateTimeUtc>>("", "due")?, "customers")?,
        inbox: earliest(row.try_get::<Option<DateTimeUtc>>("", "inbox")?, "inbox")?,
        outbox: earliest(row.try_get::<Option<DateTimeUtc>>("", "outbox")?, "outbox")?,
    })
}
