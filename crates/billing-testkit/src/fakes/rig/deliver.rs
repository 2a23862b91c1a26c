//! Delivering webhooks to a URL, with retries.
//!
//! One event at a time, and a failing one steps aside while later ones pass:
//! no provider promises an order.

use std::time::Duration;

use billing_http::{HttpClient, HttpError, Request, RetryPolicy};
use http::{HeaderName, HeaderValue, Method};
use url::Url;

use super::outbox::{Outbox, SignedWebhook, Webhook};

/// How often an event is sent at most: enough to ride out a restart of the
/// server that is tried, with the pauses below about half a minute.
pub const DELIVERY_ATTEMPTS: u32 = 6;

/// The pause before the second attempt; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// Why a webhook could not be delivered.
#[derive(Debug, thiserror::Error)]
pub enum DeliverError {
    /// It was not sent, or nobody can tell.
    #[error("send webhook")]
    Send(#[from] HttpError),
    /// A header of it is none.
    #[error("write webhook's header")]
    Header,
}

/// Sends one webhook once; the status that came back.
///
/// # Errors
///
/// [`DeliverError`] when no answer came.
pub(in crate::fakes) async fn send(
    client: &HttpClient,
    url: &Url,
    webhook: &SignedWebhook,
) -> Result<u16, DeliverError> {
    let mut request = Request::new(Method::POST, url.clone(), RetryPolicy::Never);
    for (name, value) in &webhook.headers {
        let name = HeaderName::try_from(name.as_str()).map_err(|_none| DeliverError::Header)?;
        let value = HeaderValue::try_from(value.as_str()).map_err(|_none| DeliverError::Header)?;
        request.headers.append(name, value);
    }
    request.body = webhook.event.body.clone();
    let response = client.send(request).await?;
    Ok(response.status.as_u16())
}

/// Delivers whatever the outbox holds, for ever.
pub(super) async fn run(outbox: Outbox, client: HttpClient) {
    // Ends its attempts with the courier.
    let mut attempts = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            (event, url) = outbox.next() => {
                // The first attempt is awaited, so that order is kept while all goes well.
                if !once(&outbox, &client, &url, &event).await {
                    let (outbox, client) = (outbox.clone(), client.clone());
                    attempts.spawn(async move { insist(outbox, client, url, event).await });
                }
            }
            Some(_ended) = attempts.join_next() => {}
        }
    }
}

async fn insist(outbox: Outbox, client: HttpClient, url: Url, event: Webhook) {
    let mut pause = FIRST_PAUSE;
    for _attempt in 1..DELIVERY_ATTEMPTS {
        tokio::time::sleep(pause).await;
        if once(&outbox, &client, &url, &event).await {
            return;
        }
        pause = pause.saturating_mul(2);
    }
    outbox.give_up(event);
}

async fn once(outbox: &Outbox, client: &HttpClient, url: &Url, event: &Webhook) -> bool {
    let signed = outbox.sign(event.clone());
    let status = send(client, url, &signed).await;
    status.is_ok_and(|status| (200..300).contains(&status))
}
