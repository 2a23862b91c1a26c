//! Checkout sessions: made, read, listed and ended.

use serde_json::Value;

use super::super::bill;
use super::super::change;
use super::super::params::Params;
use super::super::refusal::Refusal;
use super::super::render;
use super::super::thing::{
    CouponOff, Item, Metadata, MissingMethod, Mode, Pay, Session, SessionStatus, Terms,
};
use super::super::world::{World, find};
use super::Done;
use super::list::{Bounds, Page};

/// The shortest life of a session: half an hour.
const LIFE_MIN_SECONDS: i64 = 1_800;
/// The longest life of a session, and the one that it has unless told: a day.
const LIFE_MAX_SECONDS: i64 = 86_400;
/// The most lines of a session.
const LINES_MAX: usize = 100;
/// A trial may not end before two days have gone.
const TRIAL_MIN_SECONDS: i64 = 48 * 3_600;
/// The longest trial in days: two years.
const TRIAL_MAX_DAYS: u32 = 730;

pub(super) fn create(world: &mut World, params: &mut Params) -> Done {
    let now = world.now();
    let mode = match params.word("mode", &["subscription", "payment"])? {
        Some("subscription") => Mode::Subscription,
        Some(_) => Mode::Payment,
        None => return Err(Refusal::missing("mode")),
    };
    let lines = take_lines(world, params, mode)?;
    let terms = take_terms(world, params, mode)?;
    let (customer, customer_email) = (params.text("customer"), params.text("customer_email"));
    let creation = params.word("customer_creation", &["always", "if_required"])?;
    let invoice_creation = params.flag("invoice_creation[enabled]")?;
    let coupon = take_coupon(world, params)?;
    let expires_at = params.integer("expires_at")?;
    let session = Session {
        id: world.id("cs"),
        mode,
        status: SessionStatus::Open,
        pay: Pay::Unpaid,
        currency: String::new(),
        amount_subtotal: 0,
        amount_total: 0,
        lines,
        customer,
        customer_email,
        given_email: None,
        client_reference_id: params.text("client_reference_id"),
        metadata: params.metadata("metadata")?.unwrap_or_default(),
        success_url: params.required("success_url")?,
        cancel_url: params.text("cancel_url"),
        coupon,
        terms,
        always_customer: creation == Some("always"),
        invoice_creation: invoice_creation == Some(true),
        subscription: None,
        intent: None,
        invoice: None,
        authenticating: false,
        created: now,
        expires_at: expires_at.unwrap_or_else(|| now.saturating_add(LIFE_MAX_SECONDS)),
    };
    // Known, and of no consequence to a fake.
    let _locale = params.text("locale");
    let _address = params.word("billing_address_collection", &["auto", "required"])?;
    let _methods = params.list("payment_method_types")?;
    params.finish()?;
    check(
        world,
        &session,
        creation.is_some(),
        invoice_creation.is_some(),
    )?;
    let session = priced(world, session)?;
    let object = render::session(world, &session);
    world.sessions.insert(session.id.clone(), session);
    Ok(object)
}

fn take_lines(
    world: &World,
    params: &mut Params,
    mode: Mode,
) -> Result<Vec<(String, u32)>, Refusal> {
    let elements = params.elements("line_items")?;
    if elements.is_empty() {
        return Err(Refusal::missing("line_items"));
    }
    if elements.len() > LINES_MAX {
        return Err(Refusal::invalid("line_items", "100 line items at most"));
    }
    let mut lines = Vec::new();
    for element in elements {
        let name = format!("{element}[price]");
        let price = params.required(&name)?;
        let quantity = params.count(&format!("{element}[quantity]"))?;
        let held = world.price(&price).map_err(|no| no.of_param(&name))?;
        if !held.active {
            let why = "The price specified is inactive. This field only accepts active prices.";
            return Err(Refusal::invalid(&name, why));
        }
        let quantity = quantity.ok_or_else(|| {
            let why = "Quantity is required. Add `quantity` to `line_items`";
            Refusal::invalid(&format!("{element}[quantity]"), why)
        })?;
        if quantity == 0 {
            let why = "This value must be greater than or equal to 1.";
            return Err(Refusal::invalid(&format!("{element}[quantity]"), why));
        }
        if mode == Mode::Payment && held.interval.is_some() {
            let why = "You specified `payment` mode but passed a recurring price. Either switch \
                to `subscription` mode or use only one-time prices.";
            return Err(Refusal::invalid(&name, why));
        }
        lines.push((price, quantity));
    }
    let recurring = |(price, _): &(String, u32)| {
        let held = world.prices.get(price);
        held.is_some_and(|held| held.interval.is_some())
    };
    if mode == Mode::Subscription && !lines.iter().any(recurring) {
        let why = "You must provide at least one recurring price in `subscription` mode when \
            using prices.";
        return Err(Refusal::invalid("line_items", why));
    }
    Ok(lines)
}

fn take_terms(world: &World, params: &mut Params, mode: Mode) -> Result<Terms, Refusal> {
    let refused = match mode {
        Mode::Subscription => "payment_intent_data",
        Mode::Payment => "subscription_data",
    };
    if params.has(refused) {
        let why = format!("You can not pass `{refused}` in `{}` mode.", mode.word());
        return Err(Refusal::invalid(refused, why));
    }
    let data = match mode {
        Mode::Subscription => "subscription_data",
        Mode::Payment => "payment_intent_data",
    };
    let collection = params.word("payment_method_collection", &["always", "if_required"])?;
    if mode == Mode::Payment && collection.is_some() {
        let why = "You can only set `payment_method_collection` in `subscription` mode.";
        return Err(Refusal::invalid("payment_method_collection", why));
    }
    let missing = params.word(
        "subscription_data[trial_settings][end_behavior][missing_payment_method]",
        &["cancel", "create_invoice", "pause"],
    )?;
    let _mode = params.word(
        "subscription_data[billing_mode][type]",
        &["classic", "flexible"],
    )?;
    let terms = Terms {
        metadata: params
            .metadata(&format!("{data}[metadata]"))?
            .unwrap_or_default(),
        description: params.text(&format!("{data}[description]")),
        trial_days: params.count("subscription_data[trial_period_days]")?,
        trial_end: params.integer("subscription_data[trial_end]")?,
        missing_method: match missing {
            Some("cancel") => MissingMethod::Cancel,
            Some("pause") => MissingMethod::Pause,
            _ => MissingMethod::CreateInvoice,
        },
        method_if_required: collection == Some("if_required"),
    };
    if terms.trial_days.is_some() && terms.trial_end.is_some() {
        let why = "Pass only one of trial_period_days and trial_end.";
        return Err(Refusal::invalid("subscription_data[trial_end]", why));
    }
    if terms
        .trial_days
        .is_some_and(|days| days == 0 || days > TRIAL_MAX_DAYS)
    {
        let name = "subscription_data[trial_period_days]";
        return Err(Refusal::invalid(name, "Between 1 and 730 days"));
    }
    let soonest = world.now().saturating_add(TRIAL_MIN_SECONDS);
    if terms.trial_end.is_some_and(|end| end < soonest) {
        let why = "The `trial_end` date has to be at least 2 days in the future.";
        return Err(Refusal::invalid("subscription_data[trial_end]", why));
    }
    Ok(terms)
}

fn take_coupon(world: &World, params: &mut Params) -> Result<Option<String>, Refusal> {
    let elements = params.elements("discounts")?;
    let codes = params.flag("allow_promotion_codes")?;
    if !elements.is_empty() && codes.is_some() {
        let why = "You may only specify one of these parameters: allow_promotion_codes, discounts.";
        return Err(Refusal::invalid("discounts", why));
    }
    if elements.len() > 1 {
        return Err(Refusal::invalid("discounts", "One discount at most"));
    }
    let Some(element) = elements.first() else {
        return Ok(None);
    };
    let name = format!("{element}[coupon]");
    let coupon = params.required(&name)?;
    find(&world.coupons, "coupon", &coupon).map_err(|no| no.of_param(&name))?;
    Ok(Some(coupon))
}

fn check(world: &World, session: &Session, creation: bool, invoices: bool) -> Result<(), Refusal> {
    if session.customer.is_some() && session.customer_email.is_some() {
        let why = "You may only specify one of these parameters: customer, customer_email.";
        return Err(Refusal::invalid("customer_email", why));
    }
    if let Some(customer) = &session.customer
        && world
            .customer(customer)
            .map_err(|no| no.of_param("customer"))?
            .deleted
    {
        return Err(Refusal::no_such("customer", customer).of_param("customer"));
    }
    if session.mode == Mode::Subscription && (creation || invoices) {
        let name = if creation {
            "customer_creation"
        } else {
            "invoice_creation"
        };
        let why = format!("`{name}` can only be used in `payment` mode.");
        return Err(Refusal::invalid(name, why));
    }
    let life = session.expires_at.saturating_sub(session.created);
    if !(LIFE_MIN_SECONDS..=LIFE_MAX_SECONDS).contains(&life) {
        let why = "The `expires_at` timestamp must be between 30 minutes and 24 hours from now.";
        return Err(Refusal::invalid("expires_at", why));
    }
    if session
        .client_reference_id
        .as_ref()
        .is_some_and(|id| id.len() > 200)
    {
        return Err(Refusal::invalid(
            "client_reference_id",
            "200 characters at most",
        ));
    }
    Ok(())
}

/// The items that a subscription of this session has, without ids.
pub(in super::super) fn items(world: &World, session: &Session) -> Vec<Item> {
    let lines = session.lines.iter();
    let recurring = lines.filter(|(price, _)| {
        let held = world.prices.get(price);
        held.is_some_and(|held| held.interval.is_some())
    });
    recurring
        .map(|(price, quantity)| Item {
            id: String::new(),
            price: price.clone(),
            quantity: *quantity,
            metadata: Metadata::new(),
            created: world.now(),
        })
        .collect()
}

/// What a line costs.
pub(in super::super) fn worth(world: &World, line: &(String, u32)) -> i64 {
    let amount = world.prices.get(&line.0).map_or(0, |held| held.unit_amount);
    amount.saturating_mul(i64::from(line.1))
}

fn priced(world: &World, mut session: Session) -> Result<Session, Refusal> {
    let mut currencies = Vec::new();
    for (price, _) in &session.lines {
        let code = render::code(world.price(price)?.currency);
        if !currencies.contains(&code) {
            currencies.push(code);
        }
    }
    if currencies.len() > 1 {
        let why = "All prices must use the same currency.";
        return Err(Refusal::invalid("line_items", why));
    }
    if session.mode == Mode::Subscription {
        change::interval(world, &items(world, &session))?;
    }
    session.currency = currencies.pop().unwrap_or_default();
    let trial = session.terms.trial_days.is_some() || session.terms.trial_end.is_some();
    let now_due = session.lines.iter().filter(|(price, _)| {
        let held = world.prices.get(price);
        !(trial && held.is_some_and(|held| held.interval.is_some()))
    });
    let amounts: Vec<i64> = now_due.map(|line| worth(world, line)).collect();
    session.amount_subtotal = amounts.iter().copied().fold(0, i64::saturating_add);
    let off = session.coupon.as_ref().and_then(|id| world.coupons.get(id));
    let off = match off.map(|coupon| coupon.off) {
        None => 0,
        Some(CouponOff::Amount(amount, _)) => amount.min(session.amount_subtotal),
        Some(off @ CouponOff::BasisPoints(_)) => {
            let parts = amounts.iter().map(|amount| bill::taken_off(off, *amount));
            parts.fold(0, i64::saturating_add)
        }
    };
    session.amount_total = session.amount_subtotal.saturating_sub(off);
    Ok(session)
}

pub(super) fn read(world: &World, id: &str, params: &Params) -> Done {
    params.finish()?;
    Ok(render::session(world, world.session(id)?))
}

pub(super) fn lines(world: &World, id: &str, params: &mut Params) -> Done {
    let page = Page::take(params)?;
    params.finish()?;
    let lines = render::session_lines(world, world.session(id)?);
    page.of(lines, &format!("/v1/checkout/sessions/{id}/line_items"))
}

pub(super) fn list(world: &World, params: &mut Params) -> Done {
    let customer = params.text("customer");
    let subscription = params.text("subscription");
    let intent = params.text("payment_intent");
    let status = params.word("status", &["open", "complete", "expired"])?;
    let created = Bounds::take(params)?;
    let page = Page::take(params)?;
    params.finish()?;
    let is = |wanted: &Option<String>, held: &Option<String>| wanted.is_none() || wanted == held;
    let fits = |session: &&Session| {
        is(&customer, &session.customer)
            && is(&subscription, &session.subscription)
            && is(&intent, &session.intent)
            && status.is_none_or(|status| session.status.word() == status)
            && created.hold(session.created)
    };
    let found = world.sessions.values().rev().filter(fits);
    let found: Vec<Value> = found.map(|one| render::session(world, one)).collect();
    page.of(found, "/v1/checkout/sessions")
}

pub(super) fn expire(world: &mut World, id: &str, params: &Params) -> Done {
    params.finish()?;
    let mut session = world.session(id)?.clone();
    if session.status != SessionStatus::Open {
        let why = format!(
            "Only Checkout Sessions with a status in [\"open\"] can be expired. This Checkout \
             Session has a status of `{}`.",
            session.status.word()
        );
        return Err(Refusal::state(why));
    }
    session.status = SessionStatus::Expired;
    let object = render::session(world, &session);
    world.sessions.insert(id.to_owned(), session);
    world.tell("checkout.session.expired", object.clone());
    Ok(object)
}
