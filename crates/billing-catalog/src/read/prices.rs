//! Reading the prices of a plan.

use billing_domain::catalog::{Billing, Path, PlanKey, Price, PriceKey, ProviderKey};
use billing_domain::money::{Currency, Money};
use billing_domain::time::{Interval, Timestamp};

use super::fields::Fields;
use super::{KNOWN_PROVIDERS, Reader};
use crate::tree::Entry;
use crate::values;

const FIELDS: [&str; 8] = [
    "amount", "currency", "interval", "name", "retired", "lock", "lead", "overage",
];

impl Reader {
    pub(super) fn prices(&mut self, plan: &PlanKey, entry: &Entry, at: &Path) -> Vec<Price> {
        let mut prices = Vec::new();
        for (key, entry) in self.keyed::<PriceKey>(&entry.node, at) {
            // A price without a key is read for its mistakes and not kept.
            let at = key
                .as_ref()
                .map_or_else(|| at.clone(), |key| at.child(key.as_str()));
            let Some(stand_in) = key.clone().or_else(|| PriceKey::new("unnamed").ok()) else {
                continue;
            };
            let price = self.price(stand_in, plan.clone(), entry, &at);
            if key.is_some() {
                prices.push(price);
            }
        }
        prices
    }

    fn price(&mut self, key: PriceKey, plan: PlanKey, entry: &Entry, at: &Path) -> Price {
        let nothing = Money::zero(self.currency.unwrap_or(Currency::USD));
        let monthly = Billing::Recurring(Interval::MONTH);
        let mut price = Price::new(key, plan, nothing, monthly);
        let known: Vec<&str> = FIELDS.into_iter().chain(KNOWN_PROVIDERS).collect();
        let Some(fields) = self.fields(&entry.node, entry.key_mark, at, &known) else {
            return price;
        };
        let amount = self.amount(&fields);
        let priced = amount.is_some();
        if let Some(amount) = amount {
            price.amount = amount;
        }
        if let Some(interval) = self.required(&fields, "interval", values::interval) {
            price.interval = interval;
        } else {
            // Both are judged by the interval, which is not known.
            self.broken.push(at.child("lead"));
            self.broken.push(at.child("overage"));
        }
        if fields.get("name").is_some() {
            price.name = self.optional_text(&fields, "name");
        }
        price.retired = self.retired(&fields);
        if let Some(entry) = fields.get("lock") {
            price.lock = self.lock(entry, &at.child("lock"));
        }
        price.lead = self.optional_duration(&fields, "lead").unwrap_or_default();
        if let Some(entry) = fields.get("overage") {
            let currency = priced.then_some(price.amount.currency);
            price.overage = self.overage(entry, &at.child("overage"), currency);
        }
        for entry in fields.others(&FIELDS) {
            if let Ok(provider) = ProviderKey::new(entry.key.as_str())
                && KNOWN_PROVIDERS.contains(&provider.as_str())
                && let Some(reference) = self.optional_text(&fields, provider.as_str())
            {
                price.provider_refs.insert(provider, reference);
            }
        }
        price
    }

    fn amount(&mut self, fields: &Fields<'_>) -> Option<Money> {
        let currency = match fields.get("currency") {
            Some(_) => self.optional(fields, "currency", values::currency),
            None => self.currency,
        };
        if let Some(currency) = currency {
            return self.required(fields, "amount", |text| values::amount(text, currency));
        }
        // Decimals cannot be judged without the currency, presence can.
        self.broken.push(fields.at.child("amount"));
        if fields.get("amount").is_none() {
            self.missing(fields, "amount");
        }
        None
    }

    /// The instant of retirement; one that cannot be read counts as long ago,
    /// so that what rests on a retirement is not called wrong.
    pub(super) fn retired(&mut self, fields: &Fields<'_>) -> Option<Timestamp> {
        fields.get("retired")?;
        let read = self.optional(fields, "retired", values::date);
        Some(read.unwrap_or(Timestamp::UNIX_EPOCH))
    }
}
