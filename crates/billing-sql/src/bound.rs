//! The two bounds on every operation: how long, and how often again.
//! Knows nothing of what the operation does.

use billing_ports::store::{STORE_TIMEOUT, StoreError};

use crate::fault::Fault;

/// How often an operation is tried when the database answers that the same
/// again may succeed (a deadlock, a busy lock). Each try meets fewer rivals;
/// what fails five times in a row is not a coincidence.
pub const TRANSIENT_TRIES: u32 = 5;

/// Ends `operation` within [`STORE_TIMEOUT`].
///
/// # Errors
///
/// [`Fault::Store`] with [`StoreError::Unavailable`] when it has not answered by then.
pub async fn bounded<T>(
    operation: impl Future<Output = Result<T, Fault>> + Send,
) -> Result<T, Fault> {
    match tokio::time::timeout(STORE_TIMEOUT, operation).await {
        Ok(result) => result,
        Err(_elapsed) => Err(Fault::Store(StoreError::Unavailable(
            "no answer in time".to_owned(),
        ))),
    }
}
