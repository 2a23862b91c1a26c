//! What `WebDriver` has no word for, in Chromium's own protocol: the size and scheme of what is
//! looked at, pictures of whole pages, what the browser has logged.

use fantoccini::error::CmdError;
use fantoccini::{Client, wd::WebDriverCompatibleCommand};
use poem::http::Method;
use serde_json::{Value, json};
use url::{ParseError, Url};

/// One command of Chromium's protocol, through its driver.
#[derive(Debug)]
struct Chromium {
    command: &'static str,
    parameters: Value,
}

impl WebDriverCompatibleCommand for Chromium {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        let session = session.unwrap_or_default();
        base.join(&format!("session/{session}/goog/cdp/execute"))
    }

    fn method_and_body(&self, _url: &Url) -> (Method, Option<String>) {
        let body = json!({ "cmd": self.command, "params": self.parameters });
        (Method::POST, Some(body.to_string()))
    }
}

/// Has Chromium do `command`.
pub(super) async fn tell(
    client: &Client,
    command: &'static str,
    parameters: Value,
) -> Result<Value, CmdError> {
    let told = Chromium {
        command,
        parameters,
    };
    client.issue_cmd(told).await
}

/// What the browser has logged since it was last asked, page after page.
#[derive(Debug)]
struct Logged;

impl WebDriverCompatibleCommand for Logged {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        let session = session.unwrap_or_default();
        base.join(&format!("session/{session}/se/log"))
    }

    fn method_and_body(&self, _url: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(json!({ "type": "browser" }).to_string()))
    }
}

/// The entries of the browser's log that nobody has taken yet.
pub(super) async fn logged(client: &Client) -> Result<Value, CmdError> {
    client.issue_cmd(Logged).await
}
