//! A request that was never written, told from one that may have been.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::client::conn::http1;
use hyper::rt::{Read, ReadBufCursor, Write};

use super::never_written;

/// A connection whose far side is silent, or gone.
struct Line {
    gone: bool,
}

impl Read for Line {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        _buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if self.gone {
            return Poll::Ready(Ok(()));
        }
        // Looked at again at once: what changes is that something is written.
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Write for Line {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        // It hangs up once it has been told something.
        self.gone = true;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn request() -> http::Request<String> {
    http::Request::post("/v1/things")
        .header("host", "api.test")
        .body("four".to_owned())
        .unwrap()
}

#[tokio::test]
async fn a_connection_that_ended_before_the_request_wrote_nothing() {
    let (mut sender, connection) = http1::handshake(Line { gone: true }).await.unwrap();
    let answer = sender.send_request(request());
    // The far side's end is seen before the request is looked at.
    let (answer, _ended) = tokio::join!(answer, async { drop(connection) });
    assert!(never_written(&answer.unwrap_err()));
}

#[tokio::test]
async fn a_connection_that_ended_after_the_request_may_have_delivered_it() {
    let (mut sender, connection) = http1::handshake(Line { gone: false }).await.unwrap();
    let (answer, _ended) = tokio::join!(sender.send_request(request()), connection);
    assert!(!never_written(&answer.unwrap_err()));
}

#[test]
fn another_error_says_nothing_of_it() {
    let error = io::Error::other("disk full");
    assert!(!never_written(&error));
}
