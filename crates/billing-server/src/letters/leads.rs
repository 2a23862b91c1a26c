//! Where the letter of a renewal leads in a server that has no pages of its own.

use std::sync::Arc;

use billing_domain::invoice::Purpose;
use billing_domain::journal::Event;
use billing_domain::time::shifted;
use billing_engine::Billing;
use billing_notify::Carried;
use billing_ports::Clock as _;
use billing_ports::store::Ring as _;
use billing_testkit::fixtures::{Maker, creation};
use billing_testkit::{ManualClock, MemoryStore, RecordingMailer, SeededIds};
use jiff::SignedDuration;

use super::LetterOptions;
use crate::state::{ApiOptions, AppState};

#[tokio::test]
async fn a_renewal_s_letter_leads_to_the_page_that_there_is_now() {
    for page in [Some("https://pay.example/new"), None] {
        let mut make = Maker::new(1);
        let mut account = make.subscriber();
        let clock = ManualClock::new(account.customer.joined_at);
        account.customer.email = Some("ana@example.com".to_owned());
        let held = account.subscriptions[0].id;
        let mut open = make.invoice(Purpose::Renewal, Some(held));
        open.pay_url = page.map(str::to_owned);
        let mut told = make.journal(account.customer.id, Event::SubscriptionRenewalDue);
        told.invoice = Some(open.id);
        told.note = Some("https://pay.example/closed".to_owned());
        let owed = told.renewal.as_mut().unwrap();
        owed.grace_ends_at = shifted(clock.now(), SignedDuration::from_hours(24));
        account.put_invoice(open);

        let store = Arc::new(MemoryStore::new());
        let commit = creation(&account, clock.now());
        store.commit(commit).await.unwrap();
        let ids = Arc::new(SeededIds::new(1));
        let billing = Billing::builder(store, Arc::new(clock), Arc::clone(&ids) as _).build();
        let mailer = RecordingMailer::new();
        let state = AppState::new(billing.unwrap(), ids, ApiOptions::default())
            .with_mailer(Arc::new(mailer.clone()));
        let letters = state.letters(LetterOptions::default()).unwrap();
        let carried = letters.carry(&told).await;
        match page {
            Some(page) => {
                assert_eq!(carried, Carried::Done);
                let text = mailer.sent().pop().unwrap().text;
                assert!(text.contains(page) && !text.contains("closed"), "{text}");
            }
            // Another is being made: the letter waits for it.
            None => assert!(matches!(carried, Carried::Again { .. }), "{carried:?}"),
        }
    }
}
