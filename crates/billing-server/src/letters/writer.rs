//! Writes letters as things happen, and hands them over. What is not so any more when its
//! letter is written, such as a renewal that was paid meanwhile, is not written about.

use std::sync::Arc;

use async_trait::async_trait;
use billing_domain::catalog::{Catalog, CatalogRevision};
use billing_domain::claim::Claim;
use billing_domain::customer::{Account, Customer};
use billing_domain::ids::{CustomerId, GrantId, SubscriptionId};
use billing_domain::invoice::{Invoice, InvoiceState};
use billing_domain::journal::JournalEntry;
use billing_domain::license::LicenseState;
use billing_domain::line::LineKind;
use billing_domain::money::Money;
use billing_domain::subscription::State;
use billing_domain::time::Timestamp;
use billing_notify::{Carried, Transport, Way};
use billing_ports::store::Also;
use billing_ports::{LicenseSigner, Mail, MailError};

use super::kind::Letter;
use super::language::Language;
use super::rise::Rise;
use super::template::{Values, shortened};
use super::{LetterOptions, templates};
use crate::desk::Desk;
use crate::renewal_link::Links;
use crate::state::AppState;

/// The pages where letters lead to.
const HOME: &str = "/portal";
const LICENSES: &str = "/portal/licenses";
const INVOICES: &str = "/portal/invoices";

/// Lines that say what an invoice sells.
const SELLS: [LineKind; 3] = [LineKind::Plan, LineKind::Begins, LineKind::Difference];

/// Mails letters as they are told. Holds no engine, which holds this.
pub(crate) struct Letters {
    desk: Desk,
    links: Links,
    signer: Option<Arc<dyn LicenseSigner>>,
    options: LetterOptions,
}

/// Something that failed for now, fit for a log.
type Failed = String;

/// What a letter is about, as things stand.
pub(super) struct About<'a> {
    pub(super) entry: &'a JournalEntry,
    pub(super) account: &'a Account,
    /// Whom it goes to.
    to: &'a Customer,
    language: Language,
    pub(super) revision: Option<&'a CatalogRevision>,
}

impl Letters {
    /// As `state` mails and signs. `None`: billing is switched off, or no mail is sent.
    pub(crate) fn of(state: &AppState, options: LetterOptions) -> Option<Self> {
        let desk = Desk::of(state)?;
        desk.post.mailer()?;
        Some(Self {
            desk,
            links: Links::of(state)?,
            signer: state.signer.clone(),
            options,
        })
    }

    /// The letter about `entry`. `None`: none is wanted of it, what it tells of is not so any
    /// more, or there is no address.
    async fn letter(&self, entry: &JournalEntry) -> Result<Option<Mail>, Failed> {
        let Some(letter) = self.wanted(entry) else {
            return Ok(None);
        };
        let also = Also {
            invoices: entry.invoice.into_iter().collect(),
            ..Also::default()
        };
        let Some(account) = self.account(entry.customer, &also).await? else {
            return Ok(None);
        };
        let to = self.addressee(&account.customer).await?;
        let Some((to, mailbox)) = to.and_then(|to| to.email.clone().map(|mailbox| (to, mailbox)))
        else {
            return Ok(None);
        };
        let catalog = self.desk.store.current_catalog().await;
        let catalog = catalog.map_err(|error| error.to_string())?;
        let spoken = to.lang.as_deref().and_then(Language::from_tag);
        let about = About {
            entry,
            account: &account,
            to: &to,
            language: spoken.unwrap_or(self.options.language),
            revision: catalog.as_ref(),
        };
        let Some((letter, values)) = self.values(letter, &about).await? else {
            return Ok(None);
        };
        let written = self
            .options
            .templates
            .write(letter, about.language, &values);
        Ok(written.map(|written| mail(entry, mailbox, written)))
    }

    /// The letter that is wanted of this. Of a license with its key and without, the former.
    fn wanted(&self, entry: &JournalEntry) -> Option<Letter> {
        let about = Letter::about(entry.event);
        about
            .filter(|letter| self.options.wanted.contains(letter))
            .last()
    }

    async fn account(&self, id: CustomerId, also: &Also) -> Result<Option<Account>, Failed> {
        let loaded = self.desk.store.load(id, also).await;
        let loaded = loaded.map_err(|error| error.to_string())?;
        Ok(loaded.map(|loaded| loaded.account))
    }

    /// To whom mail for `customer` goes: itself, or the account that a guest was attached to.
    async fn addressee(&self, customer: &Customer) -> Result<Option<Customer>, Failed> {
        let attached = customer.claim.as_ref().and_then(Claim::attached_to);
        let Some(to) = attached else {
            return Ok(Some(customer.clone()));
        };
        let account = self.account(to, &Also::default()).await?;
        Ok(account.map(|account| account.customer))
    }

    /// What stands in the letter, which may be another where this one cannot be written.
    /// `None`: nothing is to be said.
    async fn values(
        &self,
        letter: Letter,
        about: &About<'_>,
    ) -> Result<Option<(Letter, Values)>, Failed> {
        let said = match letter {
            Letter::RenewalDue | Letter::RenewalEnding => self.renewal(about).await?,
            Letter::TrialEnding => self.trial(about),
            Letter::PaymentFailed => self.failed(about),
            Letter::PriceChange => self.price(about),
            Letter::License => self.license(about),
            Letter::LicenseKey => return Ok(self.license_key(about)),
            Letter::Receipt => self.receipt(about),
            // Written where they are asked for.
            Letter::SignIn | Letter::Claim => None,
        };
        Ok(said.map(|values| (letter, values)))
    }

    async fn renewal(&self, about: &About<'_>) -> Result<Option<Values>, Failed> {
        let (Some(open), Some(owed)) = (about.open(), about.entry.renewal) else {
            return Ok(None);
        };
        if self.desk.clock.now() >= owed.grace_ends_at {
            return Ok(None);
        }
        let link = self.pay_link(about.entry, open).await?;
        let mut values = about.of_invoice(open, link);
        values.insert("amount", about.language.amount(open.amount));
        about.time(&mut values, ["due", "due_day"], owed.due_at);
        about.time(&mut values, ["ends", "ends_day"], owed.grace_ends_at);
        Ok(Some(values))
    }

    fn trial(&self, about: &About<'_>) -> Option<Values> {
        let ends_at = about.trial_ends_at()?;
        if self.desk.clock.now() >= ends_at {
            return None;
        }
        let link = self.page(HOME);
        let mut values = match about.entry.grant {
            Some(id) => about.of_grant(id, link)?,
            None => about.values(about.entry.subscription, link),
        };
        about.time(&mut values, ["ends", "ends_day"], ends_at);
        Some(values)
    }

    fn failed(&self, about: &About<'_>) -> Option<Values> {
        let open = about.open()?;
        // Where there is no page of ours it is paid at the provider's.
        let there = open.pay_url.clone().filter(|_| !self.links.has_pages());
        let link = there.unwrap_or_else(|| self.page(HOME));
        let mut values = about.of_invoice(open, link);
        values.insert("amount", about.language.amount(open.amount));
        Some(values)
    }

    fn price(&self, about: &About<'_>) -> Option<Values> {
        let rise = Rise::to_come(about, self.desk.clock.now())?;
        let mut values = about.common(Some(rise.plan.as_str()), self.page(HOME));
        values.insert("amount", about.language.amount(rise.amount));
        about.time(&mut values, ["from", "from_day"], rise.from);
        Some(values)
    }

    fn license(&self, about: &About<'_>) -> Option<Values> {
        let id = about.entry.license?;
        let mut licenses = about.account.licenses.iter();
        let held = licenses.find(|held| held.id == id && held.state == LicenseState::Good)?;
        Some(about.values(Some(held.subscription), self.page(LICENSES)))
    }

    /// The key goes to nobody but whoever has shown to read the mailbox, or is vouched for by
    /// the host: what a guest has typed may be anybody's.
    fn license_key(&self, about: &About<'_>) -> Option<(Letter, Values)> {
        let mut values = self.license(about)?;
        let owner = about.to.is_of_mailbox();
        let signer = self.signer.as_ref().filter(|_| owner);
        let (Some(signer), Some(id)) = (signer, about.entry.license) else {
            return Some((Letter::License, values));
        };
        values.insert("key", signer.key_of(id.uuid()));
        Some((Letter::LicenseKey, values))
    }

    fn receipt(&self, about: &About<'_>) -> Option<Values> {
        let id = about.entry.invoice?;
        let paid = about.account.invoice(id)?;
        let InvoiceState::Settled { at } = paid.state else {
            return None;
        };
        let received = received(paid);
        if received.amount <= 0 {
            return None;
        }
        let mut values = about.of_invoice(paid, self.page(INVOICES));
        values.insert("amount", about.language.amount(received));
        values.insert("invoice", id.to_string());
        about.time(&mut values, ["paid", "paid_day"], at);
        Some(values)
    }

    /// Where a renewal is paid: at a page of ours, or, where there are none, at the page that
    /// its provider has now. While that is made anew, the letter waits.
    async fn pay_link(&self, entry: &JournalEntry, open: &Invoice) -> Result<String, Failed> {
        let none = || "there is no page to pay at yet".to_owned();
        if !self.links.has_pages() {
            return open.pay_url.clone().ok_or_else(none);
        }
        let address = self.links.address(entry).await;
        let address = address.map_err(|_logged| "the link could not be made".to_owned())?;
        address.ok_or_else(none)
    }

    /// Where customers look after what they bought: the host's address, or this page of ours.
    fn page(&self, page: &str) -> String {
        let home = self.options.home.clone();
        home.unwrap_or_else(|| format!("{}{page}", self.desk.options.public_url))
    }
}

#[async_trait]
impl Transport for Letters {
    fn way(&self) -> Way {
        Way::Mail
    }

    fn wants(&self, entry: &JournalEntry) -> bool {
        self.wanted(entry).is_some()
    }

    async fn carry(&self, entry: &JournalEntry) -> Carried {
        let again = |problem| Carried::Again {
            problem,
            after: None,
        };
        let mail = match self.letter(entry).await {
            Ok(Some(mail)) => mail,
            Ok(None) => return Carried::Done,
            Err(problem) => return again(problem),
        };
        match self.desk.post.send(&mail).await {
            Ok(()) => Carried::Done,
            Err(error @ MailError::NotTaken(_)) => again(error.to_string()),
            Err(error @ MailError::Refused(_)) => Carried::Never(error.to_string()),
            Err(error @ MailError::Unwelcome(_)) => Carried::Unwelcome(error.to_string()),
        }
    }
}

impl About<'_> {
    /// The invoice, while it is owed.
    fn open(&self) -> Option<&Invoice> {
        let invoice = self.account.invoice(self.entry.invoice?)?;
        invoice.is_open().then_some(invoice)
    }

    /// When the trial ends that the entry tells of, if it is still to end then.
    fn trial_ends_at(&self) -> Option<Timestamp> {
        let told: Timestamp = self.entry.note.as_deref()?.parse().ok()?;
        let ends_at = match (self.entry.subscription, self.entry.grant) {
            (Some(id), _) => {
                let State::Trialing { ends_at, .. } = self.account.subscription(id)?.state else {
                    return None;
                };
                Some(ends_at)
            }
            (None, Some(id)) => {
                let mut grants = self.account.grants.iter();
                grants.find(|held| held.id == id)?.ends_at
            }
            (None, None) => None,
        };
        ends_at.filter(|ends_at| *ends_at == told)
    }

    /// What stands in every letter about a subscription.
    fn values(&self, of: Option<SubscriptionId>, link: String) -> Values {
        let held = of.and_then(|id| self.account.subscription(id));
        let plan = held.map(|held| held.terms.plan.as_str());
        self.common(plan, link)
    }

    /// What stands in every letter about an invoice. One for a change is of the plan that it
    /// leads to, which is not held before it is paid.
    fn of_invoice(&self, invoice: &Invoice, link: String) -> Values {
        let change = invoice.change.and_then(|id| self.account.change(id));
        let changed = change.map(|change| &change.quote.terms.plan);
        let sold = || {
            let mut lines = invoice.lines.iter().rev();
            lines.find(|line| SELLS.contains(&line.kind))?.plan.as_ref()
        };
        match changed.or_else(sold) {
            Some(plan) => self.common(Some(plan.as_str()), link),
            None => self.values(invoice.subscription, link),
        }
    }

    fn of_grant(&self, id: GrantId, link: String) -> Option<Values> {
        let held = self.account.grants.iter().find(|held| held.id == id)?;
        Some(self.common(Some(held.plan.as_str()), link))
    }

    fn common(&self, plan: Option<&str>, link: String) -> Values {
        let catalog = self.revision.map(|revision| &revision.catalog);
        let product = catalog.map(Catalog::product);
        let product = product.unwrap_or(self.language.our_shop());
        let known = plan.and_then(|plan| catalog?.plan(plan));
        let plan = known.map(|known| known.name.as_str()).or(plan);
        let plan = plan.unwrap_or(self.language.your_plan());
        Values::from([
            ("product", shortened(product)),
            ("plan", shortened(plan)),
            ("link", link),
        ])
    }

    /// A time, to the minute and by its day.
    fn time(&self, values: &mut Values, names: [&'static str; 2], at: Timestamp) {
        let [minute, day] = names;
        values.insert(minute, self.language.minute(at));
        values.insert(day, self.language.day(at));
    }
}

fn mail(entry: &JournalEntry, to: String, written: templates::Written) -> Mail {
    Mail {
        // The same however often it is told, and for life.
        id: entry.id.to_string(),
        to,
        subject: written.subject,
        text: written.text,
        html: Some(written.html),
    }
}

/// What was received for an invoice: what was paid, which may be in another currency than is
/// owed, and more where taxes came on top.
fn received(paid: &Invoice) -> Money {
    let credited = paid.payments.iter().find(|payment| payment.credited);
    credited.map_or(paid.amount, |payment| payment.amount)
}
