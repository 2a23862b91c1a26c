//! The one stylesheet, under an address that changes with its content.

use std::fmt::Write as _;
use std::sync::LazyLock;

use poem::http::StatusCode;
use poem::{Request, Response, handler};
use ring::digest::{SHA256, digest};

const STYLE: &str = include_str!("billing.css");

/// Bytes of the content's hash in its address: 48 bits tell any two versions apart.
const HASH_BYTES: usize = 6;

static HASH: LazyLock<String> = LazyLock::new(|| {
    let hash = digest(&SHA256, STYLE.as_bytes());
    let mut hex = String::new();
    for byte in hash.as_ref().iter().take(HASH_BYTES) {
        // Writing to a string does not fail.
        let _written = write!(hex, "{byte:02x}");
    }
    hex
});

/// The stylesheet's address.
pub(super) fn stylesheet_address() -> String {
    format!("/assets/billing.css?v={}", *HASH)
}

/// A version in the address is kept for ever; without one, or with an old one,
/// it is asked for again each time.
#[handler]
pub(super) fn stylesheet(request: &Request) -> Response {
    let tag = format!("\"{}\"", *HASH);
    let version = format!("v={}", *HASH);
    let keep = if request.uri().query() == Some(version.as_str()) {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let answer = Response::builder()
        .header("cache-control", keep)
        .header("etag", &tag);
    if request.header("if-none-match") == Some(tag.as_str()) {
        return answer.status(StatusCode::NOT_MODIFIED).finish();
    }
    answer.content_type("text/css; charset=utf-8").body(STYLE)
}
