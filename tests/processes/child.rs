//! A worker process of its own, on the database of the test that started it.

use std::sync::Arc;

use async_trait::async_trait;
use billing::Billing;
use billing::system::SystemIds;
use billing_domain::catalog::Catalog;
use billing_domain::effect::{EffectKey, Order};
use billing_domain::fact::{Fact, Link, Observed};
use billing_domain::ids::EffectId;
use billing_domain::provider::{Capabilities, ProviderAccount, ProviderRef};
use billing_domain::time::Timestamp;
use billing_ports::{Answer, Finding, PaymentProvider, PerformError};
use billing_testkit::ManualClock;
use billing_testkit::fakes::btcpay::DEFAULT_KEY;
use jiff::SignedDuration;
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, Statement};

use super::due::DUE_AT;
use super::{CHILD_AHEAD, CHILD_BTCPAY, CHILD_URL, btcpay};
use crate::rig::{account, canary};

/// Works until nothing is left, then ends. Does nothing unless it was started
/// as a child.
#[tokio::test]
#[ignore = "started by its parent, as a process of its own"]
#[expect(clippy::disallowed_methods, reason = "told by the parent process")]
async fn work() {
    let Ok(url) = std::env::var(CHILD_URL) else {
        return;
    };
    let _canary = canary(&[DEFAULT_KEY]);
    let ahead: i64 = std::env::var(CHILD_AHEAD).unwrap().parse().unwrap();
    let now: Timestamp = DUE_AT.parse().unwrap();
    let clock = ManualClock::new(now + SignedDuration::from_secs(ahead));
    let store = crate::rig::connect_postgres(&url).await;
    let provider: Arc<dyn PaymentProvider> = match std::env::var(CHILD_BTCPAY) {
        Ok(fake) => Arc::new(btcpay::provider(&fake.parse().unwrap(), clock.clone())),
        Err(_unset) => Arc::new(TableProvider {
            account: account(),
            books: Database::connect(&url).await.unwrap(),
            at: now,
        }),
    };
    let billing = Billing::builder(Arc::new(store), Arc::new(clock), Arc::new(SystemIds))
        .provider(provider)
        .build()
        .unwrap();
    billing.work_until_idle().await.unwrap();
}

/// A provider whose books are a table: idempotent by key, and every call shows.
struct TableProvider {
    account: ProviderAccount,
    books: DatabaseConnection,
    at: Timestamp,
}

#[async_trait]
impl PaymentProvider for TableProvider {
    fn account(&self) -> &ProviderAccount {
        &self.account
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            owns_schedule: false,
            prorates: false,
            hosted_checkout: true,
            portal: false,
            pause: false,
            saved_method: false,
            paused_ends_at_once: false,
        }
    }

    async fn perform(
        &self,
        _effect: EffectId,
        key: &EffectKey,
        order: &Order,
    ) -> Result<Answer, PerformError> {
        let Order::CreateInvoice(ask) = order else {
            return Err(PerformError::Unsupported("anything but invoices"));
        };
        let insert = Statement::from_sql_and_values(
            self.books.get_database_backend(),
            "insert into fake_calls (key, invoice) values ($1, $2)",
            [key.as_str().into(), ask.invoice.to_string().into()],
        );
        let inserted = self.books.execute_raw(insert).await;
        inserted.map_err(|error| PerformError::Unknown(error.to_string()))?;
        Ok(Answer::Done(vec![Observed {
            fact: Fact::InvoiceOpened {
                invoice: ask.invoice,
                reference: format!("fake:{key}"),
                pay_url: Some("https://pay.test/".to_owned()),
                conversion: None,
            },
            at: self.at,
            link: Link::default(),
        }]))
    }

    async fn read(&self, _object: &ProviderRef) -> Result<Vec<Observed>, PerformError> {
        Ok(Vec::new())
    }

    async fn doctor(&self, _catalog: &Catalog) -> Vec<Finding> {
        Vec::new()
    }
}
