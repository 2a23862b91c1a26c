//! The provider's world: a synchronous state machine over its objects.
//!
//! Every method is given `now`. It knows no clock, no lock, no file and no
//! network; what it changed is remembered until somebody has written it down.

mod back;
mod change;
mod credit;
mod events;
mod facts;
mod objects;
mod orders;
mod pay;
mod quote;
mod resume;
mod schedule;
mod settle;
mod shelf;
mod subscribe;

use std::collections::{BTreeMap, BTreeSet};

use billing_domain::provider::ProviderAccount;
use billing_domain::time::{Timestamp, shifted, to_micros};
use jiff::SignedDuration;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub(crate) use back::Back;
pub use events::EventState;
pub(crate) use events::{DeliveryTry, Event};
pub(crate) use objects::{
    Call, Checkout, CheckoutState, Confirming, Costs, Counters, Customer, Invoice, InvoiceFor,
    InvoiceState, Outcome, Payment, Phase, Subscription,
};
pub use pay::Paying;

use crate::options::{Mode, Settlement};

/// What a world is told once.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    /// Which account it plays.
    pub(crate) account: ProviderAccount,
    /// Who runs the schedule.
    pub(crate) mode: Mode,
    /// The currency that is collected, where it is another than the listed one.
    pub(crate) settles: Option<Settlement>,
    /// Where its pages are, without a slash at the end.
    pub(crate) base_url: String,
}

/// A kind of object in the books.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Counters,
    Customer,
    Checkout,
    Subscription,
    Invoice,
    Payment,
    Call,
    Event,
}

/// An object that the books keep.
pub(crate) trait Kept: Serialize + DeserializeOwned + Clone {
    const KIND: Kind;
    fn id(&self) -> &str;
    fn shelf(world: &World) -> &BTreeMap<String, Self>;
    fn shelf_mut(world: &mut World) -> &mut BTreeMap<String, Self>;
    /// What it is looked up by besides its id. Never changes. `None`: nothing.
    fn found_by(&self) -> Option<String> {
        None
    }
    /// When the world has to look at it again by itself.
    fn due(&self) -> Option<Timestamp> {
        None
    }
}

/// All objects, and what falls due when.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) rules: Rules,
    pub(crate) counters: Counters,
    pub(crate) customers: BTreeMap<String, Customer>,
    pub(crate) checkouts: BTreeMap<String, Checkout>,
    pub(crate) subscriptions: BTreeMap<String, Subscription>,
    pub(crate) invoices: BTreeMap<String, Invoice>,
    pub(crate) payments: BTreeMap<String, Payment>,
    pub(crate) calls: BTreeMap<String, Call>,
    pub(crate) events: BTreeMap<String, Event>,
    /// Objects by what they are looked up by.
    found: BTreeSet<(Kind, String, String)>,
    /// What the world does by itself, by instant.
    dues: BTreeSet<(Timestamp, Kind, String)>,
    /// Events that wait to be sent, by instant.
    outgoing: BTreeSet<(Timestamp, String)>,
    /// What differs from what was last written down.
    changed: BTreeSet<(Kind, String)>,
}

impl World {
    pub(crate) const fn new(rules: Rules) -> Self {
        Self {
            rules,
            counters: Counters::NONE,
            customers: BTreeMap::new(),
            checkouts: BTreeMap::new(),
            subscriptions: BTreeMap::new(),
            invoices: BTreeMap::new(),
            payments: BTreeMap::new(),
            calls: BTreeMap::new(),
            events: BTreeMap::new(),
            found: BTreeSet::new(),
            dues: BTreeSet::new(),
            outgoing: BTreeSet::new(),
            changed: BTreeSet::new(),
        }
    }

    /// A copy of an object. `None`: there is no such object.
    pub(crate) fn get<T: Kept>(&self, id: &str) -> Option<T> {
        T::shelf(self).get(id).cloned()
    }

    /// The objects that are looked up by this, oldest first.
    pub(crate) fn find<'a, T: Kept + 'a>(
        &'a self,
        by: &str,
    ) -> impl DoubleEndedIterator<Item = &'a T> {
        // Every id sorts before `~`.
        let bound = |end: &str| (T::KIND, by.to_owned(), end.to_owned());
        self.found
            .range(bound("")..bound("~"))
            .filter_map(|(_, _, id)| T::shelf(self).get(id))
    }

    /// Puts an object in its place, and notes when it falls due.
    pub(crate) fn put<T: Kept>(&mut self, object: T) {
        self.changed.insert((T::KIND, object.id().to_owned()));
        self.restore(object);
    }

    /// Puts back an object that was read from the books.
    pub(crate) fn restore<T: Kept>(&mut self, object: T) {
        let id = object.id().to_owned();
        let before = T::shelf(self).get(&id).and_then(T::due);
        let after = object.due();
        let found_by = object.found_by();
        self.found
            .extend(found_by.map(|by| (T::KIND, by, id.clone())));
        T::shelf_mut(self).insert(id.clone(), object);
        self.reschedule(T::KIND, &id, before, after);
    }

    /// Takes an object away for good.
    pub(crate) fn remove<T: Kept>(&mut self, id: &str) {
        if let Some(object) = T::shelf_mut(self).remove(id) {
            self.reschedule(T::KIND, id, object.due(), None);
            if let Some(by) = object.found_by() {
                self.found.remove(&(T::KIND, by, id.to_owned()));
            }
            self.changed.insert((T::KIND, id.to_owned()));
        }
    }

    fn reschedule(
        &mut self,
        kind: Kind,
        id: &str,
        before: Option<Timestamp>,
        after: Option<Timestamp>,
    ) {
        if kind == Kind::Event {
            if let Some(at) = before {
                self.outgoing.remove(&(at, id.to_owned()));
            }
            self.outgoing.extend(after.map(|at| (at, id.to_owned())));
        } else {
            if let Some(at) = before {
                self.dues.remove(&(at, kind, id.to_owned()));
            }
            self.dues.extend(after.map(|at| (at, kind, id.to_owned())));
        }
    }

    /// When the world or its post has something to do next. `None`: never.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        let own = self.dues.first().map(|(at, _, _)| *at);
        let post = self.outgoing.first().map(|(at, _)| *at);
        own.into_iter().chain(post).min()
    }

    /// What was changed since [`World::written`].
    pub(crate) const fn changed(&self) -> &BTreeSet<(Kind, String)> {
        &self.changed
    }

    /// Forgets that these were changed.
    pub(crate) fn written(&mut self, rows: &BTreeSet<(Kind, String)>) {
        if self.changed == *rows {
            self.changed.clear();
        } else {
            self.changed.retain(|row| !rows.contains(row));
        }
    }

    /// A new id: `sbx_chk_000001`.
    pub(crate) fn draw_id(&mut self, kind: Kind) -> String {
        self.changed.insert((Kind::Counters, String::new()));
        let (word, counter) = match kind {
            Kind::Customer => ("cus", &mut self.counters.customers),
            Kind::Checkout => ("chk", &mut self.counters.checkouts),
            Kind::Subscription => ("sub", &mut self.counters.subscriptions),
            Kind::Invoice => ("inv", &mut self.counters.invoices),
            Kind::Payment => ("pay", &mut self.counters.payments),
            Kind::Event | Kind::Call | Kind::Counters => ("evt", &mut self.counters.events),
        };
        *counter = counter.saturating_add(1);
        format!("sbx_{word}_{counter:06}")
    }
}

/// The instant of a change: `now`, and always later than the object's last one,
/// so that snapshots of one object can be ordered by it.
pub(crate) fn stamp(last: Option<Timestamp>, now: Timestamp) -> Timestamp {
    let now = to_micros(now);
    match last {
        Some(last) => now.max(shifted(last, SignedDuration::from_micros(1))),
        None => now,
    }
}
