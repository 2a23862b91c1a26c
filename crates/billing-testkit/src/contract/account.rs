//! `load` and `find`: a customer comes back as it was stored.

use billing_domain::checkout::CheckoutState;
use billing_domain::claim::{Claim, ClaimState};
use billing_domain::customer::Account;
use billing_domain::ids::{CheckoutId, InvoiceId, SubscriptionId};
use billing_domain::invoice::{InvoiceState, Payment, Purpose};
use billing_domain::provider::{ProviderRef, RefKind};
use billing_ports::Store;
use billing_ports::store::{Also, Locator, MAX_OF_MAILBOX};

use super::support::{create, newcomer, reload};
use crate::fixtures::{self, Maker};

/// "A customer with everything open, and with what is asked for besides":
/// every field of every kind of thing comes back as it was stored, in the
/// order of making.
pub async fn loading_gives_back_every_field(store: &dyn Store) {
    let mut make = Maker::new(1);
    let account = make.rich_account();
    create(store, &account, make.now).await;
    let also = Also {
        checkouts: account.checkouts.iter().map(|held| held.id).collect(),
        invoices: account.invoices.iter().map(|held| held.id).collect(),
        changes: account.changes.iter().map(|held| held.id).collect(),
        ..Also::default()
    };
    let loaded = store.load(account.customer.id, &also).await;
    let loaded = loaded.expect("the store answers").expect("it is known");
    assert_eq!(loaded.account.customer, account.customer);
    assert_eq!(loaded.account.subscriptions, account.subscriptions);
    assert_eq!(loaded.account.grants, account.grants);
    assert_eq!(ordered(loaded.account), ordered(account));
    let nobody = store.load(make.id(), &Also::default()).await;
    assert_eq!(nobody, Ok(None));
}

/// "Open ones, and those asked for": by id, or by the provider's object.
pub async fn closed_things_are_loaded_only_when_asked_for(store: &dyn Store) {
    let mut make = Maker::new(2);
    let mut account = make.account();
    let (at, expires) = (make.now, make.now);
    for state in [
        CheckoutState::Opening,
        CheckoutState::Expired {
            at,
            reference: None,
        },
        CheckoutState::Completed {
            at: expires,
            reference: None,
        },
    ] {
        account.put_checkout(make.checkout(state));
    }
    let settled = InvoiceState::Settled { at };
    for state in [InvoiceState::Open, settled, InvoiceState::Void { at }] {
        let mut invoice = make.invoice(Purpose::OneTime, None);
        invoice.state = state;
        invoice.reference = Some(make.text("in"));
        account.put_invoice(invoice);
    }
    create(store, &account, make.now).await;
    let ids = |account: &Account| -> (Vec<CheckoutId>, Vec<InvoiceId>) {
        let mut checkouts: Vec<_> = account.checkouts.iter().map(|held| held.id).collect();
        let mut invoices: Vec<_> = account.invoices.iter().map(|held| held.id).collect();
        checkouts.sort();
        invoices.sort();
        (checkouts, invoices)
    };
    let (checkouts, invoices) = ids(&account);
    let load = async |also: Also| -> (Vec<CheckoutId>, Vec<InvoiceId>) {
        let loaded = store.load(account.customer.id, &also).await;
        ids(&loaded
            .expect("the store answers")
            .expect("it is known")
            .account)
    };
    let none = load(Also::default()).await;
    assert_eq!(none, (checkouts[..1].to_vec(), invoices[..1].to_vec()));
    let by_id = Also {
        checkouts: vec![checkouts[1]],
        invoices: vec![invoices[2], invoices[0]],
        ..Also::default()
    };
    let expected = (checkouts[..2].to_vec(), vec![invoices[0], invoices[2]]);
    assert_eq!(load(by_id).await, expected, "none twice");
    let by_ref = Also {
        invoice_refs: account.invoices[1..2]
            .iter()
            .map(|held| ProviderRef {
                account: held.provider.clone().expect("it has one"),
                kind: RefKind::Invoice,
                id: held.reference.clone().expect("it has one"),
            })
            .collect(),
        ..Also::default()
    };
    let expected = (checkouts[..1].to_vec(), invoices[..2].to_vec());
    assert_eq!(load(by_ref).await, expected);
}

/// "Checkouts, each with its invoice": whoever hears of a checkout that is long
/// paid can tell the payment that is known from another one.
pub async fn a_checkout_that_is_asked_for_brings_its_invoice(store: &dyn Store) {
    let mut make = Maker::new(5);
    let mut account = make.account();
    for _ in 0..2 {
        let (at, reference) = (make.now, Some(make.text("cs")));
        let checkout = make.checkout(CheckoutState::Completed { at, reference });
        let mut invoice = make.invoice(Purpose::Purchase, None);
        invoice.id = checkout.invoice;
        invoice.state = InvoiceState::Settled { at: make.now };
        account.put_checkout(checkout);
        account.put_invoice(invoice);
    }
    create(store, &account, make.now).await;
    let also = Also {
        checkouts: vec![account.checkouts[0].id],
        ..Also::default()
    };
    let loaded = store.load(account.customer.id, &also).await;
    let loaded = loaded.expect("the store answers").expect("it is known");
    assert_eq!(loaded.account.checkouts, account.checkouts[..1]);
    assert_eq!(loaded.account.invoices, account.invoices[..1]);
}

/// "Invoices by the provider's object: an invoice, a payment of one, or the checkout
/// that one was paid through": what goes back of a payment names it as it likes.
pub async fn an_invoice_is_found_by_its_payment_and_its_page(store: &dyn Store) {
    let mut make = Maker::new(6);
    let mut account = make.account();
    for _ in 0..3 {
        let (at, reference) = (make.now, Some(make.text("cs_100%")));
        let checkout = make.checkout(CheckoutState::Completed { at, reference });
        let mut invoice = make.invoice(Purpose::Purchase, None);
        invoice.id = checkout.invoice;
        invoice.provider.clone_from(&checkout.provider);
        invoice.checkout = Some(checkout.id);
        invoice.state = InvoiceState::Settled { at };
        invoice.payments = vec![Payment {
            reference: make.text("pay_\\\"ä"),
            amount: invoice.amount,
            at,
            credited: true,
            to_balance: None,
            page: None,
            parked: None,
            off_balance: None,
            said_at: None,
            parts: Vec::new(),
        }];
        account.put_checkout(checkout);
        account.put_invoice(invoice);
    }
    create(store, &account, make.now).await;
    let (bought, paid) = (&account.checkouts[0], &account.invoices[1]);
    let named = |kind, id: &str| Also {
        invoice_refs: vec![ProviderRef {
            account: paid.provider.clone().expect("it has one"),
            kind,
            id: id.to_owned(),
        }],
        ..Also::default()
    };
    let load = async |also: Also| {
        let loaded = store.load(account.customer.id, &also).await;
        let loaded = loaded.expect("the store answers").expect("it is known");
        (loaded.account.checkouts, loaded.account.invoices)
    };
    let payment = &paid.payments[0].reference;
    let by_payment = load(named(RefKind::Payment, payment)).await;
    assert_eq!(by_payment, (Vec::new(), vec![paid.clone()]));
    let page = bought.reference().expect("it has one");
    let by_page = load(named(RefKind::Checkout, page)).await;
    assert_eq!(
        by_page,
        (vec![bought.clone()], vec![account.invoices[0].clone()])
    );
    for part in ["", "%", "pay__", &payment[..5]] {
        assert_eq!(
            load(named(RefKind::Payment, part)).await,
            (Vec::new(), Vec::new())
        );
    }
}

/// "Or a subscription that one was made for while it is tied to none of ours": its
/// invoices may have been told of, and paid, before it was.
pub async fn an_invoice_is_found_by_a_subscription_that_is_not_known(store: &dyn Store) {
    let mut make = Maker::new(7);
    let mut account = make.account();
    let subscription: SubscriptionId = make.id();
    let at = make.now;
    for (reference, tied) in [("sub_1", false), ("sub_1", true), ("sub_2", false)] {
        let mut invoice = make.invoice(Purpose::Renewal, tied.then_some(subscription));
        invoice.state = InvoiceState::Settled { at };
        invoice.cycle = None;
        invoice.subscription_ref = Some(reference.to_owned());
        account.put_invoice(invoice);
    }
    create(store, &account, make.now).await;
    let load = async |owner: &str, id: &str| {
        let also = Also {
            invoice_refs: vec![ProviderRef {
                account: fixtures::provider(owner),
                kind: RefKind::Subscription,
                id: id.to_owned(),
            }],
            ..Also::default()
        };
        let loaded = store.load(account.customer.id, &also).await;
        let loaded = loaded.expect("the store answers").expect("it is known");
        loaded.account.invoices
    };
    assert_eq!(load("sandbox/main", "sub_1").await, account.invoices[..1]);
    assert_eq!(load("sandbox/main", "sub_2").await, account.invoices[2..]);
    assert_eq!(load("sandbox/other", "sub_1").await, []);
    assert_eq!(load("sandbox/main", "sub_3").await, []);
    // Tied, it is found as any other.
    let mut loaded = store
        .load(account.customer.id, &Also::default())
        .await
        .expect("the store answers")
        .expect("it is known");
    loaded.account.invoices = account.invoices.clone();
    let mut tied = loaded.account.clone();
    tied.invoices[0].subscription = Some(subscription);
    let commit = fixtures::next_commit(&loaded, &tied, make.now);
    store.commit(commit).await.expect("it is free");
    assert_eq!(load("sandbox/main", "sub_1").await, []);
}

/// "No transaction spans two customers": asking for another's things gives nothing.
pub async fn what_is_anothers_is_not_loaded(store: &dyn Store) {
    let mut make = Maker::new(3);
    let theirs = make.rich_account();
    create(store, &theirs, make.now).await;
    let mine = newcomer(store, &mut make).await;
    let also = Also {
        checkouts: theirs.checkouts.iter().map(|held| held.id).collect(),
        invoices: theirs.invoices.iter().map(|held| held.id).collect(),
        invoice_refs: theirs.provider_refs(),
        changes: theirs.changes.iter().map(|held| held.id).collect(),
        quotes: theirs.changes.iter().map(|held| held.quote.id).collect(),
        last_changes: true,
    };
    let loaded = store.load(mine.account.customer.id, &also).await;
    assert_eq!(loaded, Ok(Some(mine)));
}

/// "Whose it is. `None`: nobody's that is known", by everything that leads to a customer.
pub async fn every_locator_finds_its_customer(store: &dyn Store) {
    let mut make = Maker::new(4);
    newcomer(store, &mut make).await;
    let account = make.rich_account();
    create(store, &account, make.now).await;
    let customer = account.customer.id;
    let name = account.customer.external_ref.clone().expect("it has one");
    let mut leading = vec![
        Locator::Customer(customer),
        Locator::ExternalRef(name.clone()),
    ];
    leading.extend(account.checkouts.iter().map(|c| Locator::Checkout(c.id)));
    leading.extend(
        account
            .subscriptions
            .iter()
            .map(|s| Locator::Subscription(s.id)),
    );
    leading.extend(account.invoices.iter().map(|i| Locator::Invoice(i.id)));
    leading.extend(account.changes.iter().map(|c| Locator::Change(c.id)));
    leading.extend(account.licenses.iter().map(|l| Locator::License(l.id)));
    let references = account.provider_refs();
    assert!(references.len() >= 4, "every kind of reference");
    leading.extend(references.into_iter().map(Locator::Provider));
    for locator in leading {
        assert_eq!(
            store.find(&locator).await,
            Ok(Some(customer)),
            "{locator:?}"
        );
    }
    for locator in [
        Locator::Customer(make.id()),
        Locator::ExternalRef(name.to_uppercase()),
        Locator::Checkout(make.id()),
        Locator::Subscription(make.id()),
        Locator::Invoice(make.id()),
        Locator::Change(make.id()),
        Locator::License(make.id()),
        Locator::Provider(make.reference(RefKind::Customer)),
    ] {
        assert_eq!(store.find(&locator).await, Ok(None), "{locator:?}");
    }
    assert_eq!(
        reload(store, &account).await.account.customer,
        account.customer
    );
}

/// "`of_mailbox` MUST find by what a customer's last commit says, and by no other
/// likeness than that of equal names": oldest first, and so many at most.
pub async fn a_mailbox_leads_to_whoever_it_is_of(store: &dyn Store) {
    let mut make = Maker::new(11);
    let found = async |mailbox: &str| {
        let found = store.of_mailbox(mailbox).await.expect("the store answers");
        found.into_iter().map(|held| held.id).collect::<Vec<_>>()
    };
    let mut of = |email: Option<&str>| {
        let mut account = make.account();
        account.customer.email = email.map(str::to_owned);
        account
    };
    let named = of(Some("Ben@x.test"));
    let waiting = "claim ben@x.test";
    // The sign for kelvin is no k, wherever it is compared.
    let others = [
        of(None),
        of(Some("\u{212a}en@x.test")),
        of(Some("b%n@x.test")),
    ];
    let mut guest = of(Some("ben@x.test"));
    guest.customer.guest = true;
    for account in [&named, &guest].into_iter().chain(&others) {
        create(store, account, fixtures::start()).await;
    }
    let (named, guest_id) = (named.customer.id, guest.customer.id);
    // What a guest has typed is nobody's.
    assert_eq!(found("ben@x.test").await, [named]);
    assert_eq!(found("Ben@x.test").await, []);
    assert_eq!(found("ken@x.test").await, []);
    assert_eq!(found(waiting).await, []);

    let at = fixtures::start();
    for (state, wanted, waits) in [
        (ClaimState::Open, vec![named], vec![guest_id]),
        (ClaimState::Confirmed { at }, vec![named, guest_id], vec![]),
        (ClaimState::Attached { to: named, at }, vec![named], vec![]),
    ] {
        let held = reload(store, &guest).await;
        let mut after = held.account.clone();
        let email = "BEN@x.test".to_owned();
        let made_at = at;
        after.customer.claim = Some(Claim {
            email,
            made_at,
            state,
        });
        let commit = fixtures::next_commit(&held, &after, at);
        store.commit(commit).await.expect("it is committed");
        assert_eq!(found("ben@x.test").await, wanted, "{state:?}");
        assert_eq!(found(waiting).await, waits, "{state:?}");
    }
    for _ in 0..=MAX_OF_MAILBOX {
        let mut account = make.account();
        account.customer.email = Some("many@x.test".to_owned());
        create(store, &account, at).await;
    }
    let many = found("many@x.test").await;
    assert_eq!(u64::try_from(many.len()), Ok(MAX_OF_MAILBOX));
    assert!(many.is_sorted());
}

fn ordered(mut account: Account) -> Account {
    account.checkouts.sort_by_key(|held| held.id);
    account.invoices.sort_by_key(|held| held.id);
    account
}
