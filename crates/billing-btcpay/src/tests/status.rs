//! Every way in which an invoice of BTCPay's stands, and what it is told as.

use billing_domain::fact::{CheckoutPayment, Fact, Observed, PaymentPart};
use billing_domain::invoice::Conversion;
use billing_domain::money::{Currency, Money};
use billing_domain::provider::RefKind;
use serde_json::{Value, json};

use super::{
    CHECKOUT, CUSTOMER, INVOICE, Transaction, invoice, of_checkout, of_invoice, seal, seen, teller,
};
use crate::correlation::Ours;
use crate::wire::at;

const PAID: Transaction<'_> = ("tx1", 50_000, 2_000, "Settled");
const LATE: Transaction<'_> = ("tx1", 50_000, 5_000, "Settled");

/// What is told in short: word, satoshi, second.
fn told(invoice: Value, payments: &[Transaction<'_>]) -> Vec<String> {
    let facts = teller().tell(&seen(invoice, payments));
    facts.iter().map(word).collect()
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "whatever else is told fails the test"
)]
fn word(observed: &Observed) -> String {
    let second = observed.at.as_second();
    match &observed.fact {
        Fact::CheckoutOpened { .. } | Fact::InvoiceOpened { .. } => format!("opened @{second}"),
        Fact::CheckoutCompleted { payment, .. } => match payment {
            CheckoutPayment::Paid {
                payment,
                amount,
                parts,
                ..
            } => paid(payment, *amount, parts, second),
            CheckoutPayment::Unpaid => format!("pending @{second}"),
            CheckoutPayment::NotRequired => panic!("{observed:?}"),
        },
        Fact::InvoicePaid {
            payment,
            amount,
            parts,
            ..
        } => paid(payment, *amount, parts, second),
        Fact::PaymentPending { until, seen, .. } => {
            let seen = seen.map_or("unsaid".to_owned(), |seen| seen.as_second().to_string());
            format!("pending until {}, seen {seen} @{second}", until.as_second())
        }
        Fact::CheckoutEnded { canceled: true, .. } => format!("canceled @{second}"),
        Fact::CheckoutEnded { .. } | Fact::InvoiceClosed { .. } => format!("closed @{second}"),
        Fact::PaymentReversed { payment, .. } => format!("reversed {payment} @{second}"),
        Fact::PaymentUpheld { payment, .. } => format!("upheld {payment} @{second}"),
        Fact::PaymentDenied {
            payment, amount, ..
        } => format!("denied {payment} {} @{second}", amount.amount),
        Fact::PaymentUnconfirmed { page, amount, .. } => {
            format!("unconfirmed {} at {page} @{second}", amount.amount)
        }
        Fact::Unclear { object, what, .. } => format!("{} {what:?} @{second}", object.id),
        other => panic!("{other:?}"),
    }
}

/// With what it is made of, unless that is one transaction of that amount and instant.
fn paid(payment: &str, amount: Money, parts: &[PaymentPart], second: i64) -> String {
    let mut told = format!("paid {payment} {}", amount.amount);
    if let [one] = parts
        && (one.id.as_str(), one.amount, one.at) == ("tx1", amount, at(second))
    {
        // Nothing but that transaction.
    } else if !parts.is_empty() {
        let parts = parts.iter();
        let named: Vec<_> = parts
            .map(|part| format!("{} {}", part.id, part.amount.amount))
            .collect();
        told = format!("{told} ({})", named.join(", "));
    }
    format!("{told} @{second}")
}

#[track_caller]
fn row(
    status: &str,
    qualified: &str,
    payments: &[Transaction<'_>],
    first: &[&str],
    renewal: &[&str],
) {
    let bought = told(invoice(status, qualified, &of_checkout()), payments);
    assert_eq!(bought, first, "{status} ({qualified}) of a checkout");
    let renewed = told(invoice(status, qualified, &of_invoice()), payments);
    assert_eq!(renewed, renewal, "{status} ({qualified}) of a renewal");
}

#[test]
fn new_waits_to_be_paid() {
    // A renewal is owed from when its page is known; it may have been made long before.
    let (opened, known) = (["opened @1000"], ["opened @9000"]);
    row("New", "None", &[], &opened, &known);
    // A part is told to nobody before it is known what becomes of the rest.
    row(
        "New",
        "PaidPartial",
        &[("tx1", 20_000, 2_000, "Settled")],
        &opened,
        &known,
    );
}

#[test]
fn processing_is_on_its_way_and_falls_back_to_new() {
    for qualified in ["None", "PaidOver"] {
        let renewal = ["pending until 90000, seen unsaid @9000"];
        row("Processing", qualified, &[], &["pending @1000"], &renewal);
    }
    // Seen once it was enough, however much comes later.
    let parts = [
        ("tx1", 20_000, 2_000, "Settled"),
        ("tx2", 30_000, 3_000, "Processing"),
        ("tx3", 10_000, 4_000, "Processing"),
    ];
    let renewal = ["pending until 90000, seen 3000 @9000"];
    row(
        "Processing",
        "PaidOver",
        &parts,
        &["pending @1000"],
        &renewal,
    );
    row("New", "None", &[], &["opened @1000"], &["opened @9000"]);
}

#[test]
fn settled_is_paid_at_the_instant_of_its_last_transaction() {
    let paid = ["paid inv1 50000 @2000"];
    row("Settled", "None", &[PAID], &paid, &paid);
    let parts = [
        ("tx1", 20_000, 2_000, "Settled"),
        ("tx2", 30_000, 3_000, "Settled"),
    ];
    let paid = ["paid inv1 50000 (tx1 20000, tx2 30000) @3000"];
    row("Settled", "None", &parts, &paid, &paid);
}

#[test]
fn what_is_confirmed_after_the_whole_is_told_besides() {
    // The older one is confirmed when the newer one was enough already.
    let first = [
        ("tx0", 40_000, 1_500, "Processing"),
        ("tx1", 50_000, 2_000, "Settled"),
    ];
    let alone = ["paid inv1 50000 @2000"];
    row("Settled", "PaidOver", &first, &alone, &alone);
    let then = [
        ("tx0", 40_000, 1_500, "Settled"),
        ("tx1", 50_000, 2_000, "Settled"),
    ];
    let both = ["paid inv1 50000 @2000", "paid tx0 40000 @1500"];
    row("Settled", "PaidOver", &then, &both, &both);
}

#[test]
fn a_part_is_told_by_its_name_and_in_the_whole_by_the_same() {
    let part = ("tx1", 20_000, 2_000, "Settled");
    let told = ["paid tx1 20000 @2000", "closed @4600"];
    row("Expired", "PaidPartial", &[part], &told, &told);
    let rest = ("tx2", 30_000, 5_000, "Settled");
    let told = ["paid inv1 50000 (tx1 20000, tx2 30000) @5000"];
    row("Expired", "PaidLate", &[part, rest], &told, &told);
    marked(&[part, rest], told[0]);
}

#[test]
fn settled_without_confirmations_is_paid() {
    let paid = ["paid inv1 50000 @2000"];
    row(
        "Settled",
        "None",
        &[("tx1", 50_000, 2_000, "Processing")],
        &paid,
        &paid,
    );
}

#[test]
fn paid_over_is_told_with_what_is_above() {
    let one = ["paid inv1 50001 @2000"];
    row(
        "Settled",
        "PaidOver",
        &[("tx1", 50_001, 2_000, "Settled")],
        &one,
        &one,
    );
    let twice = [PAID, ("tx2", 50_000, 3_000, "Settled")];
    let both = ["paid inv1 50000 @2000", "paid tx2 50000 @3000"];
    row("Settled", "PaidOver", &twice, &both, &both);
    // Not there yet.
    let twice = [PAID, ("tx2", 50_000, 3_000, "Processing")];
    row("Settled", "PaidOver", &twice, &both[..1], &both[..1]);
}

#[test]
fn marked_settled_is_paid_because_a_person_says_so() {
    marked(&[], "paid inv1 50000 (inv1:vouched 50000) @9000");
    // What has come is part of what was vouched for, and is not told again.
    let said = "paid inv1 50000 (tx1 20000, inv1:vouched 30000) @9000";
    for came in ["Settled", "Processing"] {
        marked(&[("tx1", 20_000, 2_000, came)], said);
    }
    let unconfirmed = [
        ("tx1", 60_000, 2_000, "Processing"),
        ("tx2", 10_000, 3_000, "Processing"),
    ];
    marked(&unconfirmed, "paid inv1 60000 @2000");
    marked(&[LATE], "paid inv1 50000 @5000");
}

/// What is paid, with what a person's mark tells: whatever was said not to hold, does. Of a
/// renewal that is told first.
fn marked(payments: &[Transaction<'_>], paid: &str) {
    let names = payments.iter().map(|(id, ..)| *id);
    let upheld = std::iter::once("inv1").chain(names);
    let upheld: Vec<_> = upheld.map(|name| format!("upheld {name} @9000")).collect();
    let upheld: Vec<_> = upheld.iter().map(String::as_str).collect();
    let bought = [&[paid], &upheld[..]].concat();
    let renewed = [&upheld[..], &[paid]].concat();
    row("Settled", "Marked", payments, &bought, &renewed);
}

#[test]
fn settled_below_what_is_owed_is_told_as_what_came() {
    let less = ["paid inv1 49999 (tx1 49999) @9000"];
    let mut bought = invoice("Settled", "None", &of_checkout());
    bought["paidAmount"] = json!("49999");
    assert_eq!(told(bought, &[("tx1", 49_999, 2_000, "Settled")]), less);
    // A version that does not say.
    let mut renewed = invoice("Settled", "None", &of_invoice());
    renewed["paidAmount"] = Value::Null;
    assert_eq!(told(renewed, &[("tx1", 49_999, 2_000, "Settled")]), less);
}

#[test]
fn expired_unpaid_is_closed() {
    row("Expired", "None", &[], &["closed @4600"], &["closed @4600"]);
}

#[test]
fn expired_with_a_part_tells_the_part_and_never_the_whole() {
    let part = ["paid tx1 20000 @2000", "closed @4600"];
    row(
        "Expired",
        "PaidPartial",
        &[("tx1", 20_000, 2_000, "Settled")],
        &part,
        &part,
    );
    let unconfirmed = [("tx1", 20_000, 2_000, "Processing")];
    row(
        "Expired",
        "PaidPartial",
        &unconfirmed,
        &["closed @4600"],
        &["closed @4600"],
    );
}

#[test]
fn paid_late_counts_once_it_is_settled() {
    let paid = ["paid inv1 50000 @5000"];
    row("Expired", "PaidLate", &[LATE], &paid, &paid);
    let renewal = ["pending until 90000, seen 5000 @9000"];
    let unconfirmed = [("tx1", 50_000, 5_000, "Processing")];
    row(
        "Expired",
        "PaidLate",
        &unconfirmed,
        &["pending @1000"],
        &renewal,
    );
    // Late, and less than is owed.
    let less = ["paid tx1 49999 @5000", "closed @4600"];
    row(
        "Expired",
        "PaidLate",
        &[("tx1", 49_999, 5_000, "Settled")],
        &less,
        &less,
    );
}

#[test]
fn paid_late_is_what_waits_to_be_marked() {
    let late = |status, qualified, metadata: &Value, payments: &[Transaction<'_>]| {
        seen(invoice(status, qualified, metadata), payments).is_paid_late()
    };
    let ours = of_invoice();
    assert!(late("Expired", "PaidLate", &ours, &[LATE]));
    assert!(late(
        "Expired",
        "PaidPartial",
        &ours,
        &[("a", 20_000, 1, "Settled"), ("b", 30_000, 2, "Settled")]
    ));
    assert!(late("Invalid", "None", &ours, &[LATE]));
    assert!(!late("Invalid", "Marked", &ours, &[LATE]));
    assert!(!late("Settled", "None", &ours, &[LATE]));
    assert!(!late(
        "Expired",
        "PaidLate",
        &ours,
        &[("tx1", 49_999, 5_000, "Settled")]
    ));
    assert!(!late(
        "Expired",
        "PaidLate",
        &ours,
        &[("tx1", 50_000, 5_000, "Processing")]
    ));
}

#[test]
fn invalid_for_want_of_confirmations_is_closed_until_they_come() {
    let unconfirmed = [("tx1", 50_000, 2_000, "Processing")];
    for qualified in ["None", "PaidOver"] {
        row(
            "Invalid",
            qualified,
            &unconfirmed,
            &["unconfirmed 50000 at inv1 @90000", "canceled @9000"],
            &["unconfirmed 50000 at inv1 @90000", "closed @9000"],
        );
        row(
            "Invalid",
            qualified,
            &[PAID],
            &["paid inv1 50000 @2000"],
            &["paid inv1 50000 @2000"],
        );
    }
}

#[test]
fn marked_invalid_takes_back_what_was_said_to_be_paid() {
    let bought = ["reversed inv1 @9000", "canceled @9000"];
    let renewed = ["reversed inv1 @9000", "closed @9000"];
    row("Invalid", "Marked", &[], &bought, &renewed);
    // A part may have been told by itself; and what is there all the same is told too.
    let denied = "denied tx1 50000 @2000";
    let bought = [bought[0], "reversed tx1 @9000", denied, bought[1]];
    let renewed = [renewed[0], "reversed tx1 @9000", denied, renewed[1]];
    row("Invalid", "Marked", &[PAID], &bought, &renewed);
    // What is not confirmed is nobody's.
    let waits = [("tx1", 50_000, 2_000, "Processing")];
    let told = ["reversed inv1 @9000", "reversed tx1 @9000", "closed @9000"];
    row(
        "Invalid",
        "Marked",
        &waits,
        &[told[0], told[1], "canceled @9000"],
        &told,
    );
}

#[test]
fn what_we_took_back_is_no_word_of_a_person_s_and_who_pays_it_is_told_of() {
    let taken_back = |mut metadata: Value| {
        metadata["billing_taken_back"] = json!(true);
        invoice("Invalid", "Marked", &metadata)
    };
    assert_eq!(told(taken_back(of_checkout()), &[]), ["canceled @9000"]);
    assert_eq!(told(taken_back(of_invoice()), &[]), ["closed @9000"]);
    for metadata in [of_checkout(), of_invoice()] {
        assert_eq!(
            told(taken_back(metadata), &[LATE]),
            ["paid inv1 50000 @5000"]
        );
    }
}

#[test]
fn a_status_that_is_not_known_is_told_as_such_and_not_as_nothing() {
    for metadata in [of_checkout(), of_invoice()] {
        let odd = told(invoice("Frozen", "None", &metadata), &[PAID]);
        assert_eq!(odd, ["inv1 Status(\"Frozen\") @1000"], "alike each time");
    }
    let long = "x".repeat(1_000);
    let odd = told(invoice(&long, "None", &of_invoice()), &[]);
    assert!(odd[0].len() < 100, "{odd:?}");
}

#[test]
fn what_is_not_in_satoshi_is_not_believed() {
    let mut dear = invoice("Settled", "None", &of_invoice());
    dear["currency"] = json!("USD");
    let dear = serde_json::from_value(dear).unwrap();
    assert!(crate::facts::Teller::owed(&dear).is_err());
}

#[test]
fn facts_carry_our_ids_the_page_and_the_rate_they_were_made_at() {
    let conversion = Conversion {
        listed: Money::new(2_500, Currency::USD),
        collected: Money::new(50_000, Currency::SAT),
        rate: 5_000_000,
        source: "pin".to_owned(),
        at: at(900),
    };
    let mut metadata = of_invoice();
    let id = Ours::Invoice(INVOICE.parse().unwrap());
    seal().put(metadata.as_object_mut().unwrap(), id, &conversion);
    let facts = teller().tell(&seen(invoice("New", "None", &metadata), &[]));
    let Fact::InvoiceOpened {
        invoice: ours,
        reference,
        pay_url,
        conversion: told,
    } = &facts[0].fact
    else {
        panic!("{facts:?}");
    };
    assert_eq!(
        (ours.to_string().as_str(), reference.as_str()),
        (INVOICE, "inv1")
    );
    assert_eq!(
        pay_url.as_deref(),
        Some("https://pay.example.com/btcpay/i/inv1")
    );
    assert_eq!(told.as_ref(), Some(&conversion));
    let link = &facts[0].link;
    assert_eq!(
        link.customer.map(|id| id.to_string()).as_deref(),
        Some(CUSTOMER)
    );
    assert_eq!(
        (link.refs[0].kind, link.refs[0].id.as_str()),
        (RefKind::Invoice, "inv1")
    );
    let facts = teller().tell(&seen(invoice("Settled", "None", &metadata), &[PAID]));
    assert!(
        matches!(&facts[0].fact, Fact::InvoicePaid { conversion: told, .. } if told.as_ref() == Some(&conversion))
    );
    // A rate that is of another amount says nothing.
    metadata["billing_conversion"]["collected"]["amount"] = json!(1);
    let facts = teller().tell(&seen(invoice("Settled", "None", &metadata), &[PAID]));
    assert!(matches!(
        &facts[0].fact,
        Fact::InvoicePaid {
            conversion: None,
            ..
        }
    ));

    let mut page = invoice("New", "None", &of_checkout());
    page["checkoutLink"] = Value::Null;
    let facts = teller().tell(&seen(page, &[]));
    let Fact::CheckoutOpened {
        checkout,
        url,
        expires_at,
        ..
    } = &facts[0].fact
    else {
        panic!("{facts:?}");
    };
    assert_eq!(
        (checkout.to_string().as_str(), *expires_at),
        (CHECKOUT, at(4_600))
    );
    assert_eq!(url, "https://pay.example.com/btcpay/i/inv1");
    assert_eq!(facts[0].link.refs[0].kind, RefKind::Checkout);
    assert_eq!(facts[0].link.checkout, Some(*checkout));
}

#[test]
fn what_is_ours_and_cannot_be_read_is_told_with_a_flag_and_what_is_not_ours_is_not() {
    let mut metadata = of_invoice();
    metadata["billing_invoice"] = json!("odd");
    let facts = teller().tell(&seen(invoice("Settled", "None", &metadata), &[PAID]));
    assert!(facts[0].link.garbled, "{facts:?}");
    assert!(matches!(facts[0].fact, Fact::ProviderInvoiceSeen { .. }));
    let other = |metadata: Value| {
        let found = serde_json::from_value(invoice("Settled", "None", &metadata)).unwrap();
        teller().ours(&found)
    };
    let mut elsewhere = of_invoice();
    elsewhere["billing_operator"] = json!("there");
    assert_eq!(other(elsewhere), None);
    assert_eq!(other(json!({ "orderId": "167" })), None);
}

#[test]
fn whatever_a_status_is_qualified_by_it_tells_something_and_no_money_twice() {
    let parts = [
        ("tx1", 20_000, 2_000, "Settled"),
        ("tx2", 40_000, 3_000, "Settled"),
        ("tx3", 50_000, 5_000, "Processing"),
    ];
    for status in ["New", "Processing", "Settled", "Expired", "Invalid"] {
        for qualified in [
            "None",
            "PaidPartial",
            "PaidOver",
            "PaidLate",
            "Marked",
            "Odd",
        ] {
            for metadata in [of_checkout(), of_invoice()] {
                for came in 0..=parts.len() {
                    let case = format!("{status} ({qualified}) with {came}");
                    let read = seen(invoice(status, qualified, &metadata), &parts[..came]);
                    let facts = teller().tell(&read);
                    assert!(!facts.is_empty(), "{case}");
                    let mut named: Vec<String> = facts.iter().flat_map(named).collect();
                    let all = named.len();
                    named.sort();
                    named.dedup();
                    assert_eq!(named.len(), all, "{case}: {facts:?}");
                    let by_hand = (status, qualified) == ("Invalid", "Marked");
                    let closed = !matches!(status, "New" | "Processing");
                    let whole = closed && !by_hand;
                    for (id, ..) in parts[..came.min(2)].iter().filter(|_| whole) {
                        assert!(named.iter().any(|named| named == id), "{case}: {facts:?}");
                    }
                }
            }
        }
    }
}

/// The transactions that are told as paid.
fn named(observed: &Observed) -> Vec<String> {
    let (Fact::InvoicePaid { payment, parts, .. }
    | Fact::CheckoutCompleted {
        payment: CheckoutPayment::Paid { payment, parts, .. },
        ..
    }) = &observed.fact
    else {
        return Vec::new();
    };
    if parts.is_empty() {
        vec![payment.clone()]
    } else {
        parts.iter().map(|part| part.id.clone()).collect()
    }
}

#[test]
fn what_came_late_and_is_never_confirmed_is_waited_for_as_long_as_btcpay_looks() {
    let late = ("tx1", 50_000, 5_000, "Processing");
    for metadata in [of_checkout(), of_invoice()] {
        let read_at = |when| {
            let read = seen(invoice("Expired", "PaidLate", &metadata), &[late]);
            let read_at = Some(at(when));
            teller().tell(&crate::facts::Seen { read_at, ..read })
        };
        let [waits] = &read_at(89_999)[..] else {
            panic!("it is on its way");
        };
        assert!(matches!(
            waits.fact,
            Fact::PaymentPending { .. }
                | Fact::CheckoutCompleted {
                    payment: CheckoutPayment::Unpaid,
                    ..
                }
        ));
        let over = read_at(90_000);
        let [unconfirmed, closed] = &over[..] else {
            panic!("{over:?}");
        };
        let Fact::PaymentUnconfirmed { amount, .. } = &unconfirmed.fact else {
            panic!("{unconfirmed:?}");
        };
        assert_eq!(amount.amount, 50_000);
        assert!(matches!(
            closed.fact,
            Fact::InvoiceClosed { .. } | Fact::CheckoutEnded { .. }
        ));
        let mut again = read_at(200_000);
        for told in &mut again {
            if let Fact::InvoiceClosed { read_at, .. } = &mut told.fact {
                assert_eq!(read_at.replace(at(90_000)), Some(at(200_000)));
            }
        }
        assert_eq!(over, again, "the same each time, but for when it was read");
    }
}
