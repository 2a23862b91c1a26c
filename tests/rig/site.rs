//! A whole server in the test's own process: API, pages and the sandbox's pages,
//! and somebody who looks at them.

use std::ops::Deref;
use std::sync::Arc;

use billing::notify::{Reaching, Sender, Transport};
use billing::sandbox::{Mode, Sandbox, SandboxOptions, Settlement, TestCard};
use billing::{Billing, ManualProvider};
use billing_domain::catalog::Catalog;
use billing_domain::time::Timestamp;
use billing_license::{Claims, Expected, KeySet, verify};
use billing_ports::store::Store;
use billing_ports::{Clock, IdSource, Mail};
use billing_server::{AppState, TokenSigner, api_routes, page_routes};
use billing_testkit::{ManualClock, RecordingMailer, RecordingNotifier, SeededIds};
use poem::http::StatusCode;
use poem::{EndpointExt, Route};
use secrecy::SecretString;
use serde_json::json;

use super::door::Door;
use super::library::Library;
use super::{PUBLIC, Rig, SECRET, StoreKind, Through, account, canary, http};

/// What licenses and their keys are signed with in tests.
pub(crate) const SEED: [u8; 32] = [3; 32];
pub(crate) const KEYED_WITH: [u8; 32] = [4; 32];

/// A server, and the rig that it runs on.
pub(crate) struct Site {
    pub(crate) rig: Rig,
    state: AppState,
    mailer: RecordingMailer,
    /// What sends events out, to this machine too. It is told what happens once the engine
    /// is told to tell it.
    pub(crate) events: Sender,
    door: Door,
}

impl Deref for Site {
    type Target = Door;

    fn deref(&self) -> &Door {
        &self.door
    }
}

impl Site {
    pub(crate) async fn new(
        kind: StoreKind,
        mode: Mode,
        catalog: &Catalog,
        start: Timestamp,
    ) -> Self {
        let rig = Rig::new(kind, Through::Library, mode, catalog, start).await;
        Self::over(rig).await
    }

    /// A site that has what happens carried by the transports of `make`.
    pub(crate) async fn carrying(
        kind: StoreKind,
        catalog: &Catalog,
        start: Timestamp,
        make: impl FnOnce(&mut AppState) -> Vec<Arc<dyn Transport>>,
    ) -> Self {
        let mode = Mode::EngineSchedule { saves_cards: true };
        let rig = Rig::new(kind, Through::Library, mode, catalog, start).await;
        Self::over_with(rig, make).await
    }

    /// A site over `store` that takes manual invoices too, and whose sandbox
    /// collects as `settles` says.
    pub(crate) async fn made(
        store: Arc<dyn Store>,
        mode: Mode,
        settles: Option<Settlement>,
        catalog: &Catalog,
        start: Timestamp,
    ) -> Self {
        Self::beside(store, mode, settles, catalog, start, 1).await
    }

    /// The same, as one of several on one database: `seed` is its own.
    pub(crate) async fn beside(
        store: Arc<dyn Store>,
        mode: Mode,
        settles: Option<Settlement>,
        catalog: &Catalog,
        start: Timestamp,
        seed: u64,
    ) -> Self {
        let clock = ManualClock::new(start);
        let notifier = RecordingNotifier::new();
        let sandbox = Sandbox::in_memory(SandboxOptions {
            account: account(),
            mode,
            public_url: "http://sandbox.test/sandbox".parse().unwrap(),
            webhook_secrets: vec![SecretString::from(SECRET)],
            clock: Arc::new(clock.clone()),
            settles,
        })
        .unwrap();
        let billing = Billing::builder(
            Arc::clone(&store),
            Arc::new(clock.clone()),
            Arc::new(SeededIds::new(seed)) as Arc<dyn IdSource>,
        )
        .provider(Arc::new(sandbox.clone()))
        .webhooks(Arc::new(sandbox.decoder()))
        .provider(Arc::new(
            ManualProvider::new(Arc::new(clock.clone())).unwrap(),
        ))
        .notifier(Arc::new(notifier.clone()))
        .build()
        .unwrap();
        billing.apply_catalog(catalog).await.unwrap();
        let driver = Box::new(Library::new(billing.clone()));
        Self::over(Rig {
            billing,
            sandbox,
            clock,
            notifier,
            store,
            driver,
            _canary: canary(&[]),
        })
        .await
    }

    async fn over(rig: Rig) -> Self {
        Self::over_with(rig, |_state| Vec::new()).await
    }

    async fn over_with(
        rig: Rig,
        make: impl FnOnce(&mut AppState) -> Vec<Arc<dyn Transport>>,
    ) -> Self {
        let mailer = RecordingMailer::new();
        let signer = TokenSigner::new(&SEED, &KEYED_WITH, PUBLIC, PUBLIC);
        let events = Sender::new(
            Arc::clone(&rig.store),
            Arc::new(rig.clock.clone()),
            Arc::new(SeededIds::new(3)),
            Reaching::Anywhere,
        )
        .unwrap();
        let mut state = http::state(&rig.billing, Arc::new(SeededIds::new(2)))
            .await
            .with_events(events.clone())
            .with_mailer(Arc::new(mailer.clone()))
            .with_license_signer(Arc::new(signer));
        let transports = make(&mut state);
        let state = state.with_courier(transports);
        let sandbox = billing::sandbox::routes(&rig.sandbox);
        let api = Arc::new(api_routes(state.clone()));
        let routes = Route::new()
            .nest("/sandbox", sandbox)
            .nest_no_strip("/v1", Arc::clone(&api))
            .nest_no_strip("/.well-known", api)
            .nest_no_strip("/", page_routes(&state))
            .map_to_response()
            .boxed();
        Self {
            rig,
            state,
            mailer,
            events,
            door: Door::new(routes, canary(&[])),
        }
    }

    /// Works until nothing is left to do at this instant, and has it carried; gives how many
    /// things were tried.
    pub(crate) async fn carry(&self) -> usize {
        self.rig.settle().await;
        let courier = self.state.courier().expect("something is carried");
        courier.carry_due().await.unwrap()
    }

    /// The next mails are not taken, so many of them.
    pub(crate) fn mail_fails(&self, count: u32) {
        self.mailer.fail_next(count);
    }

    /// Every mail that was sent, with those at hand.
    pub(crate) async fn mail(&self) -> Vec<Mail> {
        self.state.mail_settled().await;
        self.mailer.sent()
    }

    /// A new customer who has paid for `price` at the provider; gives its id. The
    /// webhooks are not delivered yet.
    pub(crate) async fn paid_by(&self, who: &str, price: &str) -> String {
        let customer = json!({ "external_ref": who });
        let customer = self.operate("/v1/customers", &customer).await;
        let customer = customer.is(StatusCode::CREATED).json();
        let customer = customer["id"].as_str().unwrap().to_owned();
        self.buys(&customer, price).await;
        customer
    }

    /// The customer buys a price, and pays it at once.
    pub(crate) async fn buys(&self, customer: &str, price: &str) {
        let bought = json!({ "customer": customer, "price": price });
        let bought = self.operate("/v1/checkouts", &bought).await;
        let bought = bought.is(StatusCode::CREATED).json();
        let page = bought["url"].as_str().unwrap();
        let reference = page.rsplit('/').next().unwrap();
        let card = TestCard::Pays;
        self.rig.sandbox.pay(reference, card, None).await.unwrap();
    }

    /// What a license's token says, after verifying it as an application does.
    pub(crate) async fn says(&self, token: &str) -> Claims {
        let jwks = self.get("/.well-known/jwks.json").await;
        let keys = KeySet::from_jwks(&jwks.is(StatusCode::OK).text).unwrap();
        let expected = Expected {
            issuer: PUBLIC,
            audience: Some(PUBLIC),
            customer: None,
        };
        verify(token, &keys, &expected, self.rig.clock.now().as_second()).unwrap()
    }
}
