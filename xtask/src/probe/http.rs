//! One request and its answer, over loopback: as much of HTTP as it takes to fill a shop.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::failure::{Failure, Outcome};

/// A request to be sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ask<'a> {
    /// As in `POST`.
    pub(crate) method: &'a str,
    /// The whole address, as in `http://127.0.0.1:41234/v1/plans`.
    pub(crate) url: &'a str,
    /// A credential. Empty: none.
    pub(crate) bearer: &'a str,
    /// The media type of the body.
    pub(crate) media: &'a str,
    pub(crate) body: &'a str,
}

/// A server on this machine answers within milliseconds: one that does not hangs.
const ANSWERS_WITHIN: Duration = Duration::from_secs(20);

/// The body at an address that everybody may read.
pub(crate) fn get(url: &str) -> Outcome<String> {
    send(Ask {
        method: "GET",
        url,
        bearer: "",
        media: "text/plain",
        body: "",
    })
}

/// Sends it; gives the body of an answer below 400.
pub(crate) fn send(ask: Ask<'_>) -> Outcome<String> {
    let rest = ask.url.strip_prefix("http://").unwrap_or(ask.url);
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let credential = match ask.bearer {
        "" => String::new(),
        bearer => format!("authorization: Bearer {bearer}\r\n"),
    };
    let request = format!(
        "{} /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{credential}content-type: {}\r\n\
         content-length: {}\r\n\r\n{}",
        ask.method,
        ask.media,
        ask.body.len(),
        ask.body
    );
    let what = format!("{} /{path}", ask.method);
    let mut stream = TcpStream::connect(host).map_err(Failure::doing(&what))?;
    let bounded = stream.set_read_timeout(Some(ANSWERS_WITHIN));
    bounded.map_err(Failure::doing(&what))?;
    let sent = stream.write_all(request.as_bytes());
    sent.map_err(Failure::doing(&what))?;
    let mut answer = String::new();
    let read = stream.read_to_string(&mut answer);
    read.map_err(Failure::doing(&what))?;
    body_of(&answer)
        .map(str::to_owned)
        .ok_or_else(|| Failure::new(format!("{what}: {answer}")))
}

/// The body of an answer below 400. `None`: it is a refusal, or none at all.
fn body_of(answer: &str) -> Option<&str> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse::<u16>().ok()?;
    (status < 400).then_some(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_has_no_body_for_us() {
        assert_eq!(
            body_of("HTTP/1.1 201 Created\r\na: b\r\n\r\n{}"),
            Some("{}")
        );
        assert_eq!(body_of("HTTP/1.1 204 No Content\r\n\r\n"), Some(""));
        assert_eq!(body_of("HTTP/1.1 404 Not Found\r\n\r\n{}"), None);
        assert_eq!(body_of("HTTP/1.1 200 OK\r\n"), None);
        assert_eq!(body_of(""), None);
    }
}
