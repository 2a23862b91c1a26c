//! Gives the protocol's own refusals a body like all others.
//!
//! What is no request (two lengths, a header past all bounds) is refused before
//! there is anything to route: the protocol library answers a bare status line
//! and closes. Here, on its way out, that answer gets its problem. Knows no
//! requests, and changes no other answer.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use poem::http::StatusCode;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::problem::{PROBLEM_JSON, Problem};

/// Longest bare refusal: its status line and three short headers.
const MAX_BARE: usize = 256;

/// A connection whose bare refusals are written with a problem.
pub(crate) struct Framing<S> {
    stream: S,
    /// What is written before anything else.
    first: Vec<u8>,
}

impl<S> Framing<S> {
    pub(crate) const fn new(stream: S) -> Self {
        Self {
            stream,
            first: Vec::new(),
        }
    }
}

impl<S: AsyncWrite + Unpin> Framing<S> {
    fn poll_first(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.first.is_empty() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.first))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.first.drain(..written.min(self.first.len()));
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Framing<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Framing<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_first(cx))?;
        match told(bytes) {
            Some(told) => {
                this.first = told;
                // What does not fit now goes out with the flush that follows.
                if let Poll::Ready(Err(error)) = this.poll_first(cx) {
                    return Poll::Ready(Err(error));
                }
                Poll::Ready(Ok(bytes.len()))
            }
            None => Pin::new(&mut this.stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_first(cx))?;
        Pin::new(&mut this.stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_first(cx))?;
        Pin::new(&mut this.stream).poll_shutdown(cx)
    }
}

/// What is written instead of `bytes`. `None`: they are no bare refusal.
fn told(bytes: &[u8]) -> Option<Vec<u8>> {
    const EMPTY: &str = "content-length: 0\r\n";
    if bytes.len() > MAX_BARE {
        return None;
    }
    let answer = str::from_utf8(bytes).ok()?;
    let is_bare = answer.starts_with("HTTP/1.")
        && answer.ends_with("\r\n\r\n")
        && answer.contains("connection: close\r\n")
        && answer.contains(EMPTY);
    if !is_bare {
        return None;
    }
    let status: u16 = answer.split(' ').nth(1)?.parse().ok()?;
    let body = problem(StatusCode::from_u16(status).ok()?)?.to_json(None);
    let head = format!(
        "content-type: {PROBLEM_JSON}\r\ncontent-length: {}\r\n",
        body.len()
    );
    Some((answer.replace(EMPTY, &head) + &body).into_bytes())
}

fn problem(status: StatusCode) -> Option<Problem> {
    let (code, detail) = match status {
        StatusCode::BAD_REQUEST => ("invalid_request", "the request cannot be read"),
        StatusCode::URI_TOO_LONG => ("uri_too_long", "the address is too long"),
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => {
            ("header_too_large", "the header is too large")
        }
        _ => return None,
    };
    Some(Problem::new(status, code, detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_bare_refusals_get_a_body() {
        let bare = "HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\n\
                    content-length: 0\r\n\r\n";
        let told_instead = String::from_utf8(told(bare.as_bytes()).unwrap()).unwrap();
        let (head, body) = told_instead.split_once("\r\n\r\n").unwrap();
        assert!(head.ends_with(&format!("content-length: {}", body.len())));
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["code"], "header_too_large");
        for other in [
            "HTTP/1.1 204 No Content\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}",
            "HTTP/1.1 \u{e9}",
            "",
        ] {
            assert_eq!(told(other.as_bytes()), None, "{other}");
        }
    }
}
