//! Discount codes and their uses.

use std::collections::BTreeMap;

use async_trait::async_trait;
use billing_domain::discount::DiscountCode;
use billing_domain::ids::{CheckoutId, DiscountCodeId};
use billing_domain::time::Timestamp;
use billing_ports::store::{CodeUses, Codes, Page, PageAsk, StoreError};

use super::reads::{cut, newest_first};
use super::{Call, MemoryStore};

/// All codes, each with its uses.
#[derive(Debug, Default)]
pub(super) struct Drawer {
    codes: BTreeMap<DiscountCodeId, DiscountCode>,
    uses: BTreeMap<(DiscountCodeId, CheckoutId), Use>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    Reserved(Timestamp),
    Counted,
}

impl Use {
    fn counts(self, now: Timestamp) -> bool {
        match self {
            Self::Reserved(until) => now < until,
            Self::Counted => true,
        }
    }
}

impl Drawer {
    fn live(&self, text: &str) -> Option<&DiscountCode> {
        let mut codes = self.codes.values();
        codes.find(|held| held.retired_at.is_none() && held.code == text)
    }

    fn counting(&self, id: DiscountCodeId, now: Timestamp) -> impl Iterator<Item = Use> {
        let uses = self.uses.iter().filter(move |((code, _), _)| *code == id);
        uses.map(|(_, held)| *held)
            .filter(move |held| held.counts(now))
    }

    fn count(&self, code: &DiscountCode, now: Timestamp) -> CodeUses {
        let mut counted = CodeUses {
            code: code.clone(),
            used: 0,
            reserved: 0,
        };
        for held in self.counting(code.id, now) {
            let place = match held {
                Use::Reserved(_) => &mut counted.reserved,
                Use::Counted => &mut counted.used,
            };
            *place = place.saturating_add(1);
        }
        counted
    }

    fn reserve(
        &mut self,
        id: DiscountCodeId,
        checkout: CheckoutId,
        until: Timestamp,
        now: Timestamp,
    ) -> bool {
        let Some(code) = self.codes.get(&id) else {
            return false;
        };
        let own = self.uses.get(&(id, checkout));
        if own.is_some_and(|held| held.counts(now)) {
            return true;
        }
        let taken = self.counting(id, now).count();
        let free = |allowed| usize::try_from(allowed).is_ok_and(|allowed| taken < allowed);
        if !code.max_uses.is_none_or(free) {
            return false;
        }
        self.uses.insert((id, checkout), Use::Reserved(until));
        true
    }

    fn settle(&mut self, id: DiscountCodeId, checkout: CheckoutId, used: bool) {
        let place = (id, checkout);
        if used {
            self.uses.insert(place, Use::Counted);
        } else if let Some(Use::Reserved(_)) = self.uses.get(&place) {
            self.uses.remove(&place);
        }
    }
}

#[async_trait]
impl Codes for MemoryStore {
    async fn create_code(&self, code: &DiscountCode) -> Result<bool, StoreError> {
        self.record(
            Call::Code,
            None,
            |made| *made,
            |state| {
                let drawer = &mut state.codes;
                let taken = code.retired_at.is_none() && drawer.live(&code.code).is_some();
                if taken || drawer.codes.contains_key(&code.id) {
                    return Ok(false);
                }
                drawer.codes.insert(code.id, code.clone());
                Ok(true)
            },
        )
    }

    async fn find_code(&self, text: &str) -> Result<Option<DiscountCode>, StoreError> {
        self.call(Call::Code, |state| Ok(state.codes.live(text).cloned()))
    }

    async fn list_codes(
        &self,
        page: PageAsk,
        now: Timestamp,
    ) -> Result<Page<CodeUses>, StoreError> {
        self.call(Call::Code, |state| {
            let drawer = &state.codes;
            let rows = newest_first(&drawer.codes, page).map(|(_, code)| code);
            Ok(cut(rows, page).map(|code| drawer.count(code, now)))
        })
    }

    async fn retire_code(&self, id: DiscountCodeId, now: Timestamp) -> Result<bool, StoreError> {
        self.record(
            Call::Code,
            None,
            |retired| *retired,
            |state| {
                let code = state.codes.codes.get_mut(&id);
                let Some(code) = code.filter(|held| held.retired_at.is_none()) else {
                    return Ok(false);
                };
                code.retired_at = Some(now);
                Ok(true)
            },
        )
    }

    async fn reserve_code(
        &self,
        id: DiscountCodeId,
        checkout: CheckoutId,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.call(Call::Code, |state| {
            Ok(state.codes.reserve(id, checkout, until, now))
        })
    }

    async fn settle_code(
        &self,
        id: DiscountCodeId,
        checkout: CheckoutId,
        used: bool,
    ) -> Result<(), StoreError> {
        self.call(Call::Code, |state| {
            state.codes.settle(id, checkout, used);
            Ok(())
        })
    }
}
