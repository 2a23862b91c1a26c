//! Paying money back: sent by the provider, or by a link where it sends nothing by itself.
//! The ring in the foreground, since an operator waits for what comes of it. The address
//! of a link is read from the provider, handed out, and never kept.

use billing_domain::Draft;
use billing_domain::decide::{
    PromisedRefund, RefundAsk, RefundRefusal, SentRefund, Verdict, apply_fact, close_promise,
    hear_refund, promise_refund, send_refund, standing_promise,
};
use billing_domain::fact::{Observed, RefundState};
use billing_domain::ids::{CustomerId, InboxId, InvoiceId};
use billing_domain::money::Money;
use billing_domain::provider::ProviderAccount;
use billing_ports::store::Also;
use billing_ports::{Delivery, PaymentProvider, Reading, RefundPromised, Refunds};
use bytes::Bytes;

use crate::billing::{Billing, Parts};
use crate::error::EngineError;
use crate::ring::{Deciding, Performed, also_of};

/// What orders a refund: once for each that is asked for.
type Ordering = fn(&mut Draft, &RefundAsk) -> Result<PromisedRefund, RefundRefusal>;

/// How often a promise is looked for: where one was closed over there, another is made,
/// and whoever closes that one as well is left to ask again.
const TRIES: u8 = 2;

/// What a refund is refused by that its provider took on, and that did not come about.
const REFUND_FAILED: &str = "refund_failed";

/// Why nothing goes back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RefundError {
    /// What is asked for cannot be paid back.
    #[error(transparent)]
    Refused(#[from] RefundRefusal),
    /// Its provider takes no such orders: refunds are made over there.
    #[error("refunds of {0} are made there")]
    Elsewhere(ProviderAccount),
    /// No provider collected it.
    #[error("no provider collected it")]
    ByHand,
    /// The provider refuses; this is its code.
    #[error("the provider refused: {0}")]
    Provider(String),
    /// The provider did not answer. The same again gives what came of it once it has, and
    /// makes no second refund.
    #[error("the provider did not answer")]
    NoAnswer,
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// How a buyer gets money back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundMade {
    /// How much, in the currency that was collected.
    pub amount: Money,
    /// How it comes to the buyer.
    pub by: RefundBy,
}

/// How money that is paid back comes to its buyer.
#[derive(Clone, PartialEq, Eq)]
pub enum RefundBy {
    /// By a link.
    Link {
        /// Its address: whoever holds it can claim the money. Told here and nowhere else.
        url: String,
    },
    /// The provider sends it.
    Sent {
        /// The provider's id of the refund.
        refund: String,
        /// Whether it is done. `false`: the provider, or a bank, has yet to decide.
        done: bool,
    },
}

impl std::fmt::Debug for RefundBy {
    /// Leaves the address out.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Link { .. } => f.debug_struct("Link").finish_non_exhaustive(),
            Self::Sent { refund, done } => f
                .debug_struct("Sent")
                .field("refund", refund)
                .field("done", done)
                .finish(),
        }
    }
}

impl Billing {
    /// Pays money back of an invoice: what was paid for it, or what came and was set aside.
    /// Where its provider sends it, the same again makes no second refund until it was
    /// heard here what came of the first; where it makes links, the same again, while it
    /// can be claimed, gives the same link. Nothing is taken by that: what is sent is
    /// noticed like every refund.
    ///
    /// # Errors
    ///
    /// [`RefundError`].
    pub async fn refund(
        &self,
        ask: &RefundAsk,
        actor: Option<&str>,
    ) -> Result<RefundMade, RefundError> {
        let parts = self.parts()?;
        let found = parts.store.get_invoice(ask.invoice).await;
        let found = found.map_err(EngineError::from)?;
        let (customer, invoice) = found.ok_or(RefundRefusal::NotFound)?;
        let account = invoice.provider.ok_or(RefundError::ByHand)?;
        let provider = parts.providers.get(&account);
        let provider = provider.ok_or_else(|| RefundError::Elsewhere(account.clone()))?;
        match provider.refunds() {
            Refunds::Elsewhere => Err(RefundError::Elsewhere(account)),
            Refunds::ByLink => {
                let by = provider.as_ref();
                parts.refund_by_link(by, customer, ask, actor).await
            }
            Refunds::Sent => parts.refund_sent(customer, ask, actor).await,
        }
    }
}

impl Parts {
    /// Has the provider send it, and says what came of that.
    async fn refund_sent(
        &self,
        customer: CustomerId,
        ask: &RefundAsk,
        actor: Option<&str>,
    ) -> Result<RefundMade, RefundError> {
        let ordered = self.promised(customer, ask, send_refund, actor).await?;
        let deciding = Deciding::about(customer).with(with(ask.invoice));
        let heard = self
            .decide(&deciding, |draft, _| {
                Ok::<_, EngineError>(hear_refund(draft, ask.invoice, ordered.effect))
            })
            .await?;
        match heard.said {
            None => Err(RefundError::NoAnswer),
            Some(SentRefund {
                state: RefundState::Failed,
                ..
            }) => Err(RefundError::Provider(REFUND_FAILED.to_owned())),
            Some(sent) => Ok(RefundMade {
                amount: sent.amount,
                by: RefundBy::Sent {
                    refund: sent.refund,
                    done: sent.state == RefundState::Done,
                },
            }),
        }
    }

    /// Has the provider make a link, and reads its address.
    async fn refund_by_link(
        &self,
        provider: &dyn PaymentProvider,
        customer: CustomerId,
        ask: &RefundAsk,
        actor: Option<&str>,
    ) -> Result<RefundMade, RefundError> {
        let account = provider.account();
        for _ in 0..TRIES {
            let promised = self.promised(customer, ask, promise_refund, actor).await;
            let (standing, refused) = match promised {
                Ok(promised) => (promised, None),
                // What stands in the way may have been closed over there.
                Err(RefundError::Refused(refused @ RefundRefusal::Open { .. })) => {
                    let standing = self.standing(ask.invoice).await?;
                    (standing.ok_or_else(|| refused.clone())?, Some(refused))
                }
                Err(error) => return Err(error),
            };
            let reading = provider.refund_link(&standing.key, &standing.reference);
            let read = tokio::time::timeout(self.limits.call_timeout, reading).await;
            match (read, refused) {
                (Ok(Ok(RefundPromised::Closed { returned })), _) => {
                    self.promise_closed(customer, ask.invoice, &standing, (account, returned))
                        .await?;
                }
                (_, Some(refused)) => return Err(refused.into()),
                (Ok(Ok(RefundPromised::Open(link))), None) => {
                    return Ok(RefundMade {
                        amount: standing.amount,
                        by: RefundBy::Link { url: link.url },
                    });
                }
                (Ok(Ok(RefundPromised::Missing)) | Err(_), None) => {
                    return Err(RefundError::NoAnswer);
                }
                (Ok(Err(error)), None) => {
                    tracing::warn!(%account, %error, "refund link not read");
                    return Err(RefundError::NoAnswer);
                }
            }
        }
        Err(RefundError::NoAnswer)
    }

    /// Orders the promise, and has it made where it is new.
    async fn promised(
        &self,
        customer: CustomerId,
        ask: &RefundAsk,
        order: Ordering,
        actor: Option<&str>,
    ) -> Result<PromisedRefund, RefundError> {
        let also = with(ask.invoice);
        let until = self.limits.calls_until();
        let deciding = Deciding::about(customer).by(actor).with(also);
        let deciding = deciding.leasing_until(self.lease_ends());
        let decided = self
            .decide(&deciding, |draft, _| {
                order(draft, ask).map_err(RefundError::from)
            })
            .await?;
        let promised = decided.said;
        let mut made = decided.effects.into_iter();
        if let Some(effect) = made.find(|made| made.id == promised.effect) {
            if self.perform_leased(customer, effect, until).await? != Performed::Decided {
                return Err(RefundError::NoAnswer);
            }
            if let Some(code) = self.why_not(ask.invoice, &promised).await? {
                return Err(RefundError::Provider(code));
            }
        }
        Ok(promised)
    }

    /// The promise that can still be claimed, as far as is known here.
    async fn standing(&self, invoice: InvoiceId) -> Result<Option<PromisedRefund>, EngineError> {
        let held = self.store.get_invoice(invoice).await?;
        Ok(held.and_then(|(_, invoice)| standing_promise(&invoice)))
    }

    /// The provider says that nothing more can be claimed of it. What was claimed before
    /// is received with that, and decided first: the rest is what can be promised anew.
    async fn promise_closed(
        &self,
        customer: CustomerId,
        invoice: InvoiceId,
        promised: &PromisedRefund,
        (account, returned): (&ProviderAccount, Vec<Observed>),
    ) -> Result<(), EngineError> {
        let mut also = also_of(returned.iter());
        also.invoices.push(invoice);
        let mut deciding = Deciding::about(customer).with(also);
        if !returned.is_empty() {
            let id: InboxId = self.ids(self.now()).draw();
            let delivery = Delivery {
                account: account.clone(),
                event_id: format!("closed:{id}"),
                kind: "read.refunds".to_owned(),
                reading: Reading::Facts(returned.clone()),
                body: Bytes::new(),
            };
            deciding = deciding.replying(id, delivery);
        }
        self.decide(&deciding, |draft, catalog| {
            for told in &returned {
                if apply_fact(draft, account, told, catalog) != Verdict::Decided {
                    tracing::error!(%invoice, "what went back of it is unclear");
                }
            }
            close_promise(draft, invoice, promised.effect);
            Ok::<_, EngineError>(())
        })
        .await?;
        Ok(())
    }

    /// Why nothing was promised after all. `None`: it was.
    async fn why_not(
        &self,
        invoice: InvoiceId,
        promised: &PromisedRefund,
    ) -> Result<Option<String>, EngineError> {
        let held = self.store.get_invoice(invoice).await?;
        Ok(held.and_then(|(_, invoice)| {
            let mut all = invoice.promised.into_iter();
            all.find(|held| held.effect == promised.effect)?.failed
        }))
    }
}

/// What has to be loaded besides: the invoice, which may be long over.
fn with(invoice: InvoiceId) -> Also {
    Also {
        invoices: vec![invoice],
        ..Also::default()
    }
}
