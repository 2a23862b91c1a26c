//! Stories on a calendar: a plan file, then dated lines that act and expect.
//!
//! Time passes between two lines as it does for a server: whatever falls due on
//! the way is worked off when it does, unless the worker sleeps.

use billing::sandbox::{Fault, FaultPlan, FaultRates, Mode, Paying, TestCard};
use billing_catalog::read_plan_file;
use billing_domain::time::{Timestamp, shifted};
use billing_ports::Clock;
use jiff::SignedDuration;

use crate::rig::{InvoiceSeen, Rig, StoreKind, SubscriptionSeen, Through};

/// Tells a story on one store, through one door.
pub(crate) async fn tell(name: &str, text: &str, mode: Mode, kind: StoreKind, through: Through) {
    if kind.is_skipped() {
        println!("SKIPPED {name} on {kind:?}: told to go without PostgreSQL");
        return;
    }
    let (plans, lines) = text
        .split_once("\n---\n")
        .expect("a plan file, then ---, then lines");
    let catalog =
        read_plan_file(name, plans.as_bytes()).unwrap_or_else(|errors| panic!("{errors}"));
    let lines: Vec<Line<'_>> = lines.lines().enumerate().filter_map(Line::read).collect();
    let first = lines.first().expect("a story has lines").at;
    let start = shifted(first, SignedDuration::from_hours(-1));
    let mut told = Told {
        rig: Rig::new(kind, through, mode, &catalog, start).await,
        asleep: false,
        refused: None,
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
            ["buys", who, what, rest @ ..] => {
                let pieces = rest.iter().find_map(|word| word.strip_prefix('x'));
                let card = rest
                    .iter()
                    .position(|word| *word == "with")
                    .map(|at| rest[at + 1]);
                let pieces = pieces.map_or(1, |n| n.parse().unwrap());
                self.buy(who, what, pieces, card, line.at).await;
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
            words => panic!("{}: nobody knows how to {words:?}", self.place),
        }
        if !self.asleep {
            self.rig.settle().await;
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

    async fn buy(&mut self, who: &str, what: &str, pieces: u32, with: Option<&str>, at: Timestamp) {
        self.rig.driver.customer(who, None).await;
        match self.rig.driver.buy(who, what, pieces).await {
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
            _ => panic!("{place}: nobody knows how to expect {expected:?}"),
        }
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
