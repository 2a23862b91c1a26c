//! What the fake keeps, as plain values. Decides nothing, renders nothing.

mod adjustment;
mod catalog;
mod people;
mod subscription;
mod told;
mod transaction;

pub use adjustment::{AdjustedLine, Adjustment, AdjustmentAction, AdjustmentStatus};
pub use catalog::{Bought, Discount, Off, Price, Product};
pub use people::{Address, Card, Customer};
pub use subscription::{
    Action, Dunning, Scheduled, SubscribedItem, Subscription, SubscriptionStatus,
};
pub use told::{Destination, Event, Notification, NotificationStatus};
pub use transaction::{Credit, Line, Origin, Payment, Transaction, TransactionStatus};
