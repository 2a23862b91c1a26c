//! What falls due: claimed oldest first, one decision a customer.

use std::convert::Infallible;

use billing_domain::decide::fall_due;
use billing_domain::time::shifted;
use billing_ports::store::{Claimed, DueCustomer, Release};

use crate::billing::Parts;
use crate::limits::DUE_RETRY;
use crate::ring::{DecideError, Deciding};

impl Parts {
    /// Decides what is due of one claimed customer. A customer that fails waits
    /// and stops nobody else.
    pub(crate) async fn decide_due(&self, due: DueCustomer) {
        let deciding = Deciding::about(due.customer).claimed(due.fence);
        let decided = self
            .try_decide(&deciding, |draft, catalog| {
                fall_due(draft, catalog);
                Ok::<_, Infallible>(())
            })
            .await;
        let failure = match decided {
            Ok(_) | Err(DecideError::Overtaken) => return,
            Err(DecideError::Refused(never)) => match never {},
            Err(DecideError::NoCustomer) => "the customer is gone".to_owned(),
            Err(DecideError::Engine(error)) => error.to_string(),
        };
        tracing::warn!(customer = %due.customer, failure, "due work failed, will be tried again");
        let release = Release {
            row: Claimed::Customer(due.customer),
            fence: due.fence,
            retry_at: shifted(self.now(), DUE_RETRY),
            counts: true,
        };
        if let Err(error) = self.store.release(release).await {
            // The claim runs out by itself.
            tracing::warn!(customer = %due.customer, %error, "claim not given back");
        }
    }
}
