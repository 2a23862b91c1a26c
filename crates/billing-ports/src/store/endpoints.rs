//! Receivers of events, and what is on its way to them. What is to be done about an answer
//! is decided by whoever sends; here it is kept.

use std::fmt;

use async_trait::async_trait;
use billing_domain::ids::{CustomerId, DeliveryId, EndpointId};
use billing_domain::journal::Event;
use billing_domain::time::Timestamp;

use crate::store::error::StoreError;
use crate::store::queues::{Claiming, Fence};
use crate::store::reads::{Page, PageAsk};

/// Receivers that there may be: one for each application that listens, several times over;
/// and few enough that each may have places of its own for what is under way.
pub const MAX_ENDPOINTS: u64 = 100;

/// What a receiver's events are signed with. Kept as it is, since it is needed to sign; shown
/// by no `Debug`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct EndpointSecret(pub [u8; 32]);

impl fmt::Debug for EndpointSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EndpointSecret([hidden])")
    }
}

/// A receiver of events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Our id.
    pub id: EndpointId,
    /// Where events are posted.
    pub url: String,
    /// Which ones. Empty: all.
    pub events: Vec<Event>,
    /// What they are signed with.
    pub secret: EndpointSecret,
    /// What they were signed with before, and until when they are signed with it too.
    /// `None`: the secret has never been another.
    pub old_secret: Option<(EndpointSecret, Timestamp)>,
    /// Since when nothing has been taken. `None`: the last try was, or there was none.
    pub failing_since: Option<Timestamp>,
    /// Since when, and why, nothing is sent. `None`: events are.
    pub disabled: Option<Disabled>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Endpoint {
    /// Whether an event is for it, as far as its own wishes go.
    #[must_use]
    pub fn wants(&self, event: Event) -> bool {
        self.events.is_empty() || self.events.contains(&event)
    }

    /// Whether nothing is sent to it any more and no operator decided so: it was gone, or took
    /// nothing for days.
    #[must_use]
    pub fn was_given_up(&self) -> bool {
        let disabled = self.disabled;
        disabled.is_some_and(|disabled| disabled.why != DisabledWhy::Operator)
    }

    /// Whether it takes nothing and no operator decided so: it was given up, or may be soon.
    #[must_use]
    pub fn takes_nothing(&self) -> bool {
        let fails = self.disabled.is_none() && self.failing_since.is_some();
        fails || self.was_given_up()
    }
}

/// That nothing is sent to a receiver any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disabled {
    /// Since when.
    pub at: Timestamp,
    /// Why.
    pub why: DisabledWhy,
}

/// Why nothing is sent to a receiver any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisabledWhy {
    /// An operator decided so.
    Operator,
    /// It said that it is gone, with a 410.
    Gone,
    /// It took nothing for days.
    Failing,
}

impl DisabledWhy {
    const ALL: [Self; 3] = [Self::Operator, Self::Gone, Self::Failing];

    /// The word that stores and interfaces use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Gone => "gone",
            Self::Failing => "failing",
        }
    }

    /// The reason of that word. `None`: there is none.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|why| why.as_str() == word)
    }
}

/// One event on its way to one receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventDelivery {
    /// Our id: the same however often the event is told, and however often it is sent.
    pub id: DeliveryId,
    /// To whom.
    pub endpoint: EndpointId,
    /// Whom it happened to.
    pub customer: CustomerId,
    /// What happened.
    pub event: Event,
    /// What is sent, to the byte.
    pub body: String,
    /// When it came to be.
    pub created_at: Timestamp,
    /// How far it has come.
    pub state: DeliveryState,
    /// Tries so far, since an operator had it sent again if one did.
    pub attempts: u16,
    /// When it may be tried: with [`DeliveryState::Pending`] alone of any meaning.
    pub next_at: Timestamp,
    /// How the last try ended. `None`: there was none.
    pub last: Option<LastTry>,
}

/// How far a delivery has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryState {
    /// It is to be tried.
    Pending,
    /// It was taken.
    Delivered,
    /// It was given up; an operator may have it sent again.
    Dead,
}

impl DeliveryState {
    const ALL: [Self; 3] = [Self::Pending, Self::Delivered, Self::Dead];

    /// The word that stores and interfaces use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
        }
    }

    /// The state of that word. `None`: there is none.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

/// How a try ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastTry {
    /// When.
    pub at: Timestamp,
    /// The HTTP status of the answer. `None`: there was no answer.
    pub status: Option<u16>,
    /// Why there was none, in words for a person. `None`: there was one.
    pub problem: Option<String>,
}

/// A delivery that is this worker's for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedDelivery {
    /// The delivery.
    pub delivery: EventDelivery,
    /// Proof of the claim.
    pub fence: Fence,
}

/// A try that was made, and what becomes of the delivery and of its receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempted {
    /// Which delivery.
    pub id: DeliveryId,
    /// To whom.
    pub endpoint: EndpointId,
    /// Proof of the claim.
    pub fence: Fence,
    /// How the try ended.
    pub tried: LastTry,
    /// What becomes of the delivery.
    pub next: NextTry,
    /// What becomes of the receiver.
    pub health: Health,
}

/// What becomes of a delivery after a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextTry {
    /// Nothing more: it was taken.
    Taken,
    /// It is tried again at this instant.
    At(Timestamp),
    /// It is given up.
    GivenUp,
}

/// What a try says of a receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// Nothing that is not known.
    Same,
    /// It takes what is sent.
    Well,
    /// It does not, since this instant, unless it is known to since an earlier one.
    FailingSince(Timestamp),
    /// It does not, and is disabled as failing, unless it has taken something since.
    Failed {
        /// Since when it was known to take nothing.
        since: Timestamp,
        /// When it is disabled.
        at: Timestamp,
    },
    /// Nothing is to be sent any more, unless that was decided before.
    Disabled(Disabled),
}

/// Which deliveries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DeliveryFilter {
    /// To this receiver only.
    pub endpoint: Option<EndpointId>,
    /// In this state only.
    pub state: Option<DeliveryState>,
}

/// Receivers of events, and what is on its way to them.
///
/// - A delivery MUST be stored once, however often it is added.
/// - A claimed delivery MUST be nobody else's until its lease ends, and each claim MUST have
///   a higher fence.
/// - What a late worker records MUST change nothing.
/// - Nothing MUST be due to a receiver that is disabled or removed.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Endpoints: Send + Sync {
    /// Stores a new receiver. `false`: there are [`MAX_ENDPOINTS`], and nothing was written.
    async fn add_endpoint(&self, endpoint: &Endpoint) -> Result<bool, StoreError>;

    /// All receivers, disabled ones included, newest first.
    async fn list_endpoints(&self) -> Result<Vec<Endpoint>, StoreError>;

    /// One receiver. `None`: there is none with this id.
    async fn get_endpoint(&self, id: EndpointId) -> Result<Option<Endpoint>, StoreError>;

    /// Signs with another secret from now on, and with the one before until an instant;
    /// any older one is forgotten. `false`: there is no such receiver.
    async fn rotate_secret(
        &self,
        id: EndpointId,
        secret: EndpointSecret,
        old_until: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Disables a receiver; or enables it, and forgets that it was failing. `false`: there is
    /// no such receiver.
    async fn switch_endpoint(
        &self,
        id: EndpointId,
        disabled: Option<Disabled>,
    ) -> Result<bool, StoreError>;

    /// Removes a receiver. What was on its way stays to be looked at, and is never sent.
    /// `false`: there is no such receiver.
    async fn remove_endpoint(&self, id: EndpointId) -> Result<bool, StoreError>;

    /// Stores new deliveries, all or none; those that are known are left as they are.
    async fn add_deliveries(&self, deliveries: &[EventDelivery]) -> Result<(), StoreError>;

    /// The receivers to whom something can be claimed at `now`.
    async fn endpoints_due(&self, now: Timestamp) -> Result<Vec<EndpointId>, StoreError>;

    /// Claims what is due to one receiver, what has waited longest first.
    async fn claim_deliveries(
        &self,
        endpoint: EndpointId,
        ask: Claiming,
    ) -> Result<Vec<ClaimedDelivery>, StoreError>;

    /// Records a try. `false`: the claim has passed on, or the delivery is settled; nothing
    /// was written.
    async fn record_attempt(&self, attempted: &Attempted) -> Result<bool, StoreError>;

    /// Deliveries, newest first.
    async fn list_deliveries(
        &self,
        filter: DeliveryFilter,
        page: PageAsk,
    ) -> Result<Page<EventDelivery>, StoreError>;

    /// One delivery. `None`: there is none with this id.
    async fn get_delivery(&self, id: DeliveryId) -> Result<Option<EventDelivery>, StoreError>;

    /// Has a delivery that was given up sent again, its tries counted from none. `false`:
    /// there is none that was.
    async fn revive_delivery(&self, id: DeliveryId, now: Timestamp) -> Result<bool, StoreError>;

    /// Removes deliveries with ids below `before`, however far they have come, `limit` at
    /// most; gives how many.
    async fn sweep_deliveries(&self, before: DeliveryId, limit: u16) -> Result<u64, StoreError>;
}
