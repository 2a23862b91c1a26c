//! A notifier that remembers what it was told, and fails when told to. What it is told must be
//! as its event says: whatever a test has happen proves the table that receivers read.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use billing_domain::ids::EffectId;
use billing_domain::journal::{Event, JournalEntry};
use billing_ports::{Notifier, NotifyError};

/// A notifier that remembers what it was told. Its clones share one memory.
#[derive(Debug, Clone, Default)]
pub struct RecordingNotifier {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    order: Vec<EffectId>,
    told: BTreeMap<EffectId, Told>,
    failures_to_come: u32,
}

/// One delivery, as it was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// What happened, in order, as told the first time.
    pub entries: Vec<JournalEntry>,
    /// How often it was told with success; above 1 are repetitions.
    pub times: u32,
    /// Whether a repetition under this id ever said something else than the
    /// first time, which a receiver that drops repetitions would have lost.
    pub contradicted: bool,
}

impl RecordingNotifier {
    /// A notifier that was told nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Fails the next `count` calls; nothing of them is remembered.
    pub fn fail_next(&self, count: u32) {
        self.lock().failures_to_come = count;
    }

    /// One delivery. `None`: it was never told with success.
    #[must_use]
    pub fn delivery(&self, id: EffectId) -> Option<Told> {
        self.lock().told.get(&id).cloned()
    }

    /// Every delivery once, in the order in which each was first told.
    #[must_use]
    pub fn deliveries(&self) -> Vec<(EffectId, Told)> {
        let inner = self.lock();
        inner
            .order
            .iter()
            .filter_map(|id| inner.told.get(id).map(|told| (*id, told.clone())))
            .collect()
    }

    /// What happened, repetitions left out, in the order of first telling.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        let entries = self.deliveries().into_iter();
        entries
            .flat_map(|(_, told)| told.entries)
            .map(|entry| entry.event)
            .collect()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Notifier for RecordingNotifier {
    async fn notify(
        &self,
        delivery: EffectId,
        entries: &[JournalEntry],
    ) -> Result<(), NotifyError> {
        for entry in entries {
            assert_eq!(entry.unlike_its_event(), None, "{entry:?}");
        }
        let mut inner = self.lock();
        if let Some(left) = inner.failures_to_come.checked_sub(1) {
            inner.failures_to_come = left;
            return Err(NotifyError::Failed("told to fail".to_owned()));
        }
        if let Some(told) = inner.told.get_mut(&delivery) {
            told.times = told.times.saturating_add(1);
            told.contradicted |= told.entries != entries;
        } else {
            inner.order.push(delivery);
            let told = Told {
                entries: entries.to_vec(),
                times: 1,
                contradicted: false,
            };
            inner.told.insert(delivery, told);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::Maker;

    /// Of a new customer, which is all that there is to say.
    fn created(make: &mut Maker) -> JournalEntry {
        let customer = make.id();
        JournalEntry {
            subscription: None,
            invoice: None,
            checkout: None,
            grant: None,
            change: None,
            license: None,
            money: None,
            renewal: None,
            note: None,
            ..make.journal(customer, Event::CustomerCreated)
        }
    }

    #[tokio::test]
    #[should_panic(expected = "Some(Checkout)")]
    async fn what_an_event_never_says_is_refused() {
        let mut make = Maker::new(1);
        let mut entry = created(&mut make);
        entry.checkout = Some(make.id());
        let notifier = RecordingNotifier::new();
        notifier.notify(make.id(), &[entry]).await.unwrap();
    }

    #[tokio::test]
    #[should_panic(expected = "Some(Invoice)")]
    async fn what_lacks_what_its_event_always_says_is_refused() {
        let mut make = Maker::new(1);
        let mut entry = created(&mut make);
        entry.event = Event::InvoiceVoided;
        let notifier = RecordingNotifier::new();
        notifier.notify(make.id(), &[entry]).await.unwrap();
    }

    #[tokio::test]
    async fn repetitions_are_told_apart_and_failures_forgotten() {
        let mut make = Maker::new(1);
        let entry = created(&mut make);
        let id = make.id();
        let notifier = RecordingNotifier::new();
        notifier.fail_next(1);
        assert!(
            notifier
                .notify(id, std::slice::from_ref(&entry))
                .await
                .is_err()
        );
        assert_eq!(notifier.delivery(id), None);
        notifier
            .notify(id, std::slice::from_ref(&entry))
            .await
            .unwrap();
        notifier.clone().notify(id, &[entry]).await.unwrap();
        let told = notifier.delivery(id).unwrap();
        assert_eq!((told.times, told.contradicted), (2, false));
        notifier.notify(id, &[]).await.unwrap();
        assert!(notifier.delivery(id).unwrap().contradicted);
        assert_eq!(notifier.events(), [Event::CustomerCreated]);
    }
}
