//! Letters that call a renewal to mind, with the link by which it is paid.
//!
//! Knows what such a letter says and whom it goes to; when somebody is reminded the rules
//! decide. What was paid or ended since then is not written about.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use billing_domain::catalog::Catalog;
use billing_domain::claim::Claim;
use billing_domain::customer::{Account, Customer};
use billing_domain::ids::{CustomerId, EffectId};
use billing_domain::invoice::Invoice;
use billing_domain::journal::{Event, JournalEntry, RenewalOwed};
use billing_domain::time::Timestamp;
use billing_ports::store::Also;
use billing_ports::{Mail, Notifier, NotifyError};
use jiff::tz::TimeZone;

use crate::desk::Desk;
use crate::drawn_keys::{Books, DrawnKeys};
use crate::mail::Queue;
use crate::renewal_link::address_below;
use crate::state::AppState;

/// Mails reminders as they are told. Holds no engine, which holds this.
pub(crate) struct ReminderLetters {
    desk: Desk,
    keys: Arc<DrawnKeys>,
    pages: Arc<AtomicBool>,
    queue: Queue,
}

impl ReminderLetters {
    /// As `state` mails. `None`: billing is switched off.
    pub(crate) fn of(state: &AppState) -> Option<Self> {
        Some(Self {
            desk: Desk::of(state)?,
            keys: Arc::clone(&state.renewal_keys),
            pages: Arc::clone(state.pages()),
            queue: Queue::new(),
        })
    }

    /// The letter about `entry`. `None`: it is no reminder, what it tells of is owed no
    /// longer, or there is no address, or no link.
    async fn letter(&self, entry: &JournalEntry) -> Result<Option<Mail>, String> {
        let (Some(kind), Some(owed)) = (Kind::of(entry.event), entry.renewal) else {
            return Ok(None);
        };
        let Some(account) = self.account(entry.customer).await? else {
            return Ok(None);
        };
        let open = entry.invoice.and_then(|id| account.invoice(id));
        let open = open.filter(|open| open.is_open() && self.desk.clock.now() < owed.grace_ends_at);
        let (Some(open), Some(to)) = (open, self.mailbox(&account.customer).await?) else {
            return Ok(None);
        };
        let Some(link) = self.link(entry).await? else {
            return Ok(None);
        };
        let catalog = self.desk.store.current_catalog().await;
        let catalog = catalog.map_err(|error| error.to_string())?;
        let catalog = catalog.as_ref().map(|revision| &revision.catalog);
        let of = named(&account, open, catalog);
        let product = catalog.map_or("our shop", Catalog::product);
        Ok(Some(Mail {
            id: entry.id.to_string(),
            to,
            subject: kind.subject(product, &owed),
            text: kind.text(&of, product, open, &owed, &link),
        }))
    }

    async fn account(&self, id: CustomerId) -> Result<Option<Account>, String> {
        let loaded = self.desk.store.load(id, &Also::default()).await;
        let loaded = loaded.map_err(|error| error.to_string())?;
        Ok(loaded.map(|loaded| loaded.account))
    }

    /// Where mail for `customer` goes: its own address, or that of the account that a guest
    /// was attached to. `None`: there is none on file.
    async fn mailbox(&self, customer: &Customer) -> Result<Option<String>, String> {
        let attached = customer.claim.as_ref().and_then(Claim::attached_to);
        let Some(to) = attached else {
            return Ok(customer.email.clone());
        };
        let account = self.account(to).await?;
        Ok(account.and_then(|account| account.customer.email))
    }

    /// Where it is paid: at a page of ours, or at the provider's where there are no pages.
    async fn link(&self, entry: &JournalEntry) -> Result<Option<String>, String> {
        if !self.pages.load(Ordering::Relaxed) {
            return Ok(entry.note.clone());
        }
        let books = Books {
            store: self.desk.store.as_ref(),
            clock: self.desk.clock.as_ref(),
            ids: self.desk.ids.as_ref(),
        };
        let below = &self.desk.options.public_url;
        let address = address_below(below, &books, &self.keys, entry).await;
        address.map_err(|_logged| "the link could not be made".to_owned())
    }
}

#[async_trait]
impl Notifier for ReminderLetters {
    /// The same mail has the same id however often it is told, and is handed over once by
    /// this process. What waits for it is durable: so it waits for its turn, and is told
    /// again where the mail is not taken.
    async fn notify(
        &self,
        _delivery: EffectId,
        entries: &[JournalEntry],
    ) -> Result<(), NotifyError> {
        let Some(mailer) = self.desk.post.mailer() else {
            return Ok(());
        };
        for entry in entries {
            let letter = self.letter(entry).await;
            if let Some(mail) = letter.map_err(NotifyError::Failed)? {
                self.queue.send(mailer.as_ref(), &mail).await?;
            }
        }
        Ok(())
    }
}

/// What is called to mind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It is due soon.
    Due,
    /// Its grace ends soon.
    Ending,
}

impl Kind {
    fn of(event: Event) -> Option<Self> {
        if event == Event::SubscriptionRenewalDue {
            return Some(Self::Due);
        }
        (event == Event::SubscriptionGraceEnding).then_some(Self::Ending)
    }

    fn subject(self, product: &str, owed: &RenewalOwed) -> String {
        match self {
            Self::Due => format!("Your renewal at {product} is due on {}", day(owed.due_at)),
            Self::Ending => format!(
                "Your renewal at {product} can be paid until {}",
                day(owed.grace_ends_at)
            ),
        }
    }

    fn text(
        self,
        of: &str,
        product: &str,
        open: &Invoice,
        owed: &RenewalOwed,
        link: &str,
    ) -> String {
        let (amount, due) = (open.amount, minute(owed.due_at));
        let ends = minute(owed.grace_ends_at);
        let what = match self {
            Self::Due => format!("The next period of {of} at {product} is due on {due}."),
            Self::Ending => format!(
                "The current period of {of} at {product} was due on {due}, and is not paid.\n\
                 Unpaid on {ends}, it ends."
            ),
        };
        format!(
            "{what}\n\
             \n\
             It costs {amount}, and is paid here, until {ends}:\n\
             \n\
             {link}\n\
             \n\
             Nothing is charged by itself. If you have paid by now, or do not want to go on,\n\
             there is nothing to do.\n"
        )
    }
}

/// What the invoice is for, as the catalog calls it.
fn named(account: &Account, open: &Invoice, catalog: Option<&Catalog>) -> String {
    let held = open.subscription.and_then(|id| account.subscription(id));
    let plan = held.map(|held| &held.terms.plan);
    let known = plan.and_then(|plan| catalog?.plan(plan.as_str()));
    match (known, plan) {
        (Some(known), _) => known.name.clone(),
        (None, Some(plan)) => plan.to_string(),
        (None, None) => "your plan".to_owned(),
    }
}

/// As in `8 February 2026`, in UTC.
fn day(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%-d %B %Y").to_string()
}

/// As in `8 February 2026, 14:30 UTC`.
fn minute(at: Timestamp) -> String {
    let at = at.to_zoned(TimeZone::UTC);
    at.strftime("%-d %B %Y, %H:%M UTC").to_string()
}
