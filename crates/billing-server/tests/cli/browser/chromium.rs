//! A browser of a test's own, spoken to in plain calls; ended with the test.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fantoccini::elements::Element;
use fantoccini::key::Key;
use fantoccini::{Client, ClientBuilder, Locator};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::scheme::{Scheme, screen};
use super::wire::{logged, tell};
use crate::rig::Folder;

const DRIVER: &str = "BILLING_TEST_CHROMEDRIVER";
const READY: &str = "started successfully on port ";
/// How long a thing may take to appear before the test fails rather than hangs.
const PATIENCE: Duration = Duration::from_secs(30);
/// Marks the page that is left, if what is clicked leads to another one, or what a key is struck at
/// where nothing is clicked; and says whether it does.
const LEAVES: &str = r"
    const [clicked] = arguments, at = clicked ?? document.activeElement;
    const leads = at.matches('a[href], button[type=submit], button:not([type])')
        || !clicked && at.matches('form input');
    if (leads) document.documentElement.dataset.left = '';
    return leads;
";
const NOT_LEFT: &str = "html:not([data-left])";
/// Finds what is wrong for people who cannot see, or use no mouse: axe-core, by Deque Systems,
/// under the Mozilla Public License 2.0.
const AXE: &str = include_str!("axe.min.js");
const RUN_AXE: &str = r"
    const done = arguments[arguments.length - 1];
    axe.run(document, { resultTypes: ['violations'] }).then(
        found => done(found.violations.map(one =>
            `${one.impact}: ${one.id} at ${one.nodes.map(node => node.target.join(' ')).join(', ')}`)),
        failed => done([String(failed)]));
";

/// A browser and its driver. Dropping it ends both.
pub(super) struct Browser {
    driver: Child,
    pub(super) client: Client,
    pub(super) runtime: Runtime,
    /// The looks that held the longest names.
    pub(super) held: RefCell<BTreeSet<String>>,
}

impl Browser {
    /// A new browser that remembers nothing; `None` where tests in a browser are skipped.
    #[expect(clippy::disallowed_methods, reason = "says where the driver is")]
    pub(super) fn open(folder: &Folder) -> Option<Self> {
        let program = std::env::var(DRIVER).unwrap_or_else(|_unset| {
            panic!("{DRIVER} is not set; run the tests with `cargo xtask test`")
        });
        if program == "skip" {
            return None;
        }
        let mut driver = Command::new(program)
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut told = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = told.by_ref().map_while(Result::ok).find_map(|line| {
            let (_, port) = line.split_once(READY)?;
            Some(port.trim_end_matches('.').to_owned())
        });
        // It may go on to write, and would end of a closed pipe.
        std::thread::spawn(move || told.for_each(drop));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let address = format!("http://127.0.0.1:{}", port.unwrap());
        let client = runtime.block_on(connected(&address, &folder.path("profile")));
        Some(Self {
            driver,
            client,
            runtime,
            held: RefCell::default(),
        })
    }

    /// What the page is looked at with from now on.
    pub(super) fn look(&self, width: u32, scheme: Scheme) {
        self.tell("Emulation.setDeviceMetricsOverride", screen(width));
        self.tell("Emulation.setEmulatedMedia", scheme.asked());
    }

    /// Runs no script of any page from now on; those of the tests are not the page's.
    pub(super) fn runs_no_scripts(&self) {
        let off = json!({ "value": true });
        self.tell("Emulation.setScriptExecutionDisabled", off);
    }

    fn tell(&self, command: &'static str, parameters: Value) -> Value {
        let told = tell(&self.client, command, parameters);
        self.runtime.block_on(told).unwrap()
    }

    /// What was stopped by content policies, or failed in scripts, since this was last asked. That
    /// something could not be loaded is not told: there is no network beyond this machine.
    pub(super) fn stopped(&self) -> Vec<String> {
        let logged = self.runtime.block_on(logged(&self.client)).unwrap();
        let entries = logged.as_array().unwrap().iter();
        let told = entries.filter(|entry| entry["source"] != "network");
        told.map(|entry| entry["message"].as_str().unwrap().to_owned())
            .collect()
    }

    pub(super) fn visit(&self, url: &str) {
        self.runtime.block_on(self.client.goto(url)).unwrap();
    }

    /// The address that is looked at.
    pub(super) fn at(&self) -> String {
        self.runtime
            .block_on(self.client.current_url())
            .unwrap()
            .to_string()
    }

    /// Waits until there is what `css` selects.
    pub(super) fn shows(&self, css: &str) {
        let _there = self.find(css);
    }

    /// Waits for what `css` selects.
    fn find(&self, css: &str) -> Element {
        let waited = self.client.wait().at_most(PATIENCE);
        let found = self.runtime.block_on(waited.for_element(Locator::Css(css)));
        found.unwrap_or_else(|error| panic!("{css} at {}: {error}", self.at()))
    }

    /// Waits until the page says this.
    pub(super) fn reads(&self, text: &str) {
        let here = format!("//body[contains(normalize-space(.), \"{text}\")]");
        let waited = self.client.wait().at_most(PATIENCE);
        let found = self
            .runtime
            .block_on(waited.for_element(Locator::XPath(&here)));
        assert!(
            found.is_ok(),
            "no {text:?} at {}:\n{}",
            self.at(),
            self.text()
        );
    }

    /// All that the page says.
    pub(super) fn text(&self) -> String {
        let body = self.find("body");
        self.runtime.block_on(body.text()).unwrap()
    }

    /// Writes into the field with this name.
    pub(super) fn fill(&self, name: &str, text: &str) {
        let field = self.find(&format!("[name={name}]:not([type=hidden])"));
        self.runtime.block_on(field.clear()).unwrap();
        self.runtime.block_on(field.send_keys(text)).unwrap();
    }

    /// What stands in the field that `css` selects.
    pub(super) fn value_of(&self, css: &str) -> String {
        let field = self.find(css);
        let value = self.runtime.block_on(field.prop("value")).unwrap();
        value.unwrap()
    }

    /// Presses the button or follows the link that `css` selects.
    pub(super) fn press(&self, css: &str) {
        self.click(&self.find(css));
    }

    fn click(&self, pressed: &Element) {
        self.leaves_by(vec![json!(pressed)], || {
            self.runtime.block_on(pressed.click()).unwrap();
        });
    }

    /// Strikes a key that presses what has the focus.
    pub(super) fn enters(&self, key: Key) {
        self.leaves_by(Vec::new(), || self.strikes(key));
    }

    /// Waits for the page that this leads to: what is read next may stand in the one that is left
    /// as well, and whoever goes elsewhere meanwhile is brought back by its arrival.
    fn leaves_by(&self, clicked: Vec<Value>, act: impl FnOnce()) {
        let leads = self.client.execute(LEAVES, clicked);
        let leads = self.runtime.block_on(leads).unwrap();
        act();
        if leads == true {
            self.shows(NOT_LEFT);
        }
    }

    /// Presses the button or follows the link that says this.
    pub(super) fn choose(&self, says: &str) {
        let here = format!("(//button|//a)[contains(normalize-space(.), \"{says}\")]");
        let waited = self.client.wait().at_most(PATIENCE);
        let found = self
            .runtime
            .block_on(waited.for_element(Locator::XPath(&here)));
        let Ok(found) = found else {
            panic!("no {says:?} at {}:\n{}", self.at(), self.text());
        };
        self.click(&found);
    }

    /// The answer of a script in the page, to find out what no element tells.
    pub(super) fn ask(&self, script: &str) -> Value {
        self.runtime
            .block_on(self.client.execute(script, Vec::new()))
            .unwrap()
    }

    /// A picture of the whole page, as WebP.
    pub(super) fn picture(&self) -> Vec<u8> {
        let wanted = json!({ "captureBeyondViewport": true, "format": "webp", "quality": 85 });
        let taken = self.tell("Page.captureScreenshot", wanted);
        base64::Engine::decode(
            &base64::engine::general_purpose::STANDARD,
            taken["data"].as_str().unwrap(),
        )
        .unwrap()
    }

    /// What axe finds wrong with this page, serious or not.
    pub(super) fn barriers(&self) -> Vec<String> {
        if self.ask("return typeof axe") == "undefined" {
            self.ask(AXE);
        }
        let found = self
            .runtime
            .block_on(self.client.execute_async(RUN_AXE, Vec::new()))
            .unwrap();
        serde_json::from_value(found).unwrap()
    }
}

async fn connected(address: &str, profile: &Path) -> Client {
    let profile = format!("--user-data-dir={}", profile.display());
    let arguments = [
        "--headless=new",
        // Chromium's own sandbox refuses root, as whom containers run.
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--hide-scrollbars",
        "--no-first-run",
        // Whatever a page asks of others, nobody answers.
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        &profile,
    ];
    let wanted = json!({
        "goog:chromeOptions": { "args": arguments },
        "goog:loggingPrefs": { "browser": "ALL" },
    });
    ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new())
        .capabilities(serde_json::from_value(wanted).unwrap())
        .connect(address)
        .await
        .unwrap()
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver, told to end the session, ends its browser; the driver is ours to end.
        let ended = self.runtime.block_on(self.client.clone().close());
        self.driver.kill().unwrap();
        self.driver.wait().unwrap();
        if !std::thread::panicking() {
            ended.unwrap();
        }
    }
}
