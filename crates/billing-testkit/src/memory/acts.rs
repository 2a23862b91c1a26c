//! Acts of operators, each kept with the first thing that it wrote.

use std::sync::Arc;

use async_trait::async_trait;
use billing_ports::Store;
use billing_ports::store::{Act, ActFilter, Acts, KeptAct, Page, PageAsk, StoreError};

use super::reads::{cut, newest_first};
use super::{Call, MemoryStore};

#[async_trait]
impl Acts for MemoryStore {
    fn recording(&self, act: Act) -> Arc<dyn Store> {
        Arc::new(Self {
            inner: Arc::clone(&self.inner),
            act: Some(Arc::new(act)),
        })
    }

    async fn list_acts(
        &self,
        filter: &ActFilter,
        page: PageAsk,
    ) -> Result<Page<KeptAct>, StoreError> {
        self.call(Call::Read, |state| {
            let rows = newest_first(&state.acts, page).map(|(_, held)| held);
            let rows = rows.filter(|held| {
                let customer = filter.customer.is_none_or(|id| held.customer == Some(id));
                let actor = filter.actor.as_ref();
                customer && actor.is_none_or(|actor| held.act.actor == *actor)
            });
            Ok(cut(rows, page).map(Clone::clone))
        })
    }
}
