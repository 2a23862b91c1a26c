//! Refunds and disputes: told as they go on, on both schedules.

use billing_domain::fact::{DisputeState, Fact, RefundState};
use billing_domain::invoice::ReturnKind;
use billing_domain::provider::{ProviderRef, RefKind};
use billing_ports::PaymentProvider;

use super::{Rig, account, usd};
use crate::{Mode, TestCard};

const BOTH: [Mode; 2] = [
    Mode::OwnSchedule,
    Mode::EngineSchedule { saves_cards: true },
];

/// A rig with one paid checkout, and the sandbox's id of it.
async fn bought(mode: Mode) -> (Rig, String) {
    let mut rig = Rig::new(mode, "2026-01-01");
    let customer = rig.customer();
    let checkout = rig.checkout(customer);
    let page = rig.open(&checkout).await;
    rig.sandbox.pay(&page, TestCard::Pays, None).await.unwrap();
    rig.pump().await;
    rig.told();
    (rig, page)
}

#[tokio::test]
async fn a_refund_is_told_as_it_goes_on() {
    for mode in BOTH {
        let (mut rig, page) = bought(mode).await;
        let pending = RefundState::Pending;
        let part = rig.sandbox.refund(&page, Some(usd(500)), pending).await;
        let part = part.unwrap().unwrap();
        assert!(
            rig.sandbox
                .refund_moves(&part, RefundState::Done)
                .await
                .unwrap()
        );
        let rest = rig.sandbox.refund(&page, None, RefundState::Done).await;
        assert!(rest.unwrap().is_some());
        // Nothing is left.
        let more = rig.sandbox.refund(&page, None, RefundState::Done).await;
        assert_eq!(more.unwrap(), None);
        rig.pump().await;
        let told: Vec<_> = rig
            .told_facts()
            .into_iter()
            .map(|observed| match observed.fact {
                Fact::RefundSeen(seen) => (seen.amount, seen.state),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(
            told,
            [
                (usd(500), RefundState::Pending),
                (usd(500), RefundState::Done),
                (usd(1500), RefundState::Done),
            ]
        );
    }
}

#[tokio::test]
async fn a_dispute_is_opened_and_decided_and_can_be_read() {
    for mode in BOTH {
        let (mut rig, page) = bought(mode).await;
        let dispute = rig.sandbox.dispute(&page, None).await.unwrap().unwrap();
        assert!(rig.sandbox.dispute_ends(&dispute, false).await.unwrap());
        assert!(!rig.sandbox.dispute_ends("sbx_none", true).await.unwrap());
        let payments = rig.sandbox.books().payments;
        let (payment, entry) = payments.first_key_value().unwrap();
        assert_eq!(entry.back[0].kind, ReturnKind::Dispute(DisputeState::Lost));
        let object = ProviderRef {
            account: account(),
            kind: RefKind::Payment,
            id: payment.clone(),
        };
        let read = rig.sandbox.read(&object).await.unwrap();
        let [observed] = &read[..] else {
            panic!("{read:?}");
        };
        let Fact::DisputeSeen(seen) = &observed.fact else {
            panic!("{observed:?}");
        };
        assert_eq!((seen.amount, seen.state), (usd(2000), DisputeState::Lost));
        assert!(seen.of.contains(payment));
        rig.pump().await;
        let told = rig.told();
        let kinds: Vec<_> = told
            .iter()
            .filter_map(|line| line.split(':').next())
            .collect();
        assert_eq!(kinds, ["dispute.opened", "dispute.closed"]);
    }
}

#[tokio::test]
async fn what_was_not_paid_does_not_go_back() {
    let (rig, page) = bought(Mode::OwnSchedule).await;
    for (paid, amount) in [
        (page.as_str(), Some(usd(2001))),
        (page.as_str(), Some(usd(0))),
        ("sbx_pay_999999", None),
    ] {
        let refund = rig.sandbox.refund(paid, amount, RefundState::Done).await;
        assert_eq!(refund.unwrap(), None, "{paid} {amount:?}");
    }
}
