//! Money that comes in several transactions: told in parts, as a whole, again, and with
//! more to come. Each transaction counts once.

use billing_domain::fact::{CheckoutPayment, Fact, PaymentPart};
use billing_domain::ids::InvoiceId;
use billing_domain::invoice::{Invoice, Payment};
use billing_domain::money::{Currency, Money};
use billing_domain::parked::ParkReason;
use billing_domain::subscription::Status;
use billing_domain::time::Timestamp;

use crate::common::{World, at, terms, usd};

/// What the page of the invoice goes by, at its provider.
const PAGE: &str = "page-of-the-cycle";

/// A transaction: its id, its cents, its instant.
type Transaction = (&'static str, i64, &'static str);

/// What is owed is 10.00.
const FIRST: Transaction = ("tx-a", 400, "2026-02-01T01:00:00Z");
const SECOND: Transaction = ("tx-b", 600, "2026-02-01T02:00:00Z");
const EXTRA: Transaction = ("tx-c", 300, "2026-02-01T03:00:00Z");

fn part((id, cents, when): Transaction) -> PaymentPart {
    PaymentPart {
        id: id.to_owned(),
        amount: usd(cents),
        at: at(when),
        vouched: false,
    }
}

fn sum(parts: &[Transaction]) -> Money {
    usd(parts.iter().map(|(_, cents, _)| cents).sum())
}

fn last(parts: &[Transaction]) -> Timestamp {
    at(parts.last().unwrap().2)
}

/// A telling: one transaction by its own name, or several as the page's whole.
#[derive(Debug, Clone, Copy)]
enum Told {
    Alone(Transaction),
    Whole(&'static [Transaction]),
}

use Told::{Alone, Whole};

fn tell(world: &mut World, invoice: InvoiceId, told: Told) {
    let (payment, parts): (&str, &[Transaction]) = match &told {
        Alone(one) => (one.0, std::slice::from_ref(one)),
        Whole(parts) => (PAGE, parts),
    };
    let made_of = match told {
        Alone(_) => Vec::new(),
        Whole(parts) => parts.iter().copied().map(part).collect(),
    };
    let fact = Fact::InvoicePaid {
        invoice,
        payment: payment.to_owned(),
        amount: sum(parts),
        conversion: None,
        parts: made_of,
    };
    world.tell_of(last(parts), fact);
}

/// How the invoice stands when its money is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stands {
    Open,
    Settled,
    Lapsed,
    Void,
}

impl Stands {
    const ALL: [Self; 4] = [Self::Open, Self::Settled, Self::Lapsed, Self::Void];

    fn world(self) -> (World, InvoiceId) {
        let mut world = World::bought(terms("pro-monthly"));
        world.tick("2026-02-01");
        let invoice = world.link();
        match self {
            Self::Open => world.go("2026-02-02"),
            Self::Settled => {
                world.pay_as(invoice, "another page", usd(1_000), at("2026-02-01"));
                world.go("2026-02-02");
            }
            // Nobody looked before the grace was over.
            Self::Lapsed => world.tick("2026-02-20"),
            Self::Void => {
                world.cancel(billing_domain::decide::CancelWhen::AtOnce);
                world.go("2026-02-02");
            }
        }
        world.forget();
        (world, invoice)
    }
}

fn held(world: &World, invoice: InvoiceId) -> &Invoice {
    world.account.invoice(invoice).unwrap()
}

fn of_the_page(world: &World, invoice: InvoiceId) -> Vec<&Payment> {
    let payments = held(world, invoice).payments.iter();
    let mut payments: Vec<_> = payments
        .filter(|it| it.reference != "another page")
        .collect();
    payments.sort_by_key(|payment| &payment.reference);
    payments
}

fn balance(world: &World) -> i64 {
    world.account.customer.balance(Currency::USD).amount
}

/// What is kept of the money, but for the order in which it was told, and for ids drawn on
/// the way.
fn kept(world: &World, invoice: InvoiceId) -> (Vec<Payment>, Vec<bool>, i64, Status) {
    let mut payments: Vec<Payment> = of_the_page(world, invoice).into_iter().cloned().collect();
    let parked = payments.iter_mut().map(|it| it.parked.take().is_some());
    let parked = parked.collect();
    (payments, parked, balance(world), world.status())
}

fn orders(told: &[Told]) -> Vec<Vec<Told>> {
    if told.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for (place, first) in told.iter().enumerate() {
        let mut rest = told.to_vec();
        rest.remove(place);
        for mut order in orders(&rest) {
            order.insert(0, *first);
            all.push(order);
        }
    }
    all
}

/// Tells all of it in every order, once and twice: the same is kept each time.
fn in_every_order(stands: Stands, told: &[Told]) -> (World, InvoiceId) {
    let mut first = None;
    let mut last = None;
    for order in orders(told) {
        for times in [1, 2] {
            let (mut world, invoice) = stands.world();
            for told in &order {
                for _ in 0..times {
                    tell(&mut world, invoice, *told);
                }
            }
            for told in order.iter().take(times - 1) {
                tell(&mut world, invoice, *told);
            }
            let came: i64 = of_the_page(&world, invoice)
                .iter()
                .map(|payment| payment.amount.amount)
                .sum();
            let kept = kept(&world, invoice);
            let first = first.get_or_insert_with(|| (came, kept.clone()));
            assert_eq!(*first, (came, kept), "{stands:?} {order:?} {times}");
            last = Some((world, invoice));
        }
    }
    last.unwrap()
}

#[test]
fn a_part_and_then_its_whole_are_one_sum_in_any_order() {
    for stands in Stands::ALL {
        let told = [Alone(FIRST), Whole(&[FIRST, SECOND])];
        let (world, invoice) = in_every_order(stands, &told);
        let payments = of_the_page(&world, invoice);
        let [whole] = payments[..] else {
            panic!("{stands:?} {payments:?}");
        };
        assert_eq!(whole.amount, usd(1_000), "{stands:?}");
        assert_eq!(whole.parts, ["tx-a", "tx-b"]);
        // What settles nothing is the customer's, once.
        let settles = matches!(stands, Stands::Open | Stands::Lapsed);
        assert_eq!(whole.credited, settles, "{stands:?}");
        assert_eq!(
            balance(&world),
            if settles { 0 } else { 1_000 },
            "{stands:?}"
        );
        let status = match stands {
            Stands::Void => Status::Canceled,
            Stands::Open | Stands::Settled | Stands::Lapsed => Status::Active,
        };
        assert_eq!(world.status(), status, "{stands:?}");
    }
}

#[test]
fn what_comes_after_the_whole_is_the_customer_s_in_any_order() {
    for stands in Stands::ALL {
        // Known by itself, and known as what the whole has grown by.
        for extra in [Alone(EXTRA), Whole(&[FIRST, SECOND, EXTRA])] {
            let mut kept_of_orders = Vec::new();
            for told in [
                [Whole(&[FIRST, SECOND]), extra],
                [Whole(&[FIRST, SECOND]), Alone(EXTRA)],
            ] {
                let (mut world, invoice) = stands.world();
                for told in told.into_iter().chain(told) {
                    tell(&mut world, invoice, told);
                }
                let payments = of_the_page(&world, invoice);
                let all: i64 = payments.iter().map(|it| it.amount.amount).sum();
                assert_eq!(all, 1_300, "{stands:?} {payments:?}");
                let settles = matches!(stands, Stands::Open | Stands::Lapsed);
                assert_eq!(balance(&world), if settles { 300 } else { 1_300 });
                assert!(
                    world.parked.contains(&ParkReason::LatePayment),
                    "{stands:?} {:?}",
                    world.parked
                );
                kept_of_orders.push(kept(&world, invoice));
            }
            assert_eq!(kept_of_orders[0], kept_of_orders[1], "{stands:?}");
        }
    }
}

#[test]
fn whatever_is_told_first_each_transaction_is_kept_once() {
    let told = [
        Alone(EXTRA),
        Alone(FIRST),
        Whole(&[FIRST, SECOND]),
        Whole(&[FIRST, SECOND, EXTRA]),
    ];
    for stands in Stands::ALL {
        for order in orders(&told) {
            let (mut world, invoice) = stands.world();
            for told in order.iter().chain(&order) {
                tell(&mut world, invoice, *told);
            }
            let payments = of_the_page(&world, invoice);
            let all: i64 = payments.iter().map(|it| it.amount.amount).sum();
            assert_eq!(all, 1_300, "{stands:?} {order:?} {payments:?}");
            // All of it is credited, the customer's, or in a person's hands.
            let credited = payments.iter().filter(|it| it.credited).count();
            let settles = matches!(stands, Stands::Open | Stands::Lapsed);
            assert_eq!(credited, usize::from(settles), "{stands:?} {order:?}");
            if !settles {
                assert_eq!(balance(&world), 1_300, "{stands:?} {order:?}");
            }
            assert!(!world.parked.is_empty(), "{stands:?} {order:?}");
        }
    }
}

#[test]
fn what_was_too_little_is_told_with_its_rest() {
    let (mut world, invoice) = Stands::Open.world();
    tell(&mut world, invoice, Alone(FIRST));
    assert_eq!(world.parked, [ParkReason::AmountMismatch]);
    assert_eq!(world.status(), Status::PastDue);
    // Less is owed of both than came: what is above is for a person, once.
    tell(&mut world, invoice, Whole(&[FIRST, SECOND, EXTRA]));
    tell(&mut world, invoice, Whole(&[FIRST, SECOND, EXTRA]));
    assert_eq!(world.status(), Status::Active);
    assert_eq!(world.parked, [ParkReason::AmountMismatch; 2]);
    assert!(
        world.evidence[1].contains("USD 3.00 above"),
        "{:?}",
        world.evidence
    );
}

#[test]
fn a_checkout_paid_in_parts_is_paid_once() {
    let paid = |payment: &str, parts: &[Transaction]| CheckoutPayment::Paid {
        payment: payment.to_owned(),
        amount: sum(parts),
        conversion: None,
        parts: if payment == PAGE {
            parts.iter().copied().map(part).collect()
        } else {
            Vec::new()
        },
    };
    let mut world = World::new();
    let begun = world.begin(terms("pro-monthly"), false);
    world.complete(&begun, paid("tx-a", &[FIRST]));
    world.complete(&begun, paid("tx-a", &[FIRST]));
    assert!(world.account.subscriptions.is_empty());
    assert_eq!(world.parked, [ParkReason::AmountMismatch]);
    world.complete(&begun, paid(PAGE, &[FIRST, SECOND]));
    world.complete(&begun, paid(PAGE, &[FIRST, SECOND]));
    world.complete(&begun, paid("tx-a", &[FIRST]));
    assert_eq!(world.status(), Status::Active);
    let invoice = world.account.invoices.first().unwrap().id;
    let payments = &held(&world, invoice).payments;
    assert_eq!(payments.len(), 1, "{payments:?}");
    assert_eq!(balance(&world), 0);
    world.complete(&begun, paid(PAGE, &[FIRST, SECOND, EXTRA]));
    world.complete(&begun, paid("tx-c", &[EXTRA]));
    assert_eq!(balance(&world), 300);
    assert_eq!(world.parked.last(), Some(&ParkReason::LatePayment));
    assert_eq!(world.parked.len(), 2);
}

#[test]
fn a_part_that_went_back_stays_gone_in_its_whole() {
    let (mut world, invoice) = Stands::Settled.world();
    tell(&mut world, invoice, Alone(FIRST));
    assert_eq!(balance(&world), 400);
    let reversed = |payment: &str| Fact::PaymentReversed {
        payment: payment.to_owned(),
        of: None,
    };
    world.tell(reversed("tx-a"));
    assert_eq!(balance(&world), 0);
    tell(&mut world, invoice, Whole(&[FIRST, SECOND]));
    assert_eq!(balance(&world), 600);
}

#[test]
fn what_was_kept_before_parts_were_is_not_counted_again() {
    let (mut world, invoice) = Stands::Open.world();
    // As it was kept: no word of what it is made of.
    world.pay_as(invoice, PAGE, usd(1_000), at("2026-02-01"));
    let mut kept = serde_json::to_value(&held(&world, invoice).payments[0]).unwrap();
    assert_eq!(kept.as_object_mut().unwrap().remove("parts"), None);
    let before: Payment = serde_json::from_value(kept).unwrap();
    assert_eq!(before, held(&world, invoice).payments[0]);
    tell(&mut world, invoice, Whole(&[FIRST, SECOND]));
    assert_eq!(held(&world, invoice).payments, [before]);
    assert_eq!(balance(&world), 0);
    let told = r#"{"fact":"invoice_paid","invoice":"INVOICE","payment":"x","amount":{"amount":1,"currency":"usd"}}"#;
    let told = told.replace("INVOICE", &invoice.to_string());
    let mut amount = serde_json::from_str::<serde_json::Value>(&told).unwrap();
    amount["amount"] = serde_json::to_value(usd(1)).unwrap();
    let read: Fact = serde_json::from_value(amount).unwrap();
    assert!(matches!(read, Fact::InvoicePaid { parts, .. } if parts.is_empty()));
}

/// What is owed but for a cent, and the cent, and more of it.
const SHORT: Transaction = ("tx-s", 999, "2026-02-01T01:00:00Z");
const CENT: Transaction = ("tx-t", 1, "2026-02-01T02:00:00Z");

#[test]
fn the_rest_of_what_was_too_little_makes_it_whole_in_any_order() {
    // As a whole, by a tolerance that is not ours; and then with what came after.
    let told = [Whole(&[SHORT]), Whole(&[SHORT, CENT])];
    let (world, invoice) = in_every_order(Stands::Open, &told);
    let [whole] = of_the_page(&world, invoice)[..] else {
        panic!("{:?}", of_the_page(&world, invoice));
    };
    assert!(whole.credited);
    assert_eq!((whole.amount, balance(&world)), (usd(1_000), 0));
    assert_eq!(world.status(), Status::Active);
    // By itself first, it is the same.
    let told = [Whole(&[SHORT]), Alone(CENT), Whole(&[SHORT, CENT])];
    let (world, invoice) = in_every_order(Stands::Open, &told);
    assert_eq!(of_the_page(&world, invoice).len(), 1);
    // Still too little: it is set aside for a person as what it is by now.
    let (mut world, invoice) = Stands::Open.world();
    tell(&mut world, invoice, Whole(&[FIRST]));
    tell(&mut world, invoice, Whole(&[FIRST, EXTRA]));
    tell(&mut world, invoice, Whole(&[FIRST, EXTRA]));
    tell(&mut world, invoice, Whole(&[FIRST]));
    assert_eq!(world.parked, [ParkReason::AmountMismatch; 2]);
    assert!(world.evidence[1].contains("7.00"), "{:?}", world.evidence);
    let [held] = of_the_page(&world, invoice)[..] else {
        panic!("{:?}", of_the_page(&world, invoice));
    };
    assert_eq!(held.amount, usd(700));
}

#[test]
fn the_rest_of_what_was_too_little_for_a_checkout_is_never_lost() {
    let paid = |parts: &[Transaction]| CheckoutPayment::Paid {
        payment: PAGE.to_owned(),
        amount: sum(parts),
        conversion: None,
        parts: parts.iter().copied().map(part).collect(),
    };
    let mut world = World::new();
    let begun = world.begin(terms("pro-monthly"), false);
    for _ in 0..2 {
        world.complete(&begun, paid(&[FIRST]));
    }
    assert_eq!(world.parked, [ParkReason::AmountMismatch]);
    for _ in 0..2 {
        world.complete(&begun, paid(&[FIRST, EXTRA]));
        world.complete(&begun, paid(&[FIRST]));
    }
    assert_eq!(world.parked, [ParkReason::AmountMismatch; 2]);
    let invoice = world.account.invoices.first().unwrap().id;
    let payments = &held(&world, invoice).payments;
    let [kept] = &payments[..] else {
        panic!("{payments:?}");
    };
    assert_eq!(kept.amount, usd(700));
    world.complete(&begun, paid(&[FIRST, SECOND]));
    assert_eq!(world.status(), Status::Active);
    let credited = held(&world, invoice).payments.iter();
    assert_eq!(credited.filter(|payment| payment.credited).count(), 1);
    // What came besides, and was told of before, is the customer's.
    world.complete(&begun, paid(&[FIRST, SECOND, EXTRA]));
    assert_eq!(balance(&world), 300);
}
