//! Read models: lists by id, newest first, and who holds what.

use std::collections::BTreeMap;

use async_trait::async_trait;
use billing_domain::change::Change;
use billing_domain::customer::Customer;
use billing_domain::ids::{ChangeId, CustomerId, InboxId, InvoiceId, ParkedId, SubscriptionId};
use billing_domain::invoice::Invoice;
use billing_domain::journal::JournalEntry;
use billing_domain::license::License;
use billing_domain::parked::{ParkReason, Parked};
use billing_domain::provider::ProviderAccount;
use billing_domain::subscription::{Status, Subscription};
use billing_ports::store::{
    ChangeFilter, EventFilter, Holding, InvoiceFilter, KeptDelivery, Page, PageAsk, ReadModels,
    StoreError, SubscriptionFilter,
};
use sea_orm::prelude::DateTimeUtc;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, ExprTrait, QueryFilter, QueryOrder,
    QuerySelect,
};

use crate::database::Database;
use crate::entity::{
    change, customer, grant, invoice, journal, license, parked, purpose, state, subscription,
};
use crate::fault::Fault;
use crate::ring::kept;
use crate::ring::load::CHANGES_TO_COME;
use crate::rows;
use crate::store::SqlStore;

/// The words for subscriptions that can never come back.
pub(crate) const OVER: [&str; 2] = [Status::Canceled.as_str(), Status::Expired.as_str()];

/// A page of `select`, one row beyond its limit read to learn whether more follow.
macro_rules! page {
    ($self:expr, $ask:expr, $entity:ident, $select:expr, $read:expr) => {{
        let (on, ask): (_, PageAsk) = ($self.database().reader(), $ask);
        let mut select = $select.order_by_desc($entity::Column::Id);
        if let Some(after) = ask.after {
            select = select.filter($entity::Column::Id.lt(after));
        }
        let select = select.limit(u64::from(ask.limit).saturating_add(1));
        let read = || async {
            let mut found = select.clone().all(on).await?;
            let more = found.len() > usize::from(ask.limit);
            found.truncate(usize::from(ask.limit));
            let rows = found.into_iter().map($read);
            let rows = rows.collect::<Result<_, StoreError>>()?;
            Ok(Page { rows, more })
        };
        Ok($self.read(read).await?)
    }};
}
pub(crate) use page;

#[async_trait]
impl<D: Database> ReadModels for SqlStore<D> {
    async fn list_customers(&self, page: PageAsk) -> Result<Page<Customer>, StoreError> {
        page!(self, page, customer, customer::Entity::find(), |row| {
            rows::read(row.body, "customers", row.id)
        })
    }

    async fn list_subscriptions(
        &self,
        filter: SubscriptionFilter,
        page: PageAsk,
    ) -> Result<Page<Subscription>, StoreError> {
        use subscription::Column::{CustomerId, Plan, Price, Status};
        let wanted = Condition::all()
            .add_option(filter.customer.map(|id| CustomerId.eq(id.uuid())))
            .add_option(filter.status.map(|status| Status.eq(status.as_str())))
            .add_option(filter.plan.map(|plan| Plan.eq(plan.as_str())))
            .add_option(filter.price.map(|price| Price.eq(price.as_str())));
        let select = subscription::Entity::find().filter(wanted);
        page!(self, page, subscription, select, |row| {
            rows::read(row.body, "subscriptions", row.id)
        })
    }

    async fn subscriptions_of(
        &self,
        ids: &[SubscriptionId],
    ) -> Result<Vec<Subscription>, StoreError> {
        let on = self.database().reader();
        Ok(self.read(|| subscriptions(on, ids)).await?)
    }

    async fn renewals_of(
        &self,
        ids: &[SubscriptionId],
    ) -> Result<Vec<(SubscriptionId, Invoice)>, StoreError> {
        let on = self.database().reader();
        Ok(self.read(|| renewals(on, ids)).await?)
    }

    async fn list_invoices(
        &self,
        filter: InvoiceFilter,
        page: PageAsk,
    ) -> Result<Page<(CustomerId, Invoice)>, StoreError> {
        use invoice::Column::{CustomerId, Purpose, State, SubscriptionId};
        let renewal = |renewal| {
            if renewal {
                Purpose.eq(purpose::RENEWAL)
            } else {
                Purpose.ne(purpose::RENEWAL)
            }
        };
        let open = |open| {
            if open {
                State.eq(state::OPEN)
            } else {
                State.ne(state::OPEN)
            }
        };
        let wanted = Condition::all()
            .add_option(filter.customer.map(|id| CustomerId.eq(id.uuid())))
            .add_option(filter.subscription.map(|id| SubscriptionId.eq(id.uuid())))
            .add_option(filter.open.map(open))
            .add_option(filter.renewal.map(renewal));
        page!(
            self,
            page,
            invoice,
            invoice::Entity::find().filter(wanted),
            owned
        )
    }

    async fn get_invoice(
        &self,
        id: InvoiceId,
    ) -> Result<Option<(CustomerId, Invoice)>, StoreError> {
        let on = self.database().reader();
        let read = || async {
            let found = invoice::Entity::find_by_id(id.uuid()).one(on).await?;
            Ok(found.map(owned).transpose()?)
        };
        Ok(self.read(read).await?)
    }

    async fn list_changes(
        &self,
        filter: ChangeFilter,
        page: PageAsk,
    ) -> Result<Page<Change>, StoreError> {
        use change::Column::{CustomerId, SubscriptionId};
        let open = |open| {
            let to_come = Expr::cust(CHANGES_TO_COME);
            if open { to_come } else { to_come.not() }
        };
        let wanted = Condition::all()
            .add_option(filter.customer.map(|id| CustomerId.eq(id.uuid())))
            .add_option(filter.subscription.map(|id| SubscriptionId.eq(id.uuid())))
            .add_option(filter.open.map(open));
        let select = change::Entity::find().filter(wanted);
        page!(self, page, change, select, |row| {
            rows::read(row.body, "changes", row.id)
        })
    }

    async fn get_change(&self, id: ChangeId) -> Result<Option<Change>, StoreError> {
        let on = self.database().reader();
        let read = || async {
            let found = change::Entity::find_by_id(id.uuid()).one(on).await?;
            let found = found.map(|row| rows::read(row.body, "changes", row.id));
            Ok(found.transpose()?)
        };
        Ok(self.read(read).await?)
    }

    async fn list_licenses(
        &self,
        customer: Option<CustomerId>,
        page: PageAsk,
    ) -> Result<Page<(CustomerId, License)>, StoreError> {
        let of = customer.map(|id| license::Column::CustomerId.eq(id.uuid()));
        let select = license::Entity::find().filter(Condition::all().add_option(of));
        page!(self, page, license, select, |row| {
            let owner = CustomerId::from(row.customer_id);
            Ok((owner, rows::read(row.body, "licenses", row.id)?))
        })
    }

    async fn list_parked(
        &self,
        reason: Option<ParkReason>,
        page: PageAsk,
    ) -> Result<Page<Parked>, StoreError> {
        use parked::Column::{Reason, ResolvedAt};
        let wanted = Condition::all()
            .add(ResolvedAt.is_null())
            .add_option(reason.map(|reason| Reason.eq(reason.as_str())));
        let select = parked::Entity::find().filter(wanted);
        page!(self, page, parked, select, |row| rows::read(
            row.body, "parked", row.id
        ))
    }

    async fn get_parked(&self, id: ParkedId) -> Result<Option<Parked>, StoreError> {
        let on = self.database().reader();
        let read = || async {
            let found = parked::Entity::find_by_id(id.uuid())
                .filter(parked::Column::ResolvedAt.is_null())
                .one(on)
                .await?;
            let found = found.map(|row| rows::read(row.body, "parked", row.id));
            Ok(found.transpose()?)
        };
        Ok(self.read(read).await?)
    }

    async fn list_journal(
        &self,
        customer: CustomerId,
        page: PageAsk,
    ) -> Result<Page<JournalEntry>, StoreError> {
        let select =
            journal::Entity::find().filter(journal::Column::CustomerId.eq(customer.uuid()));
        page!(self, page, journal, select, |row| rows::read(
            row.body, "journal", row.id
        ))
    }

    async fn list_events(
        &self,
        filter: EventFilter,
        page: PageAsk,
    ) -> Result<Page<JournalEntry>, StoreError> {
        use journal::Column::{CustomerId, Event};
        let wanted = Condition::all()
            .add_option(filter.customer.map(|id| CustomerId.eq(id.uuid())))
            .add_option(filter.event.map(|event| Event.eq(event.as_str())));
        let select = journal::Entity::find().filter(wanted);
        page!(self, page, journal, select, |row| rows::read(
            row.body, "journal", row.id
        ))
    }

    async fn walk_inbox(
        &self,
        after: Option<InboxId>,
        limit: u16,
    ) -> Result<Vec<KeptDelivery>, StoreError> {
        let on = self.database().reader();
        Ok(self.read(|| kept::walk(on, after, limit)).await?)
    }

    async fn has_received(
        &self,
        account: &ProviderAccount,
        event_id: &str,
    ) -> Result<bool, StoreError> {
        let on = self.database().reader();
        Ok(self.read(|| kept::has(on, account, event_id)).await?)
    }

    async fn holdings(&self) -> Result<Vec<Holding>, StoreError> {
        let on = self.database().reader();
        Ok(self.read(|| holdings(on)).await?)
    }
}

fn owned(row: invoice::Model) -> Result<(CustomerId, Invoice), StoreError> {
    let owner = CustomerId::from(row.customer_id);
    Ok((owner, rows::read(row.body, "invoices", row.id)?))
}

async fn subscriptions<C: ConnectionTrait>(
    on: &C,
    ids: &[SubscriptionId],
) -> Result<Vec<Subscription>, Fault> {
    let held = subscription::Entity::find()
        .filter(subscription::Column::Id.is_in(ids.iter().map(|id| id.uuid())))
        .order_by_asc(subscription::Column::Id);
    let held = held.all(on).await?.into_iter();
    let held = held.map(|row| rows::read(row.body, "subscriptions", row.id));
    Ok(held.collect::<Result<_, StoreError>>()?)
}

async fn renewals<C: ConnectionTrait>(
    on: &C,
    ids: &[SubscriptionId],
) -> Result<Vec<(SubscriptionId, Invoice)>, Fault> {
    let ids = ids.iter().map(|id| id.uuid());
    let owed = invoice::Entity::find()
        .filter(invoice::Column::SubscriptionId.is_in(ids))
        .filter(invoice::Column::State.eq(state::OPEN))
        .filter(invoice::Column::Purpose.eq(purpose::RENEWAL))
        .order_by_asc(invoice::Column::Id);
    let owed = owed.all(on).await?.into_iter();
    // Of several the newest comes last, and stays.
    let owed: BTreeMap<_, _> = owed.map(|row| (row.subscription_id, row)).collect();
    let found = owed.into_values().filter_map(|row| {
        let invoice = owned(row).map(|(_, invoice)| invoice);
        invoice
            .map(|invoice| Some((invoice.subscription?, invoice)))
            .transpose()
    });
    Ok(found.collect::<Result<_, StoreError>>()?)
}

async fn holdings<C: ConnectionTrait>(on: &C) -> Result<Vec<Holding>, Fault> {
    let mut held: BTreeMap<(String, Option<String>), i64> = BTreeMap::new();
    let subscriptions = subscription::Entity::find()
        .select_only()
        .column(subscription::Column::Plan)
        .column(subscription::Column::Price)
        .column_as(subscription::Column::Id.count(), "holders")
        .filter(subscription::Column::Status.is_not_in(OVER))
        .group_by(subscription::Column::Plan)
        .group_by(subscription::Column::Price)
        .into_tuple::<(String, Option<String>, i64)>()
        .all(on)
        .await?;
    let grants = live_grants(on).await?;
    let grants = grants
        .into_iter()
        .map(|(plan, holders)| (plan, None, holders));
    for (plan, price, holders) in subscriptions.into_iter().chain(grants) {
        let count = held.entry((plan, price)).or_default();
        *count = count.saturating_add(holders);
    }
    let holdings = held.into_iter().map(|((plan, price), holders)| {
        let price = price.map(|price| rows::parsed(&price, "subscriptions", &plan));
        Ok(Holding {
            price: price.transpose()?,
            holders: u64::try_from(holders).unwrap_or(0),
            plan: rows::parsed(&plan, "subscriptions", &plan)?,
        })
    });
    holdings.collect()
}

/// Who holds grants that have not ended. There is no clock here: the newest
/// journal entry says how late it is.
async fn live_grants<C: ConnectionTrait>(on: &C) -> Result<Vec<(String, i64)>, Fault> {
    let latest: Option<DateTimeUtc> = journal::Entity::find()
        .select_only()
        .column(journal::Column::At)
        .order_by_desc(journal::Column::Id)
        .into_tuple()
        .one(on)
        .await?;
    let live = Condition::any()
        .add(grant::Column::EndsAt.is_null())
        .add_option(latest.map(|now| grant::Column::EndsAt.gt(now)));
    let rows = grant::Entity::find()
        .select_only()
        .column(grant::Column::Plan)
        .column_as(
            Expr::col((grant::Entity, grant::Column::CustomerId)).count_distinct(),
            "holders",
        )
        .group_by(grant::Column::Plan);
    // Before anything happened, no grant can be known to have ended.
    let rows = if latest.is_some() {
        rows.filter(live)
    } else {
        rows
    };
    Ok(rows.into_tuple().all(on).await?)
}
