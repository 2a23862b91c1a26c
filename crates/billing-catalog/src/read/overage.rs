//! Reading what use costs beyond what a plan includes.

use std::collections::BTreeMap;

use billing_domain::catalog::Path;
use billing_domain::entitlement::{FeatureKey, FeatureKind, Limit};
use billing_domain::money::Currency;
use billing_domain::usage::Overage;

use super::Reader;
use crate::tree::Entry;
use crate::values;

impl Reader {
    /// `overage` of a price in `currency`; `None`: it is not known, and the amounts
    /// cannot be judged.
    pub(super) fn overage(
        &mut self,
        entry: &Entry,
        at: &Path,
        currency: Option<Currency>,
    ) -> BTreeMap<FeatureKey, Overage> {
        let mut overage = BTreeMap::new();
        for (key, entry) in self.keyed::<FeatureKey>(&entry.node, at) {
            let Some(key) = key else { continue };
            let at = at.child(key.as_str());
            let of_bytes = matches!(self.kinds.get(&key), Some(Some(FeatureKind::Bytes)));
            if let Some(read) = self.one_overage(entry, &at, of_bytes, currency) {
                overage.insert(key, read);
            }
        }
        overage
    }

    fn one_overage(
        &mut self,
        entry: &Entry,
        at: &Path,
        of_bytes: bool,
        currency: Option<Currency>,
    ) -> Option<Overage> {
        let fields = self.fields(&entry.node, entry.key_mark, at, &["per", "amount"])?;
        let per = |text: &str| {
            let read = if of_bytes {
                values::size(text)
            } else {
                values::count(text)
            };
            match read? {
                Limit::AtMost(per) => Ok(per),
                Limit::Unlimited => Err("a number of pieces or bytes".to_owned()),
            }
        };
        let per = self.required(&fields, "per", per);
        let amount = if let Some(currency) = currency {
            self.required(&fields, "amount", |text| values::amount(text, currency))
        } else {
            self.broken.push(at.clone());
            None
        };
        Some(Overage {
            amount: amount?,
            per: per?,
        })
    }
}
