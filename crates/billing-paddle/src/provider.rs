//! A Paddle account as a payment provider. What each order takes is in `perform`.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use billing_domain::catalog::Catalog;
use billing_domain::discounted::DiscountedSale;
use billing_domain::effect::{ChangeSubscription, EffectKey, Order, Resuming};
use billing_domain::fact::Observed;
use billing_domain::ids::EffectId;
use billing_domain::provider::{Capabilities, ProviderAccount, ProviderRef, RefKind};
use billing_domain::time::Timestamp;
use billing_http::HttpClient;
use billing_ports::provider::{Inspected, LeftOver, Listed, PortalAnswer, PortalAsk};
use billing_ports::{
    Answer, Clock, Delivery, Finding, PaymentProvider, PerformError, Previewed, Refunds, Resent,
    ResumePreviewed,
};
use url::Url;

use crate::alone::AtWork;
use crate::api_error::CallError;
use crate::client::{Client, Page};
use crate::map::Teller;
use crate::map::proof::{Proof, prove};
use crate::map::subscription::Untold;
use crate::map::transaction::Said;
use crate::options::{Mode, OptionsError, PaddleOptions};
use crate::perform;
use crate::wire::{Adjustment, Customer, SentAgain, Subscription, Transaction};

/// How many of a subscription's transactions are looked at in one call: a page, which
/// Paddle limits to 30. A period rarely has more than two, its renewal and a change.
const PROOF_PAGE: &str = "30";

/// How many pages are looked at for what is paid for, newest first: 300 transactions.
/// Paddle takes 100 chargeable changes of a subscription in a day, and lists those
/// that were declined as well.
const PROOF_PAGES: usize = 10;

/// A Paddle account. Cloning is cheap and shares the connections.
#[derive(Clone)]
pub struct Paddle {
    pub(crate) client: Client,
    pub(crate) teller: Teller,
    pub(crate) mode: Option<Mode>,
    pub(crate) checkout_url: Option<Url>,
    pub(crate) webhook_url: Option<Url>,
    pub(crate) clock: Arc<dyn Clock>,
    /// Who reads a subscription and puts something in place by what was read.
    pub(crate) at_work: Arc<AtWork>,
}

impl fmt::Debug for Paddle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Paddle")
            .field("account", &self.teller.account)
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}

impl Paddle {
    /// The account of these settings, at the time of `clock`.
    ///
    /// # Errors
    ///
    /// [`OptionsError`] when the settings contradict each other. Nothing is sent.
    pub fn new(
        options: &PaddleOptions,
        http: HttpClient,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OptionsError> {
        let base = options.resolved_url()?;
        Ok(Self {
            client: Client::new(options, http)?,
            teller: Teller::new(options),
            mode: Mode::of_key(&options.api_key).or_else(|| Mode::of_url(&base)),
            checkout_url: options.checkout_url.clone(),
            webhook_url: options.webhook_url.clone(),
            clock,
            at_work: Arc::default(),
        })
    }

    /// Has a notification sent again (`notification_id` of a webhook). Its event
    /// keeps its id.
    async fn send_again(&self, notification: &str) -> Result<SentAgain, CallError> {
        let nothing = serde_json::json!({});
        let path = ["notifications", notification, "replay"];
        self.client.post(&path, &nothing).await
    }

    /// The subscription as it stands. `None`: there is none.
    pub(crate) async fn subscription(&self, id: &str) -> Result<Option<Subscription>, CallError> {
        self.client.find(&["subscriptions", id], &[]).await
    }

    /// Its newest transactions, as far as they say something of its money: so many that
    /// they prove what is paid for, or all.
    pub(crate) async fn money_of(
        &self,
        held: &Subscription,
    ) -> Result<Vec<Transaction>, CallError> {
        let mut money: Vec<Transaction> = Vec::new();
        let mut after: Option<String> = None;
        for _ in 0..PROOF_PAGES {
            let mut query = vec![
                ("subscription_id", held.id.as_str()),
                ("status", "completed,past_due,canceled"),
                ("order_by", "created_at[DESC]"),
                ("per_page", PROOF_PAGE),
            ];
            query.extend(after.as_deref().map(|after| ("after", after)));
            let page: Page<Transaction> = self.client.page(&["transactions"], &query).await?;
            money.extend(page.rows);
            let proof = prove(held.period(), &money);
            let enough = match held.period() {
                Some(_) => proof.current_paid,
                None => proof.paid.is_some(),
            };
            after = page.after.filter(|_| !enough);
            if after.is_none() {
                return Ok(money);
            }
        }
        if prove(held.period(), &money).paid.is_some() {
            return Ok(money);
        }
        // Told as unpaid, what is paid for would be taken away.
        Err(CallError::Unknown(
            "what is paid for is further back than was looked".to_owned(),
        ))
    }

    /// The facts of a subscription, with what its transactions prove.
    pub(crate) async fn told(
        &self,
        subscription: &Subscription,
    ) -> Result<Vec<Observed>, CallError> {
        if Teller::is_plain(subscription) {
            return self.tell(subscription, &Proof::default());
        }
        let money = self.money_of(subscription).await?;
        self.tell(subscription, &prove(subscription.period(), &money))
    }

    /// The facts of a subscription, given what its transactions prove.
    pub(crate) fn tell(
        &self,
        subscription: &Subscription,
        proof: &Proof,
    ) -> Result<Vec<Observed>, CallError> {
        match self.teller.subscription(subscription, proof) {
            Ok(snapshot) => Ok(vec![snapshot]),
            Err(Untold::Foreign) => Ok(Vec::new()),
            // Told as nothing, it would look gone.
            Err(Untold::UnknownStatus) => Err(CallError::Unknown(
                "the subscription has a status that is not known here".to_owned(),
            )),
            Err(Untold::Empty) => Err(CallError::Unknown(
                "the subscription has no items".to_owned(),
            )),
        }
    }

    async fn look(&self, object: &ProviderRef) -> Result<Vec<Observed>, CallError> {
        let id = object.id.as_str();
        match object.kind {
            RefKind::Subscription => self.reread(id).await,
            RefKind::Payment if id.starts_with("adj_") => {
                let found: Vec<Adjustment> =
                    self.client.get(&["adjustments"], &[("id", id)]).await?;
                let told = found.iter().filter_map(|it| self.teller.adjustment(it));
                Ok(told.collect())
            }
            RefKind::Invoice | RefKind::Checkout | RefKind::Payment => {
                let query = [("include", "adjustments,customer")];
                let path = ["transactions", id];
                let found: Option<Transaction> = self.client.find(&path, &query).await?;
                Ok(found.map_or_else(Vec::new, |found| self.of_transaction(&found)))
            }
            RefKind::Customer => {
                let found: Option<Customer> = self.client.find(&["customers", id], &[]).await?;
                Ok(found
                    .map(|found| self.teller.customer(&found))
                    .into_iter()
                    .collect())
            }
        }
    }

    /// Looks at the same, and writes nothing.
    async fn look_only(&self, object: &ProviderRef) -> Result<Inspected, CallError> {
        if object.kind != RefKind::Subscription {
            let facts = self.look(object).await?;
            return Ok(Inspected { facts, left: None });
        }
        let Some(held) = self.subscription(&object.id).await? else {
            let facts = Vec::new();
            return Ok(Inspected { facts, left: None });
        };
        let left = self.left_lifted(&held).map(|note| LeftOver {
            wanted: format!("{} from {}", note.later, note.until),
            stands: note.paid.to_string(),
        });
        let facts = self.told(&held).await?;
        Ok(Inspected { facts, left })
    }

    /// What a transaction tells; a page that nobody has paid at tells that it is there.
    /// Another deployment's tells nothing, not even whose it is over there.
    fn of_transaction(&self, transaction: &Transaction) -> Vec<Observed> {
        if self.teller.is_elsewhere(transaction) {
            return Vec::new();
        }
        let mut facts = self.teller.transaction(transaction, Said::Nothing);
        if facts.is_empty() {
            facts.push(self.teller.uneventful(transaction));
        }
        facts
    }
}

#[async_trait]
impl PaymentProvider for Paddle {
    fn account(&self) -> &ProviderAccount {
        &self.teller.account
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            owns_schedule: true,
            prorates: true,
            hosted_checkout: true,
            portal: true,
            pause: true,
            saved_method: true,
            paused_ends_at_once: true,
        }
    }

    fn refuses_key(&self) -> bool {
        self.client.watch.is_refused()
    }

    async fn perform(
        &self,
        effect: EffectId,
        key: &EffectKey,
        order: &Order,
    ) -> Result<Answer, PerformError> {
        if order
            .provider()
            .is_some_and(|named| named != &self.teller.account)
        {
            return Err(misdirected(order.provider(), &self.teller.account));
        }
        match self.carry_out(effect, key, order).await? {
            Ok(facts) => Ok(Answer::Done(facts)),
            Err(error) => error.answer(),
        }
    }

    async fn read(&self, object: &ProviderRef) -> Result<Vec<Observed>, PerformError> {
        if object.account != self.teller.account {
            return Err(misdirected(Some(&object.account), &self.teller.account));
        }
        self.look(object).await.map_err(CallError::of_read)
    }

    async fn inspect(&self, object: &ProviderRef) -> Result<Inspected, PerformError> {
        if object.account != self.teller.account {
            return Err(misdirected(Some(&object.account), &self.teller.account));
        }
        self.look_only(object).await.map_err(CallError::of_read)
    }

    async fn preview(&self, change: &ChangeSubscription) -> Result<Previewed, PerformError> {
        match self.cost(change).await {
            Ok(preview) => Ok(Previewed::Costs(preview)),
            Err(error) => error.refusal().map(Previewed::Refused),
        }
    }

    fn takes_discount(&self, sale: &DiscountedSale) -> bool {
        perform::takes(sale)
    }

    async fn preview_resume(&self, ask: &Resuming) -> Result<ResumePreviewed, PerformError> {
        match self.resumption(ask).await {
            Ok(resumption) => Ok(ResumePreviewed::Costs(resumption)),
            Err(error) => error.refusal().map(ResumePreviewed::Refused),
        }
    }

    fn refunds(&self) -> Refunds {
        Refunds::Sent
    }

    async fn portal(&self, ask: &PortalAsk) -> Result<PortalAnswer, PerformError> {
        match self.portal_page(ask).await {
            Ok(url) => Ok(PortalAnswer::Page { url }),
            Err(error) => error.refusal().map(PortalAnswer::Refused),
        }
    }

    async fn list_subscriptions(
        &self,
        after: Option<String>,
    ) -> Result<Listed<Observed>, PerformError> {
        let listed = self.subscriptions_after(after.as_deref()).await;
        listed.map_err(CallError::of_read)
    }

    async fn list_events(
        &self,
        since: Timestamp,
        after: Option<String>,
    ) -> Result<Listed<Delivery>, PerformError> {
        let listed = self.events_after(since, after.as_deref()).await;
        listed.map_err(CallError::of_read)
    }

    async fn resend(&self, notification: &str) -> Result<Resent, PerformError> {
        match self.send_again(notification).await {
            Ok(sent) => Ok(Resent::Sending {
                under: sent.notification_id,
            }),
            Err(error) if error.is_not_found() => Ok(Resent::NoSuch),
            Err(error) => error.refusal().map(Resent::Refused),
        }
    }

    async fn doctor(&self, catalog: &Catalog) -> Vec<Finding> {
        self.examine(catalog).await
    }
}

fn misdirected(named: Option<&ProviderAccount>, ours: &ProviderAccount) -> PerformError {
    let named = named.map_or_else(String::new, ToString::to_string);
    PerformError::Misconfigured(format!("what is {named}'s was asked for at {ours}"))
}
