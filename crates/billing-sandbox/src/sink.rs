//! Where webhooks go: over HTTP, or straight into a function of the same process.

use async_trait::async_trait;
use billing_http::{HttpClient, Request, RetryPolicy};
use billing_ports::WebhookRequest;
use url::Url;

/// Why a webhook got no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("deliver the webhook: {0}")]
pub struct SinkError(
    /// What went wrong, fit for a log.
    pub String,
);

/// Takes a signed webhook and answers the receiver's HTTP status.
#[async_trait]
pub trait WebhookSink: Send + Sync {
    /// Hands over one webhook. Anything but a status of 200 to 299 is tried again.
    async fn deliver(&self, request: WebhookRequest) -> Result<u16, SinkError>;
}

/// Posts webhooks to a URL.
#[derive(Debug, Clone)]
pub struct HttpSink {
    client: HttpClient,
    url: Url,
}

impl HttpSink {
    /// Posts to `url` through `client`.
    #[must_use]
    pub const fn new(client: HttpClient, url: Url) -> Self {
        Self { client, url }
    }
}

#[async_trait]
impl WebhookSink for HttpSink {
    async fn deliver(&self, webhook: WebhookRequest) -> Result<u16, SinkError> {
        // Sent once: the sandbox has retries of its own, with longer pauses.
        let mut request = Request::new(
            poem::http::Method::POST,
            self.url.clone(),
            RetryPolicy::Never,
        );
        request.body = webhook.body.clone();
        for (name, value) in &webhook.headers {
            let name = name
                .parse::<poem::http::HeaderName>()
                .map_err(|_unsendable| SinkError(format!("header {name} cannot be sent")))?;
            request = request
                .with_header(name, value)
                .map_err(|error| SinkError(error.to_string()))?;
        }
        let response = self
            .client
            .send(request)
            .await
            .map_err(|error| SinkError(error.to_string()))?;
        Ok(response.status.as_u16())
    }
}

/// Hands webhooks to a function, for tests and for a host that is its own receiver.
#[derive(Clone, Copy)]
pub struct FnSink<F>(
    /// Takes a webhook and answers a status.
    pub F,
);

impl<F> std::fmt::Debug for FnSink<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FnSink")
    }
}

#[async_trait]
impl<F, A> WebhookSink for FnSink<F>
where
    F: Fn(WebhookRequest) -> A + Send + Sync,
    A: Future<Output = Result<u16, SinkError>> + Send,
{
    async fn deliver(&self, request: WebhookRequest) -> Result<u16, SinkError> {
        (self.0)(request).await
    }
}
