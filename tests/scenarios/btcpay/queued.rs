//! BTCPay's own queue against our server: what cannot be stored is sent again, holds up
//! whatever comes after it, and none of it is lost.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use billing_ports::WebhookRequest;
use billing_testkit::fakes::btcpay::FakeBtcPay;
use jiff::SignedDuration;
use poem::http::StatusCode;
use poem::listener::TcpAcceptor;
use poem::{Endpoint, IntoResponse, Request, Response, Server};
use tokio::net::TcpListener;

use super::shop::{Shop, opens, pays_untold, served, store};
use crate::rig::{Fake, StoreKind};
use crate::scenarios::books::Books;
use crate::scenarios::harbor::PLANS;
use crate::scenarios::on_both_stores;

on_both_stores! {
    /// K-20: with the store of ours away, and then our server, BTCPay sends each webhook
    /// until it is stored, one after the other, and what was paid is granted once it is.
    k_20_what_cannot_be_stored_is_sent_again_and_holds_up_the_rest;
}

/// Where BTCPay sends its webhooks: a server of ours, or nobody while there is none.
#[derive(Clone, Default)]
struct Front {
    up: Arc<Mutex<Option<Arc<Shop>>>>,
    answered: Arc<Mutex<Vec<u16>>>,
}

impl Endpoint for Front {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let (parts, body) = request.into_parts();
        let headers = parts.headers.iter();
        let headers = headers.map(|(name, value)| {
            let value = value.to_str().unwrap().to_owned();
            (name.as_str().to_owned(), value)
        });
        let webhook = WebhookRequest {
            headers: headers.collect(),
            body: body.into_bytes().await?,
        };
        let shop = self.up.lock().unwrap().clone();
        let status = match shop {
            Some(shop) => shop.deliver(FakeBtcPay::NAME, &webhook).await.status,
            None => StatusCode::BAD_GATEWAY,
        };
        self.answered.lock().unwrap().push(status.as_u16());
        Ok(status.into_response())
    }
}

impl Front {
    /// Opens on loopback; gives where.
    async fn opened(&self) -> url::Url {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = format!("http://{}/", listener.local_addr().unwrap());
        let acceptor = TcpAcceptor::from_tokio(listener).unwrap();
        tokio::spawn(Server::new_with_acceptor(acceptor).run(self.clone()));
        address.parse().unwrap()
    }

    /// What was answered since last asked.
    fn answered(&self) -> Vec<u16> {
        std::mem::take(&mut self.answered.lock().unwrap())
    }
}

async fn k_20_what_cannot_be_stored_is_sent_again_and_holds_up_the_rest(kind: StoreKind) {
    let (books, fake) = (Books::fresh(kind).await, store().await);
    let start = || {
        served(
            Arc::clone(&books.store),
            Arc::clone(&fake),
            PLANS,
            |_rates| {},
        )
    };
    let front = Front::default();
    let shop = Arc::new(start().await);
    *front.up.lock().unwrap() = Some(Arc::clone(&shop));
    let ana = opens(&shop, "ana", "deck-monthly").await;
    let ben = opens(&shop, "ben", "bridge-monthly").await;

    // Twice nothing can be stored: of all that waits the first alone is sent, and sent again.
    books.run("alter table inbox rename to inbox_away").await;
    pays_untold(&shop, &ana.page);
    pays_untold(&shop, &ben.page);
    fake.deliveries().set_target(Some(front.opened().await));
    fake.deliver().await;
    assert_eq!(front.answered(), [503]);
    fake.advance(SignedDuration::from_secs(9));
    fake.deliver().await;
    assert_eq!(front.answered(), [0; 0], "not before its time");
    fake.advance(SignedDuration::from_secs(1));
    fake.deliver().await;
    assert_eq!(front.answered(), [503]);
    books.run("alter table inbox_away rename to inbox").await;
    shop.work().await;
    ana.has_nothing(&shop).await;
    ben.has_nothing(&shop).await;

    // Our server ends, and is away when the next attempt comes.
    *front.up.lock().unwrap() = None;
    drop(shop);
    fake.advance(SignedDuration::from_mins(1));
    fake.deliver().await;
    assert_eq!(front.answered(), [502]);
    let before = books.count("inbox").await;

    // It is back: the first comes, and all the others behind it at once, each one time.
    let shop = Arc::new(start().await);
    *front.up.lock().unwrap() = Some(Arc::clone(&shop));
    fake.advance(SignedDuration::from_mins(10));
    fake.deliver().await;
    let answered = front.answered();
    assert!(answered.len() >= 6, "{answered:?}");
    assert!(answered.iter().all(|status| *status == 200), "{answered:?}");
    assert_eq!(books.count("inbox").await, before + answered.len());
    shop.work().await;
    assert_eq!(ana.plan(&shop).await, "deck");
    assert_eq!(ben.plan(&shop).await, "bridge");
    assert_eq!(shop.told("subscription.activated"), 2);
    // Nothing waits there any more.
    fake.advance(SignedDuration::from_hours(1));
    fake.deliver().await;
    assert_eq!(front.answered(), [0; 0]);
    shop.work().await;
    shop.is_sound().await;
}
