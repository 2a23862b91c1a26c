//! The server loop: accepts, bounds and drains connections.
//!
//! Terminates no TLS: that is the proxy's in front, or a listener's of the host.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use poem::http::uri::Scheme;
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Addr, Endpoint, EndpointExt, IntoResponse, Request, Response};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::http::ConnectionLimits;
use crate::http::framing::Framing;

/// How long to wait after an accept that failed for want of something (file
/// descriptors): long enough for a connection to end, short enough to go unnoticed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Why the server stopped before it was told to.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The listener has no address any more.
    #[error("read the listener's address")]
    Listener(#[source] std::io::Error),
}

/// Serves `app` until `shutdown` ends, then lets requests in work end.
///
/// # Errors
///
/// [`ServeError`] when the listener is unusable.
pub async fn serve<E>(
    listener: TcpListener,
    app: E,
    limits: ConnectionLimits,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), ServeError>
where
    E: Endpoint + 'static,
    E::Output: IntoResponse,
{
    let local = listener.local_addr().map_err(ServeError::Listener)?;
    let app: Arc<dyn poem::endpoint::DynEndpoint<Output = Response>> =
        Arc::new(poem::endpoint::ToDynEndpoint(app.map_to_response()));
    let builder = builder(&limits);
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(limits.connections));
    tokio::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            biased;
            () = &mut shutdown => break,
            accepted = next(&listener, &places) => accepted,
        };
        let (stream, remote, place) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "connection not accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let app = Arc::clone(&app);
        let begun = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&begun);
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            let app = Arc::clone(&app);
            asked.store(true, Ordering::Relaxed);
            async move {
                let request = Request::from((
                    request,
                    LocalAddr(Addr::SocketAddr(local)),
                    RemoteAddr(Addr::SocketAddr(remote)),
                    Scheme::HTTP,
                ));
                let response = match app.call(request).await {
                    Ok(response) => response,
                    Err(error) => error.into_response(),
                };
                Ok::<_, std::convert::Infallible>(hyper::Response::from(response))
            }
        });
        let connection = builder
            .serve_connection(TokioIo::new(Framing::new(stream)), service)
            .into_owned();
        let connection = graceful.watch(connection);
        drop(tokio::spawn(async move {
            tokio::select! {
                ended = connection => if let Err(error) = ended {
                    tracing::debug!(error, "connection ended early");
                },
                () = silence(begun, limits.header_timeout) => {
                    tracing::debug!("connection without a request ended");
                }
            }
            drop(place);
        }));
    }
    drop(listener);
    if tokio::time::timeout(limits.drain, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("requests still in work at the end of the drain were cut off");
    }
    Ok(())
}

/// Ends when nothing was asked within `timeout`. Hyper's own timer begins after
/// it has seen which version of HTTP is spoken, for which it waits for ever.
async fn silence(begun: Arc<AtomicBool>, timeout: Duration) {
    tokio::time::sleep(timeout).await;
    if begun.load(Ordering::Relaxed) {
        std::future::pending::<()>().await;
    }
}

type Accepted = (
    TcpStream,
    std::net::SocketAddr,
    tokio::sync::OwnedSemaphorePermit,
);

/// A connection, once there is a place for it.
async fn next(listener: &TcpListener, places: &Arc<Semaphore>) -> std::io::Result<Accepted> {
    let place = Arc::clone(places)
        .acquire_owned()
        .await
        .map_err(std::io::Error::other)?;
    let (stream, remote) = listener.accept().await?;
    // Small answers leave at once; a failure costs milliseconds, not correctness.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "answers are delayed");
    }
    Ok((stream, remote, place))
}

fn builder(limits: &ConnectionLimits) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_buf_size(limits.header_bytes);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
        .keep_alive_interval(limits.header_timeout)
        .keep_alive_timeout(limits.header_timeout);
    builder
}
