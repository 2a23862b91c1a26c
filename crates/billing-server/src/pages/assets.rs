//! The stylesheet and the scripts, under addresses that change with their content.

use std::sync::LazyLock;

use poem::http::StatusCode;
use poem::{Request, Response, handler};
use ring::digest::{SHA256, digest};

/// Bytes of the content's hash in its address: 48 bits tell any two versions apart.
const HASH_BYTES: usize = 6;

/// A file that pages refer to.
struct Asset {
    path: &'static str,
    kind: &'static str,
    content: &'static str,
    hash: LazyLock<String>,
}

static STYLE: Asset = Asset {
    path: "/assets/billing.css",
    kind: "text/css; charset=utf-8",
    content: include_str!("billing.css"),
    hash: LazyLock::new(|| hash(STYLE.content)),
};

/// What opens Paddle's checkout, on the one page that needs a script.
static PADDLE: Asset = Asset {
    path: "/assets/paddle.js",
    kind: "text/javascript; charset=utf-8",
    content: include_str!("paddle.js"),
    hash: LazyLock::new(|| hash(PADDLE.content)),
};

/// What puts a button beside a license key that copies it.
static COPY: Asset = Asset {
    path: "/assets/copy.js",
    kind: "text/javascript; charset=utf-8",
    content: include_str!("copy.js"),
    hash: LazyLock::new(|| hash(COPY.content)),
};

/// What looks whether a page that waits has something else to say.
static WAIT: Asset = Asset {
    path: "/assets/wait.js",
    kind: "text/javascript; charset=utf-8",
    content: include_str!("wait.js"),
    hash: LazyLock::new(|| hash(WAIT.content)),
};

impl Asset {
    fn address(&self) -> String {
        format!("{}?v={}", self.path, *self.hash)
    }

    /// A version in the address is kept for ever; without one, or with an old one,
    /// it is asked for again each time.
    fn answer(&self, request: &Request) -> Response {
        let tag = format!("\"{}\"", *self.hash);
        let version = format!("v={}", *self.hash);
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
        answer.content_type(self.kind).body(self.content)
    }
}

/// The stylesheet's address.
pub(super) fn stylesheet_address() -> String {
    STYLE.address()
}

/// The address of the script that opens Paddle's checkout.
pub(super) fn paddle_script_address() -> String {
    PADDLE.address()
}

/// The address of the script that copies a license key.
pub(super) fn copy_script_address() -> String {
    COPY.address()
}

/// The address of the script that looks again.
pub(super) fn wait_script_address() -> String {
    WAIT.address()
}

#[handler]
pub(super) fn stylesheet(request: &Request) -> Response {
    STYLE.answer(request)
}

#[handler]
pub(super) fn paddle_script(request: &Request) -> Response {
    PADDLE.answer(request)
}

#[handler]
pub(super) fn copy_script(request: &Request) -> Response {
    COPY.answer(request)
}

#[handler]
pub(super) fn wait_script(request: &Request) -> Response {
    WAIT.answer(request)
}

fn hash(content: &str) -> String {
    let hash = digest(&SHA256, content.as_bytes());
    let hash = hash.as_ref();
    hex::encode(hash.get(..HASH_BYTES).unwrap_or(hash))
}
