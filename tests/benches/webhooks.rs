//! Events sent out: from the commit of what happened to receivers that take their time to
//! answer, by an engine and a sender that run as in a server.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use billing::system::{SystemClock, SystemIds};
use billing::{Billing, CustomerRef, read_plan_file};
use billing_domain::grant::GrantReason;
use billing_domain::ids::IdSeq;
use billing_domain::journal::Event;
use billing_notify::{Reaching, Sender};
use billing_ports::store::{Endpoint, EndpointSecret, Store};
use billing_ports::{Clock, IdSource};
use poem::http::StatusCode;
use poem::web::{Data, Json};
use poem::{EndpointExt as _, Route, handler, post};
use tokio::sync::{Notify, oneshot};

use crate::Size;
use crate::serve::Server;
use crate::stores::{NO_SERVER, postgres, server};
use crate::table::{Row, Verdict, median, none, now, per_second};

/// Deliveries a second that are wanted.
const WANTED: u64 = 300;

/// Within how many milliseconds of the commit half of the deliveries are wanted.
const WANTED_WITHIN: u64 = 50;

/// Receivers, each of which wants every event.
const RECEIVERS: usize = 50;

/// How long each takes to answer.
const ANSWERS_IN: Duration = Duration::from_millis(20);

/// The pause between events where the way of each counts: two hundred deliveries a second.
const PACE: Duration = Duration::from_millis(250);

/// How long all deliveries are waited for at most.
const PATIENCE: Duration = Duration::from_mins(5);

const PLANS: &[u8] = br#"
currency: usd
product: "Bench"
plans:
  pro: { name: Pro }
"#;

/// On PostgreSQL.
pub(crate) async fn on_postgres(size: Size) -> Vec<Row> {
    let what = format!(
        "events sent to {RECEIVERS} receivers that answer in {} ms, PostgreSQL",
        ANSWERS_IN.as_millis()
    );
    let Some(server) = server() else {
        return Row::skipped(&what, NO_SERVER);
    };
    let (_, store) = postgres(&server).await;
    let store: Arc<dyn Store> = Arc::new(store);
    let taken = Arc::new(Taken::default());
    let route = post(take).data(Arc::clone(&taken));
    let receivers = Server::start(Route::new().at("/hook/:place", route)).await;
    let (billing, sender) = engine(store, &receivers).await;
    let (stop, stopped) = oneshot::channel::<()>();
    let running = running(&billing, &sender, stopped);

    let (at_once, paced) = (size.pick(300, 20), size.pick(120, 20));
    let began = now();
    for number in 0..at_once {
        happens(&billing, number).await;
    }
    taken.wait(at_once * RECEIVERS).await;
    let rate = per_second(at_once * RECEIVERS, began.elapsed());

    let before = taken.count();
    let mut committed = BTreeMap::new();
    let mut ticks = tokio::time::interval(PACE);
    for number in 0..paced {
        ticks.tick().await;
        let customer = happens(&billing, number).await;
        committed.insert(customer, now());
    }
    taken.wait(before + paced * RECEIVERS).await;
    let waits = taken.since(before, &committed);
    assert_eq!(waits.len(), paced * RECEIVERS, "told of somebody else");
    let half = median(waits.into_iter());
    drop(stop);
    running.await.unwrap();
    vec![
        Row {
            what: what.clone(),
            measured: format!("{rate} /s"),
            floor: none(),
            ratio: none(),
            wanted: format!("≥ {WANTED} /s"),
            verdict: Verdict::of(rate >= WANTED),
        },
        Row {
            what: "half of them within, from the commit to the receiver, at 200 /s".to_owned(),
            measured: format!("{half} µs"),
            floor: none(),
            ratio: none(),
            wanted: format!("≤ {} µs", WANTED_WITHIN * 1_000),
            verdict: Verdict::of(half <= WANTED_WITHIN * 1_000),
        },
    ]
}

/// The engine's worker and its sender, until `stopped`.
fn running(
    billing: &Billing,
    sender: &Sender,
    stopped: oneshot::Receiver<()>,
) -> tokio::task::JoinHandle<()> {
    let (billing, sender) = (billing.clone(), sender.clone());
    tokio::spawn(async move {
        let (end, ending) = tokio::sync::watch::channel(());
        let told = |mut ending: tokio::sync::watch::Receiver<()>| async move {
            drop(ending.changed().await);
        };
        let works = tokio::spawn({
            let told = told(ending.clone());
            async move { billing.run_worker(told).await }
        });
        let sends = tokio::spawn(async move { sender.run(told(ending)).await });
        drop(stopped.await);
        drop(end);
        works.await.unwrap();
        sends.await.unwrap();
    })
}

/// Something that is told: a customer is given a plan. Gives whom it happened to.
async fn happens(billing: &Billing, number: usize) -> String {
    let name = format!("customer-{}-{number}", SystemIds.seed());
    let customer = billing.ensure_customer(&name, None).await.unwrap();
    let plan = "pro".parse().unwrap();
    let of = CustomerRef::from(name.as_str());
    let granted = billing.grant(&of, &plan, GrantReason::Comp, None, None);
    granted.await.unwrap();
    customer.customer.id.to_string()
}

/// An engine that tells receivers, all of whom are known to it.
async fn engine(store: Arc<dyn Store>, receivers: &Server) -> (Billing, Sender) {
    let ids: Arc<dyn IdSource> = Arc::new(SystemIds);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let sender = Sender::new(
        Arc::clone(&store),
        Arc::clone(&clock),
        Arc::clone(&ids),
        Reaching::Anywhere,
    );
    let sender = sender.unwrap();
    let mut drawn = IdSeq::new(clock.now(), 5);
    for place in 0..RECEIVERS {
        let endpoint = Endpoint {
            id: drawn.draw(),
            url: format!("http://{}/hook/{place}", receivers.address),
            events: vec![Event::GrantAdded],
            secret: EndpointSecret([7; 32]),
            old_secret: None,
            failing_since: None,
            disabled: None,
            created_at: clock.now(),
        };
        assert!(store.add_endpoint(&endpoint).await.unwrap());
    }
    let billing = Billing::builder(store, clock, ids)
        .notifier(Arc::new(sender.clone()))
        .build()
        .unwrap();
    let plans = read_plan_file("plans.yaml", PLANS).unwrap();
    billing.apply_catalog(&plans).await.unwrap();
    (billing, sender)
}

/// What receivers were told, and when.
#[derive(Default)]
struct Taken {
    told: Mutex<Vec<(String, Instant)>>,
    more: Notify,
}

impl Taken {
    fn count(&self) -> usize {
        self.told.lock().unwrap().len()
    }

    async fn wait(&self, count: usize) {
        let all = async {
            while self.count() < count {
                self.more.notified().await;
            }
        };
        tokio::time::timeout(PATIENCE, all).await.unwrap();
    }

    /// The microseconds that each took from its commit, of those after the first `before`.
    fn since(&self, before: usize, committed: &BTreeMap<String, Instant>) -> Vec<u64> {
        let told = self.told.lock().unwrap();
        let told = told.iter().skip(before);
        told.filter_map(|(customer, at)| {
            let since = at.saturating_duration_since(*committed.get(customer)?);
            u64::try_from(since.as_micros()).ok()
        })
        .collect()
    }
}

/// A receiver: notes what it was told, and takes its time.
#[handler]
async fn take(Data(taken): Data<&Arc<Taken>>, Json(event): Json<serde_json::Value>) -> StatusCode {
    let customer = event.pointer("/data/customer").unwrap();
    let customer = customer.as_str().unwrap().to_owned();
    taken.told.lock().unwrap().push((customer, now()));
    taken.more.notify_one();
    tokio::time::sleep(ANSWERS_IN).await;
    StatusCode::NO_CONTENT
}
