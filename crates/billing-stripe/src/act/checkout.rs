//! Opening and closing the page where a buyer pays.

use billing_domain::effect::{EffectKey, OpenCheckout};
use billing_domain::time::shifted_back;

use super::customer::is_gone;
use super::{Acted, readable};
use crate::client::Reply;
use crate::facts::CHECKOUT_KEY;
use crate::failure::Failure;
use crate::forms::checkout::{self, LONGEST_PAGE, Made};
use crate::forms::{coupon, read as reads};
use crate::provider::Stripe;
use crate::wire::{Bare, List, Session};

/// How many pages of sessions are looked through for one that a lost answer made:
/// 500 sessions are more than a day's sales of most, and each page is a call.
const PAGES_SEARCHED: usize = 5;

/// Refused because it exists already.
const EXISTS: &str = "resource_already_exists";

impl Stripe {
    /// Makes the page: the customer first, where one is known, and the coupon.
    pub(super) async fn open_checkout(&self, key: &EffectKey, order: &OpenCheckout) -> Acted {
        let now = self.client.now();
        let coupon = coupon::make(order, key, &self.operator, now)?;
        let made = |customer, coupon| Made {
            customer,
            coupon,
            operator: &self.operator,
            trial: self.trial,
            now,
        };
        // Refused before anything is made.
        checkout::open(order, made(None, None), key.as_str())?;
        let customer = self.customer_of(order).await?;
        let coupon = match coupon {
            None => None,
            Some(coupon) => {
                match self.client.send::<Bare>(coupon.call).await {
                    Ok(_) | Err(Failure::KeyTaken(_)) => {}
                    Err(Failure::Refused(refusal)) if refusal.code == EXISTS => {}
                    Err(failure) => return Err(failure),
                }
                Some(coupon.id)
            }
        };
        let page = made(customer.as_deref(), coupon.as_deref());
        let session = match (
            self.page(order, page, key.as_str()).await,
            &order.customer_ref,
        ) {
            (Err(failure), Some(gone)) if is_gone(&failure) => {
                let other = self.customer_instead(order, gone).await?;
                let page = made(other.as_deref(), coupon.as_deref());
                // What the first key answers, it answers again.
                self.page(order, page, &format!("{key}:instead")).await?
            }
            (session, _) => session?,
        };
        readable(self.teller.session(&session.body, session.at))
    }

    /// The page, made now or by an earlier try.
    async fn page(
        &self,
        order: &OpenCheckout,
        made: Made<'_>,
        key: &str,
    ) -> Result<Reply<Session>, Failure> {
        let customer = made.customer;
        let call = checkout::open(order, made, key)?;
        Ok(match self.client.send::<Session>(call).await {
            Ok(session) if session.replayed => {
                self.client.send(reads::session(&session.body.id)).await?
            }
            Ok(session) => session,
            // It was made by an earlier try, at another minute of its time.
            Err(Failure::KeyTaken(why)) => self
                .find_session(order, customer)
                .await?
                .ok_or(Failure::KeyTaken(why))?,
            Err(failure) => return Err(failure),
        })
    }

    /// The session of a checkout that was made without our hearing of it.
    async fn find_session(
        &self,
        order: &OpenCheckout,
        customer: Option<&str>,
    ) -> Result<Option<Reply<Session>>, Failure> {
        let since = shifted_back(self.client.now(), LONGEST_PAGE);
        let checkout = order.checkout.to_string();
        let mut after: Option<String> = None;
        for _page in 0..PAGES_SEARCHED {
            let call = reads::sessions_since(since, customer, after.as_deref());
            let page: Reply<List<Session>> = self.client.send(call).await?;
            let more = page.body.has_more == Some(true);
            after = page.body.data.last().map(|last| last.id.clone());
            let mut sessions = page.body.data.into_iter();
            // By our own words on it: whoever pays a payment link gives it any name.
            let found = sessions.find(|session| {
                let words = session.metadata.as_ref();
                words.and_then(|words| words.get(CHECKOUT_KEY)) == Some(&checkout)
            });
            if let Some(body) = found {
                return Ok(Some(Reply {
                    body,
                    at: page.at,
                    replayed: false,
                }));
            }
            if !more || after.is_none() {
                break;
            }
        }
        Ok(None)
    }

    /// Closes the page. One where somebody has paid is not closed, and says so.
    pub(super) async fn expire_checkout(&self, key: &EffectKey, reference: &str) -> Acted {
        let call = checkout::expire(reference, key.as_str());
        let refusal = match self.client.send::<Session>(call).await {
            Ok(session) => return readable(self.teller.session(&session.body, session.at)),
            Err(Failure::Refused(refusal)) => refusal,
            Err(failure) => return Err(failure),
        };
        let session: Reply<Session> = self.client.send(reads::session(reference)).await?;
        if session.body.status.as_deref() == Some("expired") {
            return readable(self.teller.session(&session.body, session.at));
        }
        Err(Failure::Refused(refusal))
    }
}
