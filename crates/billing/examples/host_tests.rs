//! A host application and its own tests: behavior against the testkit (memory
//! store, clock that the test moves, sandbox), calls against mocks.
//!
//! Run them with `cargo test --package billing --example host_tests`.

#![expect(clippy::print_stdout, reason = "it tells who runs it what came of it")]

use billing::{Billing, Gate, Need};

/// The host's own code: signing in with the company's account is for paying teams.
async fn sign_in(billing: &Billing, user: &str) -> &'static str {
    match billing.gate(&user.into(), "sso", Need::Some).await {
        Ok(Gate::Allowed { .. }) => "welcome",
        Ok(Gate::Denied { .. }) => "please upgrade",
        Err(_) => "please try again",
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    // Switched off, explicitly: everything is allowed.
    if let Ok(runtime) = runtime {
        println!("{}", runtime.block_on(sign_in(&Billing::disabled(), "ana")));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use billing::domain::effect::Order;
    use billing::domain::provider::{Capabilities, ProviderAccount};
    use billing::ports::mock::MockPaymentProvider;
    use billing::ports::{Answer, Clock, PaymentProvider, Refusal};
    use billing::sandbox::{Intake, Mode, Sandbox, SandboxOptions, TestCard};
    use billing::{CheckoutError, CheckoutRequest, What, read_plan_file};
    use billing_testkit::{ManualClock, MemoryStore, SeededIds};
    use jiff::SignedDuration;

    use super::*;

    fn account() -> ProviderAccount {
        ProviderAccount::main("sandbox".parse().unwrap())
    }

    fn team() -> CheckoutRequest {
        CheckoutRequest::of(
            "ana",
            What::Plan("team".parse().unwrap(), None),
            "https://app.test",
        )
    }

    async fn engine(clock: &ManualClock, provider: Arc<dyn PaymentProvider>) -> Billing {
        let store = Arc::new(MemoryStore::new());
        let billing = Billing::builder(store, Arc::new(clock.clone()), Arc::new(SeededIds::new(1)))
            .provider(provider)
            .build()
            .unwrap();
        let plans = read_plan_file("plans.yaml", include_bytes!("plans.yaml")).unwrap();
        billing.apply_catalog(&plans).await.unwrap();
        billing.ensure_customer("ana", None).await.unwrap();
        billing
    }

    /// E-02: behavior, on a clock that the test moves.
    #[tokio::test]
    async fn e_02_who_stops_paying_is_asked_to_upgrade_after_grace() {
        let clock = ManualClock::new("2026-01-10T00:00:00Z".parse().unwrap());
        let sandbox = Sandbox::in_memory(SandboxOptions {
            account: account(),
            mode: Mode::EngineSchedule { saves_cards: true },
            settles: None,
            public_url: "http://sandbox.test".parse().unwrap(),
            webhook_secrets: vec!["secret of this test".into()],
            clock: Arc::new(clock.clone()),
        })
        .unwrap();
        let store = Arc::new(MemoryStore::new());
        let billing = Billing::builder(store, Arc::new(clock.clone()), Arc::new(SeededIds::new(1)))
            .provider(Arc::new(sandbox.clone()))
            .webhooks(Arc::new(sandbox.decoder()))
            .build()
            .unwrap();
        let plans = read_plan_file("plans.yaml", include_bytes!("plans.yaml")).unwrap();
        billing.apply_catalog(&plans).await.unwrap();
        billing.ensure_customer("ana", None).await.unwrap();
        assert_eq!(sign_in(&billing, "ana").await, "please upgrade");

        let page = billing.checkout(team()).await.unwrap().url.unwrap();
        let reference = page.rsplit('/').next().unwrap();
        sandbox
            .pay(reference, TestCard::PaysOnce, Some("ana@app.test"))
            .await
            .unwrap();
        let sink = Intake::new(&billing, &sandbox);
        for hours in [0, 31 * 24 + 1, 8 * 24] {
            clock.advance(SignedDuration::from_hours(hours));
            sandbox.pump(clock.now(), &sink).await.unwrap();
            billing.work_until_idle().await.unwrap();
            sandbox.pump(clock.now(), &sink).await.unwrap();
            billing.work_until_idle().await.unwrap();
            let answer = if hours == 8 * 24 {
                "please upgrade"
            } else {
                "welcome"
            };
            assert_eq!(
                sign_in(&billing, "ana").await,
                answer,
                "after {hours} hours"
            );
        }
    }

    /// E-02: calls, against a mock.
    #[tokio::test]
    async fn e_02_the_provider_is_asked_once_for_the_price_of_the_plan_file() {
        let mut provider = MockPaymentProvider::new();
        provider.expect_account().return_const(account());
        provider.expect_capabilities().return_const(Capabilities {
            owns_schedule: false,
            prorates: false,
            hosted_checkout: true,
            portal: false,
            pause: false,
            saved_method: false,
            paused_ends_at_once: false,
        });
        provider
            .expect_perform()
            .withf(|_, key, order| {
                let asked = matches!(order, Order::OpenCheckout(ask) if ask.amount.to_string() == "USD 12.00");
                asked && key.as_str().starts_with("checkout:chk_")
            })
            .times(1)
            .returning(|_, _, _| {
                let (code, message) = ("closed".to_owned(), "closed for the day".to_owned());
                Ok(Answer::Refused(Refusal { code, message }))
            });
        let clock = ManualClock::new("2026-01-10T00:00:00Z".parse().unwrap());
        let billing = engine(&clock, Arc::new(provider)).await;
        assert_eq!(billing.checkout(team()).await, Err(CheckoutError::Provider));
    }
}
