//! The server: accepts on loopback, orders faults in, answers, and ends when dropped.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use billing_domain::time::{Timestamp, shifted};
use billing_http::{HttpClient, HttpOptions, OptionsError};
use hyper::body::Incoming as HyperBody;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use jiff::SignedDuration;
use poem::http::uri::Scheme;
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Addr, Request, Response};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use url::Url;

use super::fault::{Fault, FaultPlan};
use super::log::RequestLog;
use super::outbox::{Outbox, SignedWebhook};
use super::strike::{Outcome, cut, response, work};
use super::wire::Incoming;
use super::{FakeClock, Provider, advance_to, catch_up, control, deliver, loopback};

/// The largest body that is read: far above any request of an adapter.
const BODY_MAX_BYTES: usize = 1_024 * 1_024;

/// How often a running clock is looked at for work that has come due.
const TICK: Duration = Duration::from_secs(1);

/// Why a fake could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The port is taken, or there is none.
    #[error("listen on loopback")]
    Listen(#[source] io::Error),
    /// The client that delivers webhooks could not be made.
    #[error("make the client for webhooks")]
    Client(#[from] OptionsError),
    /// Its own address is no URL.
    #[error("name its own address")]
    Address(#[from] url::ParseError),
}

/// What the server, the courier and the caller share.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) provider: Arc<dyn Provider>,
    pub(super) clock: FakeClock,
    pub(super) outbox: Outbox,
    pub(super) faults: FaultPlan,
    pub(super) log: RequestLog,
    connections: AtomicU64,
}

/// A listener that is bound and not yet served: its URL is known before the
/// provider exists, which writes it into links.
#[derive(Debug)]
pub struct Bound {
    listener: TcpListener,
    url: Url,
}

impl Bound {
    /// The base URL, ending in a slash.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }
}

/// A fake that is being served. It ends when this is dropped.
#[derive(Debug)]
pub struct Rig {
    parts: Arc<Parts>,
    url: Url,
    client: HttpClient,
    tasks: Vec<AbortHandle>,
}

impl Rig {
    /// Binds `port` of loopback; 0 takes one that is free.
    ///
    /// # Errors
    ///
    /// [`StartError::Listen`] when the port is taken.
    pub async fn bind(port: u16) -> Result<Bound, StartError> {
        let listener = TcpListener::bind(loopback(port)).await;
        let listener = listener.map_err(StartError::Listen)?;
        let address = listener.local_addr().map_err(StartError::Listen)?;
        let url = Url::parse(&format!("http://{address}/"))?;
        Ok(Bound { listener, url })
    }

    /// Serves `provider` on what was bound. Needs to be called within a runtime.
    ///
    /// # Errors
    ///
    /// [`StartError::Client`] when webhooks could not be delivered.
    pub fn serve(
        bound: Bound,
        provider: Arc<dyn Provider>,
        clock: FakeClock,
        outbox: Outbox,
    ) -> Result<Self, StartError> {
        let held = outbox.clone();
        Self::serve_with(bound, provider, clock, outbox, |client| {
            deliver::run(held, client)
        })
    }

    /// The same, where `courier` delivers the webhooks in the provider's own way.
    pub(in crate::fakes) fn serve_with<F>(
        bound: Bound,
        provider: Arc<dyn Provider>,
        clock: FakeClock,
        outbox: Outbox,
        courier: impl FnOnce(HttpClient) -> F,
    ) -> Result<Self, StartError>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        // The fake's receiver may fail as often as it likes: a pause of the
        // client's own would look like a provider that gave up.
        let client = HttpClient::new(HttpOptions {
            circuit_failures: 0,
            ..HttpOptions::default()
        })?;
        let parts = Arc::new(Parts {
            provider,
            clock,
            outbox,
            faults: FaultPlan::default(),
            log: RequestLog::default(),
            connections: AtomicU64::new(0),
        });
        let Bound { listener, url } = bound;
        let server = tokio::spawn(accept(listener, Arc::clone(&parts)));
        let courier = tokio::spawn(courier(client.clone()));
        let tasks = vec![server.abort_handle(), courier.abort_handle()];
        Ok(Self {
            parts,
            url,
            client,
            tasks,
        })
    }

    /// The base URL, ending in a slash.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The fake's clock.
    #[must_use]
    pub fn clock(&self) -> &FakeClock {
        &self.parts.clock
    }

    /// Now, by the fake's clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.parts.clock.now()
    }

    /// Orders a fault.
    pub fn fault(&self, fault: Fault) {
        self.parts.faults.order(fault);
    }

    /// The faults that are ordered.
    #[must_use]
    pub fn faults(&self) -> &FaultPlan {
        &self.parts.faults
    }

    /// The requests so far.
    #[must_use]
    pub fn requests(&self) -> &RequestLog {
        &self.parts.log
    }

    /// How many connections were made to it so far.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.parts.connections.load(Ordering::Relaxed)
    }

    /// The webhooks that wait: to be taken, reordered, doubled or dropped, or to be
    /// delivered to a URL.
    #[must_use]
    pub fn deliveries(&self) -> &Outbox {
        &self.parts.outbox
    }

    /// Moves the clock on, doing what comes due on the way at its own instant.
    pub fn advance(&self, by: SignedDuration) {
        let target = shifted(self.parts.clock.now(), by);
        advance_to(self.parts.provider.as_ref(), &self.parts.clock, target);
    }

    /// Does what has come due by a clock that runs; call it within a loop of one's own.
    pub async fn keep_up(&self) {
        loop {
            tokio::time::sleep(TICK).await;
            catch_up(self.parts.provider.as_ref(), &self.parts.clock);
        }
    }

    /// What webhooks are sent with.
    pub(in crate::fakes) fn client(&self) -> &HttpClient {
        &self.client
    }

    /// Sends one webhook once; the status that came back.
    ///
    /// # Errors
    ///
    /// [`deliver::DeliverError`] when no answer came.
    pub async fn post(
        &self,
        url: &Url,
        webhook: &SignedWebhook,
    ) -> Result<u16, deliver::DeliverError> {
        deliver::send(&self.client, url, webhook).await
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// Accepts until aborted; its connections end with it.
async fn accept(listener: TcpListener, parts: Arc<Parts>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _remote)) => {
                    parts.connections.fetch_add(1, Ordering::Relaxed);
                    connections.spawn(converse(stream, Arc::clone(&parts)));
                }
                // Out of descriptors, or reset meanwhile: the next may do.
                Err(_refused) => tokio::task::yield_now().await,
            },
            Some(_ended) = connections.join_next() => {}
        }
    }
}

async fn converse(stream: TcpStream, parts: Arc<Parts>) {
    let here = stream.local_addr().unwrap_or_else(|_none| loopback(0));
    let there = stream.peer_addr().unwrap_or_else(|_none| loopback(0));
    let service = service_fn(move |request: hyper::Request<HyperBody>| {
        let parts = Arc::clone(&parts);
        async move {
            let request = Request::from((
                request,
                LocalAddr(Addr::SocketAddr(here)),
                RemoteAddr(Addr::SocketAddr(there)),
                Scheme::HTTP,
            ));
            let request = read(request).await?;
            let response = handle(&parts, &request).await?;
            Ok::<_, io::Error>(hyper::Response::from(response))
        }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
    // Ended early: by a fault that was ordered, or by the caller's time-out.
    drop(connection);
}

async fn read(mut request: Request) -> io::Result<Incoming> {
    let body = request.take_body().into_bytes_limit(BODY_MAX_BYTES).await;
    let text = |value: &http::HeaderValue| value.to_str().map(str::to_owned);
    let headers = request.headers().iter();
    Ok(Incoming {
        method: request.method().as_str().to_owned(),
        path: request.uri().path().to_owned(),
        query: request.uri().query().unwrap_or_default().to_owned(),
        headers: headers
            .filter_map(|(name, value)| Some((name.as_str().to_owned(), text(value).ok()?)))
            .collect(),
        body: body.map_err(io::Error::other)?,
    })
}

/// Answers a request; an error closes the connection.
async fn handle(parts: &Parts, request: &Incoming) -> io::Result<Response> {
    if let Some(answer) = control::answer(parts, request) {
        return Ok(response(&answer));
    }
    let provider = parts.provider.as_ref();
    catch_up(provider, &parts.clock);
    if let Some(page) = provider.page(request) {
        return Ok(response(&page));
    }
    let authorized = provider.authorized(request);
    let number = parts.log.begin(parts.clock.now(), request, authorized);
    if !authorized {
        let answer = provider.unauthorized(request);
        parts.log.end(number, Some(answer.status.as_u16()), None);
        return Ok(response(&answer));
    }
    let struck = parts.faults.strike(request);
    let fault = struck.as_ref().map(|(_, kind)| kind.name());
    let outcome = work(parts, request, struck).await;
    let status = match &outcome {
        Outcome::Whole(answer) | Outcome::Cut(answer) => Some(answer.status.as_u16()),
        Outcome::Lost => None,
    };
    parts.log.end(number, status, fault);
    match outcome {
        Outcome::Whole(answer) => Ok(response(&answer)),
        Outcome::Cut(answer) => Ok(cut(&answer)),
        Outcome::Lost => Err(io::Error::other("closed by an ordered fault")),
    }
}
