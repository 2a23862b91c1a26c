//! Servers on loopback: ours and the simplest ones, by the same server loop.

use std::net::{Ipv4Addr, SocketAddr};

use billing_server::http::{ConnectionLimits, serve};
use poem::{Endpoint, IntoResponse};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// A server that ends with this.
#[derive(Debug)]
pub(crate) struct Server {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    _running: oneshot::Sender<()>,
}

impl Server {
    /// Serves `app`.
    pub(crate) async fn start<E>(app: E) -> Self
    where
        E: Endpoint + 'static,
        E::Output: IntoResponse,
    {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (running, ended) = oneshot::channel();
        drop(tokio::spawn(async move {
            let stop = async move { drop(ended.await) };
            serve(listener, app, ConnectionLimits::default(), stop)
                .await
                .unwrap();
        }));
        Self {
            address,
            _running: running,
        }
    }
}
