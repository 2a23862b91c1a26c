//! The bounds of a connection, with the reasoning for each default.

use std::time::Duration;

/// The bounds of the server loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Connections at once; further ones wait in the system's backlog.
    pub connections: usize,
    /// How long a request's header may take to arrive, and how long a
    /// connection may idle between requests.
    pub header_timeout: Duration,
    /// Largest request header in bytes; a larger one is answered 431.
    pub header_bytes: usize,
    /// How long requests in work may take to end at shutdown.
    pub drain: Duration,
}

/// Connections at once: 4096, at some 20 KB each 80 MB in the worst case.
const CONNECTIONS: usize = 4096;

/// A header takes one packet; 15 seconds allow for a lossy link and deny the
/// trickling of one byte a minute.
const HEADER_TIMEOUT: Duration = Duration::from_secs(15);

/// 32 KiB: four times what browsers and proxies send at most.
const HEADER_BYTES: usize = 32 * 1024;

/// 20 seconds: orchestrators kill after 30, and the worker ends after that.
const DRAIN: Duration = Duration::from_secs(20);

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            connections: CONNECTIONS,
            header_timeout: HEADER_TIMEOUT,
            header_bytes: HEADER_BYTES,
            drain: DRAIN,
        }
    }
}
