//! Products, prices and coupons.

use billing_domain::money::Currency;
use billing_domain::time::{Interval, Unit};
use serde_json::Value;

use super::super::params::{Params, merge};
use super::super::refusal::Refusal;
use super::super::render;
use super::super::thing::{Coupon, CouponLasts, CouponOff, Metadata, Price, Product};
use super::super::world::{World, find};
use super::list::Page;
use super::{Done, deleted};

/// A price with an id of the caller's own, which the real one does not allow.
#[derive(Debug, Clone)]
pub(in super::super) struct PriceSeed {
    pub(in super::super) id: String,
    pub(in super::super) product: String,
    pub(in super::super) unit_amount: i64,
    pub(in super::super) currency: Currency,
    pub(in super::super) interval: Option<Interval>,
}

/// Puts a price and its product there.
pub(in super::super) fn put_price(world: &mut World, seed: PriceSeed) {
    let created = world.now();
    world
        .products
        .entry(seed.product.clone())
        .or_insert_with(|| Product {
            id: seed.product.clone(),
            name: seed.product.clone(),
            active: true,
            metadata: Metadata::new(),
            created,
        });
    let price = Price {
        id: seed.id,
        product: seed.product,
        currency: seed.currency,
        unit_amount: seed.unit_amount,
        interval: seed.interval,
        lookup_key: None,
        active: true,
        metadata: Metadata::new(),
        created,
    };
    world.prices.insert(price.id.clone(), price);
}

pub(super) fn create_product(world: &mut World, params: &mut Params) -> Done {
    let id = params.text("id");
    let name = params.required("name")?;
    let metadata = params.metadata("metadata")?.unwrap_or_default();
    params.finish()?;
    let product = Product {
        id: id.unwrap_or_else(|| world.id("prod")),
        name,
        active: true,
        metadata,
        created: world.now(),
    };
    if world.products.contains_key(&product.id) {
        return Err(Refusal::state("Product already exists.").coded("resource_already_exists"));
    }
    let object = render::product(world, &product);
    world.products.insert(product.id.clone(), product);
    world.tell("product.created", object.clone());
    Ok(object)
}

pub(super) fn product(world: &World, id: &str, params: &Params) -> Done {
    params.finish()?;
    let product = find(&world.products, "product", id)?;
    Ok(render::product(world, product))
}

pub(super) fn create_price(world: &mut World, params: &mut Params) -> Done {
    let product = params.required("product")?;
    let currency = currency(params)?;
    let unit_amount = params.integer("unit_amount")?;
    let unit_amount = unit_amount.ok_or_else(|| Refusal::missing("unit_amount"))?;
    let interval = interval(params)?;
    let lookup_key = params.text("lookup_key");
    let metadata = params.metadata("metadata")?.unwrap_or_default();
    params.finish()?;
    find(&world.products, "product", &product).map_err(|no| no.of_param("product"))?;
    free(world, lookup_key.as_deref())?;
    if unit_amount < 0 {
        return Err(Refusal::invalid(
            "unit_amount",
            "Invalid non-negative integer",
        ));
    }
    let price = Price {
        id: world.id("price"),
        product,
        currency,
        unit_amount,
        interval,
        lookup_key,
        active: true,
        metadata,
        created: world.now(),
    };
    let object = render::price(world, &price);
    world.prices.insert(price.id.clone(), price);
    world.tell("price.created", object.clone());
    Ok(object)
}

/// A lookup key belongs to one active price.
fn free(world: &World, key: Option<&str>) -> Result<(), Refusal> {
    let held = |price: &Price| price.lookup_key.as_deref() == key;
    if key.is_some() && world.prices.values().any(held) {
        let why = "A price already uses that lookup key.";
        return Err(Refusal::invalid("lookup_key", why));
    }
    Ok(())
}

fn currency(params: &mut Params) -> Result<Currency, Refusal> {
    let text = params.required("currency")?;
    let currency = text.parse();
    currency.map_err(|_unknown| Refusal::invalid("currency", format!("Invalid currency: {text}")))
}

fn interval(params: &mut Params) -> Result<Option<Interval>, Refusal> {
    let words = ["day", "week", "month", "year"];
    let unit = match params.word("recurring[interval]", &words)? {
        None => return Ok(None),
        Some("day") => Unit::Day,
        Some("week") => Unit::Week,
        Some("year") => Unit::Year,
        Some(_) => Unit::Month,
    };
    let count = params.count("recurring[interval_count]")?.unwrap_or(1);
    let long = || Refusal::invalid("recurring[interval_count]", "Three years at most");
    let count = u16::try_from(count).map_err(|_long| long())?;
    let interval = Interval::new(unit, count).map_err(|_long| long())?;
    Ok(Some(interval))
}

pub(super) fn price(world: &World, id: &str, params: &Params) -> Done {
    params.finish()?;
    Ok(render::price(world, world.price(id)?))
}

pub(super) fn update_price(world: &mut World, id: &str, params: &mut Params) -> Done {
    let active = params.flag("active")?;
    let lookup_key = params.text("lookup_key");
    let metadata = params.metadata("metadata")?;
    params.finish()?;
    let mut price = world.price(id)?.clone();
    if price.lookup_key != lookup_key {
        free(world, lookup_key.as_deref())?;
    }
    price.active = active.unwrap_or(price.active);
    price.lookup_key = lookup_key.or(price.lookup_key);
    merge(&mut price.metadata, metadata);
    let object = render::price(world, &price);
    world.prices.insert(price.id.clone(), price);
    world.tell("price.updated", object.clone());
    Ok(object)
}

pub(super) fn prices(world: &World, params: &mut Params) -> Done {
    let keys = params.list("lookup_keys")?;
    let active = params.flag("active")?;
    let product = params.text("product");
    let kind = params.word("type", &["one_time", "recurring"])?;
    let page = Page::take(params)?;
    params.finish()?;
    if keys.len() > 10 {
        return Err(Refusal::invalid("lookup_keys", "Ten lookup keys at most"));
    }
    let fits = |price: &&Price| {
        let key = |key: &String| keys.contains(key);
        (keys.is_empty() || price.lookup_key.as_ref().is_some_and(key))
            && active.is_none_or(|active| price.active == active)
            && product
                .as_ref()
                .is_none_or(|product| price.product == *product)
            && kind.is_none_or(|kind| (kind == "recurring") == price.interval.is_some())
    };
    let found = world.prices.values().rev().filter(fits);
    let found: Vec<Value> = found.map(|price| render::price(world, price)).collect();
    page.of(found, "/v1/prices")
}

pub(super) fn create_coupon(world: &mut World, params: &mut Params) -> Done {
    let id = params.text("id");
    let percent = params.text("percent_off");
    let amount = params.integer("amount_off")?;
    let has_currency = params.has("currency");
    let currency = if has_currency {
        Some(currency(params)?)
    } else {
        None
    };
    let words = ["once", "repeating", "forever"];
    let duration = params.word("duration", &words)?.unwrap_or("once");
    let months = params.count("duration_in_months")?;
    let name = params.text("name");
    let metadata = params.metadata("metadata")?.unwrap_or_default();
    params.finish()?;
    let off = match (percent, amount, currency) {
        (Some(percent), None, None) => CouponOff::BasisPoints(points(&percent)?),
        (None, Some(amount), Some(currency)) if amount > 0 => CouponOff::Amount(amount, currency),
        _ => {
            let why = "Pass either percent_off, or amount_off together with currency.";
            return Err(Refusal::state(why));
        }
    };
    let lasts = match (duration, months) {
        ("repeating", Some(months)) if months > 0 => {
            CouponLasts::Months(u16::try_from(months).unwrap_or(u16::MAX))
        }
        ("repeating", _) => return Err(Refusal::missing("duration_in_months")),
        (_, Some(_)) => {
            let why = "Only for repeating coupons";
            return Err(Refusal::invalid("duration_in_months", why));
        }
        ("forever", None) => CouponLasts::Forever,
        _ => CouponLasts::Once,
    };
    let coupon = Coupon {
        id: id.unwrap_or_else(|| world.id("co")),
        off,
        lasts,
        name,
        metadata,
        created: world.now(),
    };
    if world.coupons.contains_key(&coupon.id) {
        return Err(Refusal::state("Coupon already exists.").coded("resource_already_exists"));
    }
    let object = render::coupon(world, &coupon);
    world.coupons.insert(coupon.id.clone(), coupon);
    world.tell("coupon.created", object.clone());
    Ok(object)
}

/// A percentage with two places at most, in hundredths.
fn points(text: &str) -> Result<u16, Refusal> {
    let wrong = || Refusal::invalid("percent_off", format!("Invalid decimal: {text}"));
    let (whole, places) = text.split_once('.').unwrap_or((text, ""));
    if places.len() > 2 {
        return Err(wrong());
    }
    let digits = format!("{whole}{places:0<2}");
    let points: u16 = digits.parse().map_err(|_none| wrong())?;
    if points == 0 || points > 10_000 {
        return Err(wrong());
    }
    Ok(points)
}

pub(super) fn coupon(world: &World, id: &str, params: &Params) -> Done {
    params.finish()?;
    let coupon = find(&world.coupons, "coupon", id)?;
    Ok(render::coupon(world, coupon))
}

pub(super) fn delete_coupon(world: &mut World, id: &str, params: &Params) -> Done {
    params.finish()?;
    let coupon = find(&world.coupons, "coupon", id)?;
    let object = render::coupon(world, coupon);
    world.coupons.remove(id);
    world.tell("coupon.deleted", object);
    Ok(deleted("coupon", id))
}
