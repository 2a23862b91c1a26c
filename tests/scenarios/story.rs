//! Stories on a calendar: a plan file, then dated lines that act and expect.
//!
//! Time passes between two lines as it does for a server: whatever falls due on
//! the way is worked off when it does, unless the worker sleeps.

use billing::Catalog;
use billing::NewCode;
use billing::sandbox::{Fault, FaultPlan, FaultRates, Mode, Paying, TestCard};
use billing_catalog::read_plan_file;
use billing_domain::discount::{Gives, Reduction};
use billing_domain::fact::{Fact, Link, Observed, RefundState};
use billing_domain::money::{Currency, Money};
use billing_domain::time::{Timestamp, shifted};
use billing_ports::store::{InvoiceFilter, PageAsk};
use billing_ports::{Clock, Delivery, Reading};
use bytes::Bytes;
use jiff::SignedDuration;

use crate::rig::{
    Buying, InvoiceSeen, QuoteSeen, Rig, StoreKind, SubscriptionSeen, Target, Through,
};

/// Tells a story on one store, through one door.
pub(crate) async fn tell(name: &str, text: &str, mode: Mode, kind: StoreKind, through: Through) {
    if kind.is_skipped() {
        println!("SKIPPED {name} on {kind:?}: told to go without PostgreSQL");
        return;
    }
    // Plan files, each an edit of the one before; then lines.
    let mut plans: Vec<&str> = text.split("\n---\n").collect();
    let lines = plans.pop().expect("lines");
    let read = |plans: &&str| {
        read_plan_file(name, plans.as_bytes()).unwrap_or_else(|errors| panic!("{errors}"))
    };
    let revisions: Vec<Catalog> = plans.iter().map(read).collect();
    let catalog = revisions
        .first()
        .expect("a plan file, then ---, then lines");
    let lines: Vec<Line<'_>> = lines.lines().enumerate().filter_map(Line::read).collect();
    let first = lines.first().expect("a story has lines").at;
    let start = shifted(first, SignedDuration::from_hours(-1));
    let mut told = Told {
        rig: Rig::new(kind, through, mode, catalog, start).await,
        asleep: false,
        refused: None,
        quoted: None,
        back: None,
        revisions: revisions.clone(),
        place: String::new(),
    };
    for line in lines {
        told.place = format!(
            "{name} on {kind:?} through {through:?}, line {}",
            line.number
        );
        told.act(&line).await;
        for expected in line.expected {
            told.expect(expected).await;
        }
    }
    told.place = format!("{name} on {kind:?}, at its end");
    told.rig.assert_nothing_left().await;
    told.rig.assert_sound().await;
}

struct Line<'a> {
    number: usize,
    at: Timestamp,
    words: Vec<&'a str>,
    expected: Vec<&'a str>,
}

impl<'a> Line<'a> {
    fn read((index, text): (usize, &'a str)) -> Option<Self> {
        let text = text.split('#').next().unwrap_or_default().trim();
        if text.is_empty() {
            return None;
        }
        let (acts, expects) = text.split_once("->").unwrap_or((text, ""));
        let mut words: Vec<&str> = acts.split_whitespace().collect();
        let day = words.remove(0);
        let clock = words.first().filter(|word| word.contains(':')).copied();
        if clock.is_some() {
            words.remove(0);
        }
        let at = format!("{day}T{}Z", clock.unwrap_or("00:00:00"));
        Some(Self {
            number: index + 1,
            at: at
                .parse()
                .unwrap_or_else(|error| panic!("line {}: {error}: {at}", index + 1)),
            words,
            expected: expects
                .split(';')
                .map(str::trim)
                .filter(|e| !e.is_empty())
                .collect(),
        })
    }
}

struct Told {
    rig: Rig,
    asleep: bool,
    refused: Option<String>,
    quoted: Option<QuoteSeen>,
    /// The sandbox's id of the newest refund or dispute.
    back: Option<String>,
    revisions: Vec<Catalog>,
    place: String,
}

impl Told {
    async fn act(&mut self, line: &Line<'_>) {
        // A buyer opens the page a second before paying at it.
        let buys = line.words.first() == Some(&"buys");
        let at = if buys {
            shifted(line.at, SignedDuration::from_secs(-1))
        } else {
            line.at
        };
        self.pass_until(at).await;
        self.refused = None;
        let driver = &self.rig.driver;
        match line.words.as_slice() {
            ["waits"] => {}
            ["sleeps"] => self.asleep = true,
            ["wakes"] => self.asleep = false,
            ["outage"] => {
                let rates = FaultRates {
                    not_reached: 1_000,
                    ..FaultRates::default()
                };
                self.rig.sandbox.set_faults(FaultPlan::seeded(1, rates));
            }
            ["back"] => self.rig.sandbox.set_faults(FaultPlan::none()),
            ["twice"] => self.rig.sandbox.inject(Fault::DeliverTwice),
            ["late", days] => {
                // A renewal says two things: its invoice and its subscription.
                let by = SignedDuration::from_hours(24 * days.parse::<i64>().unwrap());
                self.rig.sandbox.inject(Fault::DeliverLate(by));
                self.rig.sandbox.inject(Fault::DeliverLate(by));
            }
            ["joins", who] => driver.customer(who, None).await,
            ["joins", who, "on", day] => driver.customer(who, Some(day)).await,
            ["joins", who, "of", owner] => {
                driver.customer(who, None).await;
                driver.act_under(who, Some(owner)).await;
            }
            ["leaves", who] => driver.act_under(who, None).await,
            ["buys", who, what, rest @ ..] => {
                let pieces = rest.iter().find_map(|word| word.strip_prefix('x'));
                let card = rest
                    .iter()
                    .position(|word| *word == "with")
                    .map(|at| rest[at + 1]);
                let code = rest
                    .iter()
                    .position(|word| *word == "code")
                    .map(|at| rest[at + 1]);
                let buying = Buying {
                    what,
                    pieces: pieces.map_or(1, |n| n.parse().unwrap()),
                    code,
                };
                self.buy(who, &buying, card, line.at).await;
            }
            ["pays", who] => self.pay(who, "pays").await,
            ["pays", who, "with", card] => self.pay(who, card).await,
            ["cancels", who, rest @ ..] => {
                let held = driver.subscriptions(who).await;
                let id = held.last().expect("a subscription to cancel").id.clone();
                self.refused = match driver.cancel(who, &id, rest == ["at", "once"]).await {
                    Ok(true) => Some("already".to_owned()),
                    Ok(false) => None,
                    Err(code) => Some(code),
                };
            }
            ["grants", who, plan] => self.refused = driver.grant(who, plan, None).await.err(),
            ["grants", who, plan, "until", day] => {
                self.refused = driver.grant(who, plan, Some(day)).await.err();
            }
            [act @ ("refunds" | "disputes"), who, rest @ ..] => {
                self.give_back(act, who, rest).await;
            }
            ["refund", word @ ("done" | "failed")] => {
                let id = self.back.as_ref().expect("a refund");
                let state = refund_state(word);
                assert!(self.rig.sandbox.refund_moves(id, state).await.unwrap());
            }
            ["dispute", word @ ("won" | "lost")] => {
                let id = self.back.as_ref().expect("a dispute");
                let won = *word == "won";
                assert!(self.rig.sandbox.dispute_ends(id, won).await.unwrap());
            }
            words => self.act_on_a_change(words).await,
        }
        if !self.asleep {
            self.rig.settle().await;
        }
    }

    /// Money of a customer's newest payment goes back, or is contested: `first` is
    /// the oldest instead, a number is how much of it, `pending` how far it comes.
    async fn give_back(&mut self, act: &str, who: &str, rest: &[&str]) {
        let customer = self.rig.driver.id(who).await.parse().unwrap();
        let books = self.rig.sandbox.books();
        let mut payments = books
            .payments
            .iter()
            .filter(|(_, paid)| paid.customer == customer);
        let paid = if rest.contains(&"first") {
            payments.next()
        } else {
            payments.next_back()
        };
        let paid = paid.expect("a payment").0;
        let amount = rest
            .iter()
            .find_map(|word| Money::parse_decimal(word, Currency::USD).ok());
        let state = rest.iter().find(|word| **word == "pending");
        let state = refund_state(state.unwrap_or(&"done"));
        let sandbox = &self.rig.sandbox;
        self.back = if act == "refunds" {
            sandbox.refund(paid, amount, state).await.unwrap()
        } else {
            sandbox.dispute(paid, amount).await.unwrap()
        };
        assert!(self.back.is_some(), "{}: so much was not paid", self.place);
    }

    /// What is done about plans, codes, quotes and changes.
    async fn act_on_a_change(&mut self, words: &[&str]) {
        let driver = &self.rig.driver;
        match words {
            ["edits", number] => {
                let number: usize = number.parse().unwrap();
                let applied = self
                    .rig
                    .billing
                    .apply_catalog(&self.revisions[number - 1])
                    .await;
                self.refused = applied.err().map(|_broken_promise| "catalog".to_owned());
            }
            ["loses"] => self.rig.sandbox.inject(Fault::Drop),
            ["reconciles"] => {
                self.rig.billing.reconcile().await.unwrap();
            }
            ["code", text, gives @ ..] => self.make_code(text, gives).await,
            ["redelivers", who] => self.redeliver(who).await,
            ["quotes", who, rest @ ..] => self.quote(who, rest).await,
            ["accepts", who] => self.accept(who).await,
            ["changes", who, rest @ ..] => {
                self.quote(who, rest).await;
                if self.refused.is_none() {
                    self.accept(who).await;
                }
            }
            ["takes", "back", who] => {
                let changes = driver.changes(who).await;
                let last = changes.last().expect("a change to take back").id.clone();
                self.refused = driver.take_back(who, &last).await.err();
            }
            ["forces", who, target @ .., how @ ("free" | "collected")] => {
                let held = driver.subscriptions(who).await;
                let id = held.last().expect("a subscription to change").id.clone();
                let collect = *how == "collected";
                self.refused = driver.force(&id, targeted(target), collect).await.err();
            }
            words => panic!("{}: nobody knows how to {words:?}", self.place),
        }
    }

    /// Lets time pass, if `to` is still to come.
    async fn pass_until(&self, to: Timestamp) {
        if self.asleep {
            self.rig.clock.set(to.max(self.rig.clock.now()));
        } else {
            self.rig.run_until(to).await;
        }
    }

    /// Makes a discount code: `percent 50`, `fixed 5.00`, `set 10.00` or `free`,
    /// then `uses n` and `cycles n`.
    async fn make_code(&self, text: &str, words: &[&str]) {
        let after = |word: &str| {
            let at = words.iter().position(|other| *other == word);
            at.map(|at| words[at + 1])
        };
        let money = |text: &str| Money::parse_decimal(text, Currency::USD).unwrap();
        let gives = match words {
            ["percent", percent, ..] => Gives::Reduction(Reduction::Percent {
                basis_points: percent.parse::<u16>().unwrap() * 100,
            }),
            ["fixed", off, ..] => Gives::Reduction(Reduction::Fixed { amount: money(off) }),
            ["set", unit, ..] => Gives::Reduction(Reduction::SetPrice { unit: money(unit) }),
            ["free", ..] => Gives::FreeLicense,
            other => panic!("{}: no code gives {other:?}", self.place),
        };
        let new = NewCode {
            code: text.to_owned(),
            gives,
            plans: Vec::new(),
            cycles: after("cycles").map(|count| count.parse().unwrap()),
            max_uses: after("uses").map(|count| count.parse().unwrap()),
            expires_at: None,
        };
        self.rig.billing.create_code(new).await.unwrap();
    }

    /// The provider tells once more of every payment of this customer's, as events
    /// that nobody has seen.
    async fn redeliver(&self, who: &str) {
        let account = self
            .rig
            .billing
            .account(&who.into())
            .await
            .unwrap()
            .unwrap();
        let of = InvoiceFilter {
            customer: Some(account.customer.id),
            ..InvoiceFilter::default()
        };
        let page = PageAsk {
            after: None,
            limit: 100,
        };
        let rows = self.rig.store.list_invoices(of, page).await.unwrap().rows;
        for (number, (_, invoice)) in rows.into_iter().enumerate() {
            let facts = invoice.payments.iter().map(|paid| Observed {
                fact: Fact::InvoicePaid {
                    invoice: invoice.id,
                    payment: paid.reference.clone(),
                    amount: paid.amount,
                    conversion: invoice.conversion.clone(),
                    parts: Vec::new(),
                },
                at: paid.at,
                link: Link::default(),
            });
            let delivery = Delivery {
                account: crate::rig::account(),
                event_id: format!("again-{number}"),
                kind: "invoice.paid".to_owned(),
                reading: Reading::Facts(facts.collect()),
                body: Bytes::from_static(b"{}"),
            };
            self.rig.billing.receive_trusted(delivery).await.unwrap();
        }
    }

    async fn quote(&mut self, who: &str, target: &[&str]) {
        let held = self.rig.driver.subscriptions(who).await;
        let id = held.last().expect("a subscription to change").id.clone();
        match self.rig.driver.quote(who, &id, targeted(target)).await {
            Ok(quote) => self.quoted = Some(quote),
            Err(code) => self.refused = Some(code),
        }
    }

    async fn accept(&mut self, who: &str) {
        let quote = self.quoted.as_ref().expect("a quote to accept").id.clone();
        self.refused = self.rig.driver.accept(who, &quote).await.err();
    }

    async fn buy(&mut self, who: &str, buying: &Buying<'_>, with: Option<&str>, at: Timestamp) {
        self.rig.driver.customer(who, None).await;
        match self.rig.driver.buy(who, buying).await {
            Ok(Some(url)) => {
                self.pass_until(at).await;
                self.at_page(&url, with.unwrap_or("pays")).await;
            }
            Ok(None) => {}
            Err(code) => self.refused = Some(code),
        }
    }

    async fn pay(&mut self, who: &str, with: &str) {
        let invoices = self.rig.driver.invoices(who).await;
        let open = invoices.iter().find(|invoice| invoice.state == "open");
        let url = open.and_then(|open| open.pay_url.clone());
        self.at_page(&url.expect("an open invoice with a pay link"), with)
            .await;
    }

    /// A buyer at the provider's page.
    async fn at_page(&mut self, url: &str, with: &str) {
        let reference = url.rsplit('/').next().unwrap();
        let card = match with {
            "pays" => TestCard::Pays,
            "declined" => TestCard::Declined,
            "confirms" | "refuses" => TestCard::Confirms,
            "once" => TestCard::PaysOnce,
            "nothing" => return,
            other => panic!("{}: no card {other}", self.place),
        };
        let mut paying = self
            .rig
            .sandbox
            .pay(reference, card, Some("a@b.test"))
            .await
            .unwrap();
        if let Paying::Confirm = paying {
            paying = self
                .rig
                .sandbox
                .confirm(reference, with == "confirms")
                .await
                .unwrap();
        }
        if !matches!(paying, Paying::Paid) {
            self.refused = Some("declined".to_owned());
        }
    }

    async fn expect(&self, expected: &str) {
        let words: Vec<&str> = expected.split_whitespace().collect();
        let place = &self.place;
        let driver = &self.rig.driver;
        match words.as_slice() {
            ["refused", code] => {
                assert_eq!(self.refused.as_deref(), Some(*code), "{place}: {expected}");
            }
            ["parked", "nothing"] => assert_eq!(self.rig.parked().await, [], "{place}"),
            ["parked", reason] => {
                let parked = self.rig.parked().await;
                let found = parked.iter().any(|item| item.reason.as_str() == *reason);
                assert!(found, "{place}: expected {reason}, parked are {parked:?}");
            }
            ["told", event, times] => {
                let told = self.rig.notifier.events();
                let count = told.iter().filter(|held| held.as_str() == *event).count();
                assert_eq!(count.to_string(), *times, "{place}: {event} among {told:?}");
            }
            [who, "is", rest @ ..] => {
                let held: Vec<_> = driver
                    .subscriptions(who)
                    .await
                    .iter()
                    .map(subscription_line)
                    .collect();
                let wanted = rest.join(" ");
                assert!(
                    held.contains(&wanted),
                    "{place}: {who} is not {wanted}, but {held:?}"
                );
            }
            [who, "holds", count] => {
                let held = driver.subscriptions(who).await.len().to_string();
                assert_eq!(held, *count, "{place}: subscriptions of {who}");
            }
            [who, "may", "not", feature, rest @ ..] => {
                let said = driver.check(who, feature.trim_end_matches(',')).await;
                let wanted = if rest.is_empty() {
                    said.clone()
                } else {
                    format!("no, {}", rest.join(" "))
                };
                assert!(
                    said.starts_with("no"),
                    "{place}: {who} may {feature}: {said}"
                );
                assert_eq!(said, wanted, "{place}: {expected}");
            }
            [who, "may", feature] => assert_eq!(
                driver.check(who, feature).await,
                "yes",
                "{place}: {expected}"
            ),
            [who, "may", feature, limit] => {
                let feature = feature.trim_end_matches(',');
                let wanted = format!("yes, {limit}");
                assert_eq!(
                    driver.check(who, feature).await,
                    wanted,
                    "{place}: {expected}"
                );
            }
            [who, "paid", rest @ ..] => {
                let customer = driver.id(who).await.parse().unwrap();
                let charged = self.rig.sandbox.books().charged(customer);
                let charged: Vec<_> = charged.iter().map(ToString::to_string).collect();
                let wanted = rest.join(" ");
                let wanted = if wanted == "nothing" {
                    String::new()
                } else {
                    wanted
                };
                assert_eq!(charged.join(", "), wanted, "{place}: charges of {who}");
            }
            [who, "has", count, "invoices" | "invoice"] => {
                let invoices = driver.invoices(who).await;
                assert_eq!(invoices.len().to_string(), *count, "{place}: {invoices:?}");
            }
            [who, "has", rest @ ..] => {
                let lines: Vec<_> = driver
                    .invoices(who)
                    .await
                    .iter()
                    .map(invoice_line)
                    .collect();
                let wanted = rest.join(" ");
                assert!(
                    lines.contains(&wanted),
                    "{place}: {who} has not {wanted}, but {lines:?}"
                );
            }
            words => self.expect_of_a_change(words, expected).await,
        }
    }

    /// What is expected of quotes, changes and balances.
    async fn expect_of_a_change(&self, words: &[&str], expected: &str) {
        let place = &self.place;
        let driver = &self.rig.driver;
        match words {
            ["owes", rest @ ..] => {
                let quoted = self.quoted.as_ref().expect("a quote");
                assert_eq!(quoted.owed, rest.join(" "), "{place}: {quoted:?}");
            }
            ["takes", "effect", when] => {
                let quoted = self.quoted.as_ref().expect("a quote");
                assert_eq!(quoted.effective, *when, "{place}: {quoted:?}");
            }
            ["then", rest @ ..] => {
                let quoted = self.quoted.as_ref().expect("a quote");
                let next = quoted.next.clone().unwrap_or("nothing".to_owned());
                assert_eq!(next, rest.join(" "), "{place}: {quoted:?}");
            }
            ["loses", rest @ ..] => {
                let quoted = self.quoted.as_ref().expect("a quote");
                let wanted = if rest == ["nothing"] { &[] } else { rest };
                assert_eq!(quoted.loses, wanted, "{place}: {quoted:?}");
            }
            [who, "change", state, rest @ ..] => {
                let changes = driver.changes(who).await;
                let found = changes.iter().any(|change| {
                    change.state == *state
                        && rest.first().is_none_or(|plan| change.plan == *plan)
                        && rest
                            .get(1)
                            .is_none_or(|at| change.applied_at.as_deref() == Some(*at))
                });
                assert!(found, "{place}: {expected}, but {changes:?}");
            }
            [who, "balance", rest @ ..] => {
                let held = driver.balances(who).await.join(", ");
                let wanted = rest.join(" ");
                let wanted = if wanted == "none" {
                    String::new()
                } else {
                    wanted
                };
                assert_eq!(held, wanted, "{place}: balance of {who}");
            }
            [who, "pieces", count] => {
                let held = driver.subscriptions(who).await;
                let last = held.last().expect("a subscription").quantity.to_string();
                assert_eq!(last, *count, "{place}: pieces of {who}");
            }
            _ => panic!("{place}: nobody knows how to expect {expected:?}"),
        }
    }
}

fn refund_state(word: &str) -> RefundState {
    match word {
        "pending" => RefundState::Pending,
        "done" => RefundState::Done,
        "failed" => RefundState::Failed,
        other => panic!("no refund is {other}"),
    }
}

/// A plan or price and pieces: `team`, `team x3`, `x3`.
fn targeted<'a>(words: &[&'a str]) -> Target<'a> {
    let pieces = words.iter().find_map(|word| word.strip_prefix('x'));
    let pieces = pieces.and_then(|count| count.parse().ok());
    let what = words
        .iter()
        .find(|word| !(word.starts_with('x') && pieces.is_some()));
    Target {
        what: what.copied().unwrap_or("-"),
        pieces,
    }
}

fn subscription_line(held: &SubscriptionSeen) -> String {
    let through = held
        .paid_through
        .as_ref()
        .map(|day| format!(" through {day}"));
    let ends = held.ends_at.as_ref().map(|day| format!(" ends {day}"));
    format!(
        "{} {}{}{}",
        held.plan,
        held.status,
        through.unwrap_or_default(),
        ends.unwrap_or_default()
    )
}

fn invoice_line(held: &InvoiceSeen) -> String {
    let cycle = held
        .cycle
        .map(|cycle| format!(" {cycle}"))
        .unwrap_or_default();
    let period = held
        .period
        .as_ref()
        .map(|(start, end)| format!(" {start}..{end}"));
    format!(
        "{}{cycle} {} {}{}",
        held.purpose,
        held.amount,
        held.state,
        period.unwrap_or_default()
    )
}
