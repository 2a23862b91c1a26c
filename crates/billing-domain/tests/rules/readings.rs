//! What is read of a page says how it stood when it was read. Readings are decided in any
//! order, and an older one never undoes a newer: every order ends in the same state.

use billing_domain::catalog::CatchUp;
use billing_domain::fact::{Fact, Link, Observed};
use billing_domain::ids::InvoiceId;
use billing_domain::invoice::{Invoice, Unpayable};
use billing_domain::parked::ParkReason;
use billing_domain::provider::{ProviderRef, RefKind};
use billing_domain::subscription::{Status, Subscription};
use billing_domain::time::Timestamp;

use crate::common::{World, at, provider, terms, usd};

const PAGE: &str = "page";

/// When the money was seen: in time.
const SEEN: &str = "2026-02-02T12:00:00Z";

/// Due on 1 February, and nothing is known of its page.
fn invoiced() -> (World, InvoiceId) {
    let mut world = World::bought(terms("pro-monthly"));
    world.tick("2026-02-01");
    world.forget();
    let invoice = world.open_invoice().unwrap().id;
    (world, invoice)
}

/// One look at the page, and how it stood.
#[derive(Debug, Clone, Copy)]
enum Read {
    Opened(&'static str),
    Pending(&'static str),
    Paid,
    /// It had closed some time before it was looked at.
    Expired(&'static str),
    Invalid(&'static str),
    Settled(&'static str),
}

impl Read {
    fn told(self, invoice: InvoiceId) -> Vec<Observed> {
        let paid = (
            Fact::InvoicePaid {
                invoice,
                payment: PAGE.to_owned(),
                amount: usd(1_000),
                conversion: None,
                parts: Vec::new(),
            },
            at(SEEN),
        );
        let closed = |at: Timestamp, read_at| Fact::InvoiceClosed {
            invoice,
            reference: PAGE.to_owned(),
            read_at: Some(at.max(read_at)),
        };
        let (payment, of) = (PAGE.to_owned(), Some(invoice));
        let facts = match self {
            Self::Opened(read) => vec![(
                Fact::InvoiceOpened {
                    invoice,
                    reference: PAGE.to_owned(),
                    pay_url: None,
                    conversion: None,
                },
                at(read),
            )],
            Self::Pending(read) => vec![(
                Fact::PaymentPending {
                    invoice,
                    until: at("2026-02-12"),
                    seen: Some(at(SEEN)),
                },
                at(read),
            )],
            Self::Paid => vec![paid],
            Self::Expired(read) => {
                let ran_out = at("2026-02-04");
                vec![(closed(ran_out, at(read)), ran_out)]
            }
            Self::Invalid(read) => vec![
                (Fact::PaymentReversed { payment, of }, at(read)),
                (closed(at(read), at(read)), at(read)),
            ],
            Self::Settled(read) => vec![(Fact::PaymentUpheld { payment, of }, at(read)), paid],
        };
        let link = Link {
            refs: vec![ProviderRef {
                account: provider(),
                kind: RefKind::Invoice,
                id: PAGE.to_owned(),
            }],
            ..Link::default()
        };
        let told = facts.into_iter().map(|(fact, at)| Observed {
            fact,
            at,
            link: link.clone(),
        });
        told.collect()
    }
}

fn orders(count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![Vec::new()];
    }
    let shorter = orders(count - 1).into_iter();
    let longer = shorter.flat_map(|order| {
        (0..count).map(move |place| {
            let mut order = order.clone();
            order.insert(place, count - 1);
            order
        })
    });
    longer.collect()
}

/// What is kept, but for what is told of pages that nobody has to pay at any more.
fn kept(world: &World, invoice: InvoiceId) -> (Subscription, Invoice, Option<Timestamp>) {
    let mut held = world.account.invoice(invoice).unwrap().clone();
    let awaits = held.awaits();
    held.awaited.clear();
    held.said.clear();
    held.returned.retain(|returned| returned.kind.is_gone());
    for payment in &mut held.payments {
        payment.said_at = None;
    }
    if !held.is_open() {
        held.attempt = 1;
        held.paged_at = None;
        held.reference = None;
        held.unpayable = Unpayable::default();
    }
    let mut sub = world.sub().clone();
    // When it was called to mind is when somebody looked.
    sub.reminded = None;
    (sub, held, awaits)
}

#[test]
fn readings_of_a_page_end_alike_in_whatever_order_they_are_decided() {
    use Read::{Expired, Invalid, Opened, Paid, Pending, Settled};
    let opened = Opened("2026-02-01T01:00:00Z");
    let pending = Pending("2026-02-02T13:00:00Z");
    let gone = Opened("2026-02-03");
    let expired = Expired("2026-02-05");
    let invalid = Invalid("2026-02-04");
    let settled = Settled("2026-02-05");
    for (told, status, gives, waits, pages) in [
        (&[opened, gone][..], Status::PastDue, true, false, 0),
        (&[opened, pending], Status::PastDue, true, true, 0),
        (&[opened, pending, gone], Status::PastDue, true, false, 0),
        (
            &[opened, pending, gone, Paid],
            Status::Active,
            true,
            false,
            0,
        ),
        (&[opened, pending, expired], Status::PastDue, true, false, 1),
        // Money came to it when it had closed.
        (
            &[opened, expired, Pending("2026-02-06")],
            Status::PastDue,
            true,
            true,
            1,
        ),
        (&[opened, pending, Paid], Status::Active, true, false, 0),
        (
            &[opened, pending, Paid, invalid],
            Status::Active,
            false,
            false,
            0,
        ),
        (
            &[pending, Paid, invalid, settled],
            Status::Active,
            true,
            false,
            0,
        ),
        (
            &[Paid, invalid, settled, Invalid("2026-02-06")],
            Status::Active,
            false,
            false,
            0,
        ),
    ] {
        let mut ends = None;
        for order in orders(told.len()) {
            for worker_runs in [false, true] {
                let row = format!("{told:?} in the order {order:?}, worker {worker_runs}");
                let (mut world, invoice) = invoiced();
                for (minute, place) in order.iter().enumerate() {
                    world.now = at(&format!("2026-02-07T00:0{minute}:00Z"));
                    for observed in told[*place].told(invoice) {
                        world.observe(&observed);
                        world.observe(&observed);
                    }
                    if worker_runs {
                        world.fall_due(CatchUp::Current);
                    }
                }
                world.tick("2026-02-07T00:09:00Z");
                assert_eq!(world.status(), status, "{row}");
                assert_eq!(world.gives_access("2026-02-07T00:09:00Z"), gives, "{row}");
                let kept = kept(&world, invoice);
                assert_eq!(kept.2.is_some(), waits, "{row}");
                let due_at = world.sub().times.due_at;
                let first = (status == Status::PastDue).then_some(at("2026-02-01T01:00:00Z"));
                assert_eq!(due_at, first, "{row}");
                if pages > 0 {
                    assert_eq!(world.orders.len(), pages, "{row}: {:?}", world.orders);
                }
                assert_eq!(*ends.get_or_insert(kept.clone()), kept, "{row}");
                assert_eq!(world.parked, [] as [ParkReason; 0], "{row}");
            }
        }
    }
}

#[test]
fn a_page_that_has_closed_is_not_the_other_one_that_is_made() {
    let (mut world, invoice) = invoiced();
    world.go("2026-02-03");
    for read in [
        Read::Opened("2026-02-01T01:00:00Z"),
        Read::Expired("2026-02-05"),
    ] {
        for observed in read.told(invoice) {
            world.observe(&observed);
        }
    }
    // Read before it closed, and decided after.
    for observed in Read::Opened("2026-02-03").told(invoice) {
        world.observe(&observed);
    }
    assert_eq!(world.open_invoice().unwrap().reference, None);
    world.go("2026-02-04T01:00:00Z");
    world.tell(Fact::InvoiceOpened {
        invoice,
        reference: "second".to_owned(),
        pay_url: None,
        conversion: None,
    });
    let held = world.open_invoice().unwrap();
    assert_eq!(held.reference.as_deref(), Some("second"));
}
