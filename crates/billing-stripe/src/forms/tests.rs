//! Every call, field by field, as it is sent.

use billing_domain::discount::Reduction;
use billing_domain::discounted::DiscountedSale;
use billing_domain::effect::{
    ChangeSubscription, ChangeWhen, EffectKey, OpenCheckout, OrderedDiscount,
};
use billing_domain::money::{Currency, Money};
use billing_domain::time::{Interval, Unit};
use billing_ports::{PortalAsk, PortalPurpose};

use super::checkout::Made;
use super::schedule::Present;
use super::testing::{at, change, open_checkout};
use super::{checkout, coupon, customer, read, schedule, subscription};
use crate::call::Call;
use crate::failure::Failure;
use crate::options::{MissingMethod, TrialStyle};

const NOW: &str = "2026-11-21T10:00:00Z";

fn made<'a>(customer: Option<&'a str>, coupon: Option<&'a str>) -> Made<'a> {
    Made {
        customer,
        coupon,
        operator: "acme",
        trial: TrialStyle::default(),
        now: at(NOW),
    }
}

/// The call as lines: method and path, key, then `name=value`, each in its order.
fn shown(call: &Call) -> String {
    let mut lines = vec![format!("{} {}", call.method, call.path)];
    lines.extend(call.key.iter().map(|key| format!("key {key}")));
    let pairs = call.query.iter().chain(&call.form);
    lines.extend(pairs.map(|(name, value)| format!("{name}={value}")));
    lines.join("\n")
}

#[track_caller]
fn check(call: &Call, expected: &str) {
    let expected: Vec<&str> = expected.lines().map(str::trim).collect();
    assert_eq!(shown(call), expected.join("\n").trim());
}

fn open(order: &OpenCheckout, made: Made<'_>) -> Call {
    checkout::open(order, made, "checkout:chk_1").unwrap()
}

fn code(refused: &Failure) -> &str {
    let Failure::Refused(refusal) = refused else {
        panic!("a refusal, not {refused:?}");
    };
    &refusal.code
}

#[test]
fn a_subscription_of_somebody_known() {
    let call = open(&open_checkout(), made(Some("cus_9"), None));
    check(
        &call,
        "POST /checkout/sessions
        key checkout:chk_1
        cancel_url=https://app.example.com/plans
        client_reference_id=chk_00000000000000000000000000000001
        customer=cus_9
        expires_at=1795262400
        line_items[0][price]=price_team
        line_items[0][quantity]=2
        metadata[billing_checkout]=chk_00000000000000000000000000000001
        metadata[billing_customer]=cus_00000000000000000000000000000002
        metadata[billing_operator]=acme
        metadata[billing_ref]=user-7
        mode=subscription
        subscription_data[metadata][billing_checkout]=chk_00000000000000000000000000000001
        subscription_data[metadata][billing_customer]=cus_00000000000000000000000000000002
        subscription_data[metadata][billing_operator]=acme
        subscription_data[metadata][billing_ref]=user-7
        success_url=https://app.example.com/done?s={CHECKOUT_SESSION_ID}",
    );
}

#[test]
fn something_paid_once_by_a_guest() {
    let order = OpenCheckout {
        recurring: None,
        external_ref: None,
        email: None,
        quantity: 1,
        ..open_checkout()
    };
    check(
        &open(&order, made(None, Some("checkout_chk_1"))),
        "POST /checkout/sessions
        key checkout:chk_1
        cancel_url=https://app.example.com/plans
        client_reference_id=chk_00000000000000000000000000000001
        customer_creation=always
        discounts[0][coupon]=checkout_chk_1
        expires_at=1795262400
        line_items[0][price]=price_team
        line_items[0][quantity]=1
        metadata[billing_checkout]=chk_00000000000000000000000000000001
        metadata[billing_customer]=cus_00000000000000000000000000000002
        metadata[billing_operator]=acme
        mode=payment
        payment_intent_data[metadata][billing_checkout]=chk_00000000000000000000000000000001
        payment_intent_data[metadata][billing_customer]=cus_00000000000000000000000000000002
        payment_intent_data[metadata][billing_operator]=acme
        success_url=https://app.example.com/done?s={CHECKOUT_SESSION_ID}",
    );
}

#[test]
fn a_subscription_makes_its_own_customer_for_a_guest() {
    let order = OpenCheckout {
        external_ref: None,
        email: None,
        ..open_checkout()
    };
    let shown = shown(&open(&order, made(None, None)));
    assert!(!shown.contains("\ncustomer"), "{shown}");
}

#[test]
fn trials() {
    let trial = |end: &str, trial: TrialStyle| {
        let order = OpenCheckout {
            trial_end: Some(at(end)),
            ..open_checkout()
        };
        let made = Made {
            trial,
            ..made(Some("cus_9"), None)
        };
        let shown = shown(&open(&order, made));
        let about = |line: &&str| line.contains("trial") || line.contains("collection");
        let lines: Vec<&str> = shown.lines().filter(about).collect();
        lines.join(" ")
    };
    let later = TrialStyle::MethodLater(MissingMethod::Cancel);
    assert_eq!(
        trial("2026-12-05T10:00:00Z", later),
        "payment_method_collection=if_required subscription_data[trial_end]=1796464800 \
         subscription_data[trial_settings][end_behavior][missing_payment_method]=cancel"
    );
    assert_eq!(
        trial("2026-12-05T10:00:00Z", TrialStyle::MethodFirst),
        "subscription_data[trial_end]=1796464800"
    );
    // An instant within two days is refused over there: whole days, then.
    assert_eq!(
        trial("2026-11-22T11:00:00Z", TrialStyle::MethodFirst),
        "subscription_data[trial_period_days]=2"
    );
    let pause = TrialStyle::MethodLater(MissingMethod::Pause);
    assert!(trial("2026-12-05T10:00:00Z", pause).ends_with("=pause"));
}

#[test]
fn a_page_is_open_as_long_as_stripe_allows() {
    let closes = |expires_at: &str| {
        let order = OpenCheckout {
            expires_at: at(expires_at),
            ..open_checkout()
        };
        checkout::open(&order, made(None, None), "k").map(|call| {
            let mut pairs = call.form.into_iter();
            let found = pairs.find(|(name, _)| name == "expires_at");
            found.map(|(_, value)| value)
        })
    };
    let soonest = at("2026-11-21T10:31:00Z").as_second().to_string();
    assert_eq!(closes("2026-11-21T10:05:00Z"), Ok(Some(soonest)));
    let wanted = at("2026-11-22T09:00:00Z").as_second().to_string();
    assert_eq!(closes("2026-11-22T09:00:00Z"), Ok(Some(wanted)));
    assert_eq!(
        closes("2026-11-25T00:00:00Z"),
        Ok(None),
        "as late as it can"
    );
    let over = closes("2026-11-21T10:00:00Z").unwrap_err();
    assert_eq!(code(&over), "checkout_expired");
}

#[test]
fn a_price_that_stripe_does_not_have_is_refused_by_name() {
    let order = OpenCheckout {
        price_ref: None,
        ..open_checkout()
    };
    let refused = checkout::open(&order, made(None, None), "k").unwrap_err();
    assert_eq!(code(&refused), "price_missing");
}

fn discounted(
    reduction: Reduction,
    cycles: Option<u32>,
    recurring: Option<Interval>,
) -> Result<String, Failure> {
    let order = OpenCheckout {
        discount: Some(OrderedDiscount {
            reduction,
            off: Money::new(400, Currency::USD),
            cycles,
        }),
        recurring,
        ..open_checkout()
    };
    let key = EffectKey::from_stored("checkout:chk_1".to_owned());
    let coupon = coupon::make(&order, &key, "acme", at(NOW))?;
    Ok(coupon.map(|it| shown(&it.call)).unwrap_or_default())
}

const TENTH: Reduction = Reduction::Percent {
    basis_points: 1_000,
};

#[test]
fn discounts_are_coupons() {
    assert_eq!(
        discounted(TENTH, Some(3), Some(Interval::MONTH)).unwrap(),
        "POST /coupons\nkey checkout:chk_1:coupon\nduration=repeating\nduration_in_months=3\n\
         id=checkout_chk_1\nmetadata[billing_operator]=acme\npercent_off=10.00"
    );
    let fixed = Reduction::Fixed {
        amount: Money::new(500, Currency::EUR),
    };
    assert_eq!(
        discounted(fixed, None, Some(Interval::YEAR)).unwrap(),
        "POST /coupons\nkey checkout:chk_1:coupon\namount_off=500\ncurrency=eur\n\
         duration=forever\nid=checkout_chk_1\nmetadata[billing_operator]=acme"
    );
    let set = Reduction::SetPrice {
        unit: Money::new(800, Currency::USD),
    };
    let once = discounted(set, Some(1), Some(Interval::MONTH)).unwrap();
    assert!(once.contains("amount_off=400\ncurrency=usd\nduration=repeating"));
    assert!(once.contains("duration_in_months=1\n"));
    let yearly = discounted(TENTH, Some(2), Some(Interval::YEAR)).unwrap();
    assert!(yearly.contains("duration_in_months=24"));
    assert_eq!(discounted(TENTH, Some(0), None).unwrap(), "");
    assert!(discounted(TENTH, None, None).unwrap().contains("=once"));
}

#[test]
fn months_after_a_trial_hold_as_many_cycles_or_are_refused() {
    let sold = |trial_end: &str, cycles| DiscountedSale {
        discount: OrderedDiscount {
            reduction: TENTH,
            off: Money::new(400, Currency::USD),
            cycles: Some(cycles),
        },
        amount: Money::new(3_600, Currency::USD),
        recurring: Some(Interval::MONTH),
        trial_end: Some(at(&format!("{trial_end}T10:00:00Z"))),
    };
    for (now, trial_end, sayable) in [
        ("2026-01-01", "2026-01-31", true),
        // Its second month begins on the third of April, and the two end on the first.
        ("2026-02-01", "2026-03-03", false),
        ("2026-02-01", "2026-03-01", false),
        ("2026-02-01", "2026-02-28", true),
    ] {
        let now = at(&format!("{now}T10:00:00Z"));
        let asked = |cycles| coupon::is_sayable(&sold(trial_end, cycles), now);
        assert_eq!(asked(2), sayable, "{now}, tried until {trial_end}");
        // One is: the first that is charged.
        assert!(asked(1));
    }
}

#[test]
fn a_discount_that_stripe_has_no_words_for_is_refused_by_name() {
    let days = Interval::new(Unit::Day, 10).unwrap();
    let refused = discounted(TENTH, Some(2), Some(days)).unwrap_err();
    assert_eq!(code(&refused), "discount_not_supported");
    assert!(discounted(TENTH, Some(1), Some(days)).is_ok());
    let free = Reduction::Fixed {
        amount: Money::new(0, Currency::USD),
    };
    let refused = discounted(free, None, None).unwrap_err();
    assert_eq!(code(&refused), "discount_not_supported");
}

#[test]
fn customers_and_their_pages() {
    check(
        &customer::create(&open_checkout(), "acme"),
        "POST /customers
        key customer:cus_00000000000000000000000000000002
        email=ana@example.com
        metadata[billing_customer]=cus_00000000000000000000000000000002
        metadata[billing_operator]=acme
        metadata[billing_ref]=user-7",
    );
    check(
        &customer::search(open_checkout().customer, "o'hara"),
        "GET /customers/search
        limit=10
        query=metadata['billing_customer']:'cus_00000000000000000000000000000002' AND metadata['billing_operator']:'o\\'hara'",
    );
    let ask = |purpose| PortalAsk {
        customer: "cus_00000000000000000000000000000002".parse().unwrap(),
        customer_ref: "cus_9".to_owned(),
        subscription_ref: None,
        purpose,
        return_url: "https://app.example.com/".to_owned(),
    };
    check(
        &customer::portal(&ask(PortalPurpose::Overview), Some("bpc_1")),
        "POST /billing_portal/sessions
        configuration=bpc_1
        customer=cus_9
        return_url=https://app.example.com/",
    );
    check(
        &customer::portal(&ask(PortalPurpose::PaymentMethod), None),
        "POST /billing_portal/sessions
        customer=cus_9
        flow_data[type]=payment_method_update
        return_url=https://app.example.com/",
    );
}

#[test]
fn changes() {
    let now = ChangeWhen::Prorated {
        at: at("2026-11-21T10:00:00.123456Z"),
        quoted: None,
    };
    check(
        &subscription::change_now(&change(now), "si_1", at(NOW), "change:chg_1"),
        "POST /subscriptions/sub_1
        key change:chg_1
        expand[0]=latest_invoice
        items[0][id]=si_1
        items[0][price]=price_pro
        items[0][quantity]=3
        payment_behavior=error_if_incomplete
        proration_behavior=always_invoice
        proration_date=1795255200",
    );
    check(
        &subscription::preview(&change(now), "si_1", at(NOW)),
        "POST /invoices/create_preview
        subscription=sub_1
        subscription_details[items][0][id]=si_1
        subscription_details[items][0][price]=price_pro
        subscription_details[items][0][quantity]=3
        subscription_details[proration_behavior]=always_invoice
        subscription_details[proration_date]=1795255200",
    );
    check(
        &subscription::change_unbilled(&change(ChangeWhen::Unbilled), "si_1", "change:chg_1"),
        "POST /subscriptions/sub_1
        key change:chg_1
        expand[0]=latest_invoice
        items[0][id]=si_1
        items[0][price]=price_pro
        items[0][quantity]=3
        proration_behavior=none",
    );
}

#[test]
fn a_change_that_ends_the_discount_says_so_wherever_it_is_told() {
    let now = ChangeWhen::Prorated {
        at: at("2026-11-21T10:00:00Z"),
        quoted: None,
    };
    let ends = |when| ChangeSubscription {
        ends_discount: true,
        ..change(when)
    };
    let present = Present {
        start: 1_700_000_000,
        end: 1_702_592_000,
        items: vec![("price_team".to_owned(), 2)],
        discounts: vec!["di_1".to_owned()],
        trial_end: None,
    };
    let later = ends(ChangeWhen::NextPeriod { at: None });
    let phases = schedule::two_phases("sub_sched_1", &present, &later, Interval::MONTH, "k");
    let unbilled = ends(ChangeWhen::Unbilled);
    for (call, line) in [
        (
            subscription::change_now(&ends(now), "si_1", at(NOW), "k"),
            "discounts=",
        ),
        (
            subscription::preview(&ends(now), "si_1", at(NOW)),
            "discounts=",
        ),
        (
            subscription::change_unbilled(&unbilled, "si_1", "k"),
            "discounts=",
        ),
        (phases, "phases[1][discounts]="),
    ] {
        let shown = shown(&call);
        assert!(shown.lines().any(|held| held == line), "{shown}");
        let kept = shown.contains("phases[0][discounts][0][discount]=di_1");
        assert_eq!(kept, line.starts_with("phases"), "{shown}");
    }
}

#[test]
fn what_comes_with_the_next_period() {
    check(
        &schedule::create("sub_1", "change:chg_1"),
        "POST /subscription_schedules
        key change:chg_1:schedule
        from_subscription=sub_1",
    );
    let present = Present {
        start: 1_700_000_000,
        end: 1_702_592_000,
        items: vec![("price_team".to_owned(), 2)],
        discounts: vec!["di_1".to_owned()],
        trial_end: Some(1_702_592_000),
    };
    let change = change(ChangeWhen::NextPeriod { at: None });
    let quarter = Interval::new(Unit::Month, 3).unwrap();
    check(
        &schedule::two_phases("sub_sched_1", &present, &change, quarter, "change:chg_1"),
        "POST /subscription_schedules/sub_sched_1
        key change:chg_1:phases:1702592000
        end_behavior=release
        metadata[billing_change]=chg_00000000000000000000000000000003
        phases[0][discounts][0][discount]=di_1
        phases[0][end_date]=1702592000
        phases[0][items][0][price]=price_team
        phases[0][items][0][quantity]=2
        phases[0][proration_behavior]=none
        phases[0][start_date]=1700000000
        phases[0][trial_end]=1702592000
        phases[1][discounts][0][discount]=di_1
        phases[1][duration][interval]=month
        phases[1][duration][interval_count]=3
        phases[1][items][0][price]=price_pro
        phases[1][items][0][quantity]=3
        phases[1][proration_behavior]=none
        proration_behavior=none",
    );
    check(
        &schedule::release("sub_sched_1", "undo:chg_1"),
        "POST /subscription_schedules/sub_sched_1/release
        key undo:chg_1:release:sub_sched_1",
    );
}

#[test]
fn ending_pausing_and_going_on() {
    check(
        &subscription::cancel_now("sub_1"),
        "DELETE /subscriptions/sub_1",
    );
    let update = |call: Call, pair: &str| {
        let expected =
            format!("POST /subscriptions/sub_1\nkey k\n{pair}\nexpand[0]=latest_invoice");
        let mut lines: Vec<&str> = expected.lines().collect();
        lines[2..].sort_unstable();
        check(&call, &lines.join("\n"));
    };
    update(
        subscription::cancel_at_end("sub_1", "k"),
        "cancel_at_period_end=true",
    );
    update(
        subscription::pause_collection("sub_1", "k"),
        "pause_collection[behavior]=void",
    );
    update(
        subscription::resume_collection("sub_1", "k"),
        "pause_collection=",
    );
    check(
        &subscription::pause("sub_1", "k"),
        "POST /subscriptions/sub_1/pause
        key k
        expand[0]=latest_invoice
        invoicing_behavior=pending_invoice_item
        type=subscription",
    );
    check(
        &subscription::resume("sub_1", "k"),
        "POST /subscriptions/sub_1/resume
        key k
        expand[0]=latest_invoice
        payment_behavior=resume_on_payment_success",
    );
    check(
        &checkout::expire("cs_1", "expire:chk_1"),
        "POST /checkout/sessions/cs_1/expire\nkey expire:chk_1",
    );
}

#[test]
fn reads_and_lists() {
    check(
        &read::subscription("sub_1"),
        "GET /subscriptions/sub_1\nexpand[0]=latest_invoice",
    );
    check(
        &read::subscriptions(Some("cus_9"), Some("sub_1")),
        "GET /subscriptions
        customer=cus_9
        expand[0]=data.latest_invoice
        limit=100
        starting_after=sub_1
        status=all",
    );
    check(
        &read::events(at(NOW), &["invoice.paid", "refund.failed"], Some("evt_1")),
        "GET /events
        created[gte]=1795255200
        limit=100
        starting_after=evt_1
        types[0]=invoice.paid
        types[1]=refund.failed",
    );
    check(
        &read::invoice_payments("pi_1"),
        "GET /invoice_payments
        limit=100
        payment[payment_intent]=pi_1
        payment[type]=payment_intent",
    );
    check(
        &read::sessions_since(at(NOW), Some("cus_9"), None),
        "GET /checkout/sessions\ncreated[gte]=1795255200\ncustomer=cus_9\nlimit=100",
    );
    check(
        &read::session_of_payment("pi_1"),
        "GET /checkout/sessions\nlimit=1\npayment_intent=pi_1",
    );
    check(
        &read::refunds("pi_1"),
        "GET /refunds\nlimit=100\npayment_intent=pi_1",
    );
    check(
        &read::disputes("pi_1"),
        "GET /disputes\nlimit=100\npayment_intent=pi_1",
    );
}
