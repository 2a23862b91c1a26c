//! What a request is to a fake, and what it answers. Knows no socket.

use std::fmt;

use bytes::Bytes;
use http::StatusCode;
use serde_json::Value;

/// A request as it arrived, complete.
#[derive(Clone)]
pub struct Incoming {
    /// The method in upper case: `POST`.
    pub method: String,
    /// The path without the query: `/v1/customers`.
    pub path: String,
    /// The query as it stands, without the question mark; empty where there is none.
    pub query: String,
    /// Header names in lower case, with their values. Values that are no text are left out.
    pub headers: Vec<(String, String)>,
    /// The exact bytes of the body.
    pub body: Bytes,
}

impl Incoming {
    /// The value of a header, by its lower-case name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(held, _)| held == name)?;
        Some(found.1.as_str())
    }

    /// The token of `Authorization: Bearer …`.
    #[must_use]
    pub fn bearer(&self) -> Option<&str> {
        self.header("authorization")?.strip_prefix("Bearer ")
    }

    /// The parts of the path between slashes.
    #[must_use]
    pub fn segments(&self) -> Vec<&str> {
        let parts = self.path.split('/');
        parts.filter(|part| !part.is_empty()).collect()
    }
}

impl fmt::Debug for Incoming {
    /// Shows neither headers nor body.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming")
            .field("method", &self.method)
            .field("path", &self.path)
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// An answer, complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// Header names with their values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// A JSON body under a status.
    #[must_use]
    pub fn json(status: StatusCode, body: &Value) -> Self {
        Self {
            status,
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: Bytes::from(body.to_string()),
        }
    }

    /// An HTML page under a status.
    #[must_use]
    pub fn html(status: StatusCode, page: impl Into<String>) -> Self {
        let kind = "text/html; charset=utf-8";
        Self {
            status,
            headers: vec![("content-type".to_owned(), kind.to_owned())],
            body: Bytes::from(page.into()),
        }
    }

    /// The same with one more header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}
