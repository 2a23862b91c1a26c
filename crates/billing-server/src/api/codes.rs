//! Discount codes, for operators.

use billing_domain::catalog::PlanKey;
use billing_domain::discount::{Gives, Reduction};
use billing_domain::ids::DiscountCodeId;
use billing_domain::money::Money;
use billing_domain::time::Timestamp;
use billing_engine::{CodeError, NewCode};
use billing_ports::store::CodeUses;
use poem::http::StatusCode;
use poem::web::Data;
use poem_openapi::param::{Path, Query};
use poem_openapi::payload::Json;
use poem_openapi::{Object, OpenApi};

use crate::api::body::{Body, Fields, MAX_TEXT, ReadBody};
use crate::api::page;
use crate::api::views::{MoneyView, reduction};
use crate::api::{Answer, Created, Done, Group};
use crate::auth::{ReadKey, WriteKey};
use crate::problem::Problem;
use crate::state::AppState;

/// A discount code to be made. It gives one of `basis_points`, `amount_off`,
/// `set_price` and `free_license`.
#[derive(Debug, Object)]
#[oai(rename = "NewDiscountCode")]
pub(crate) struct CodeBody {
    /// What is typed: letters, digits, `-` and `_`, in any case.
    code: String,
    /// Hundredths of a percent off, from 1 to 10000, which is everything.
    basis_points: Option<u16>,
    /// So much off the price of all pieces together, never below zero.
    amount_off: Option<MoneyView>,
    /// Another price for each piece.
    set_price: Option<MoneyView>,
    /// True: the plan for nothing, for as long as it lasts.
    free_license: Option<bool>,
    /// Sold with these plans only. Absent: with every plan.
    plans: Option<Vec<String>>,
    /// For how many cycles. Absent: for all of them.
    cycles: Option<u32>,
    /// How often it may be used, over everybody. Absent: without limit.
    max_uses: Option<u32>,
    /// From when it no longer works. Absent: it has no end.
    expires_at: Option<String>,
    /// The same, read.
    #[oai(skip)]
    given: Option<GivesRead>,
    /// The same, read.
    #[oai(skip)]
    named: Vec<String>,
    /// The same, read.
    #[oai(skip)]
    end: Option<Timestamp>,
}

/// What a code gives, as read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GivesRead(Gives);

/// The fields of which a code has one.
const GIVES: [&str; 4] = ["basis_points", "amount_off", "set_price", "free_license"];

impl ReadBody for CodeBody {
    fn read(fields: &mut Fields) -> Self {
        let stated = GIVES.iter().filter(|field| fields.has(field)).count();
        let body = Self {
            code: fields.required_text("code", MAX_TEXT),
            basis_points: None,
            amount_off: None,
            set_price: None,
            free_license: None,
            plans: None,
            cycles: fields.count("cycles"),
            max_uses: fields.count("max_uses"),
            expires_at: None,
            given: gives(fields),
            named: fields.texts("plans", MAX_TEXT),
            end: fields.instant("expires_at"),
        };
        if stated != 1 {
            let message = format!("exactly one of {} is required", GIVES.join(", "));
            fields.wrong("basis_points", message);
        }
        body
    }
}

fn gives(fields: &mut Fields) -> Option<GivesRead> {
    let percent = fields.count("basis_points").and_then(|points| {
        let points = u16::try_from(points).ok();
        let points = points.filter(|points| *points <= billing_domain::discount::WHOLE);
        if points.is_none() {
            fields.wrong("basis_points", "must be at most 10000");
        }
        points
    });
    let percent = percent.map(|basis_points| Reduction::Percent { basis_points });
    let off = fields.money("amount_off").filter(|amount: &Money| {
        if amount.is_zero() {
            fields.wrong("amount_off", "must be more than nothing");
        }
        !amount.is_zero()
    });
    let off = off.map(|amount| Reduction::Fixed { amount });
    let set = fields.money("set_price");
    let set = set.map(|unit| Reduction::SetPrice { unit });
    let free = fields.flag("free_license");
    if free == Some(false) {
        fields.wrong("free_license", "must be true, or absent");
    }
    let free = free.filter(|free| *free).map(|_| Gives::FreeLicense);
    let reduction = percent.or(off).or(set).map(Gives::Reduction);
    reduction.or(free).map(GivesRead)
}

/// A discount code, and how often it has been used.
#[derive(Debug, Object)]
#[oai(rename = "DiscountCode")]
pub(crate) struct CodeView {
    /// Its id.
    id: String,
    /// What is typed, in capitals.
    code: String,
    /// `percent`, `fixed`, `set_price` or `free_license`.
    kind: String,
    /// With `percent`: hundredths of a percent, as in 2500 for a quarter.
    #[oai(skip_serializing_if_is_none)]
    basis_points: Option<u16>,
    /// With `fixed`: how much, off all pieces together. With `set_price`: what
    /// one piece costs.
    #[oai(skip_serializing_if_is_none)]
    amount: Option<MoneyView>,
    /// Sold with these plans only. Empty: with every plan.
    plans: Vec<String>,
    /// For how many cycles. Absent: for all of them.
    cycles: Option<u32>,
    /// How often it may be used, over everybody. Absent: without limit.
    max_uses: Option<u32>,
    /// Uses that count.
    used: u32,
    /// Uses that are reserved for checkouts which are open.
    reserved: u32,
    /// From when it no longer works. Absent: it has no end.
    expires_at: Option<String>,
    /// Since when an operator ended it. Absent: none did.
    retired_at: Option<String>,
    /// When it was made.
    created_at: String,
}

impl From<CodeUses> for CodeView {
    fn from(row: CodeUses) -> Self {
        let code = row.code;
        let (kind, basis_points, amount) = match code.gives {
            Gives::Reduction(given) => reduction(given),
            Gives::FreeLicense => ("free_license", None, None),
        };
        Self {
            id: code.id.to_string(),
            code: code.code,
            kind: kind.to_owned(),
            basis_points,
            amount,
            plans: code.plans.iter().map(ToString::to_string).collect(),
            cycles: code.cycles,
            max_uses: code.max_uses,
            used: row.used,
            reserved: row.reserved,
            expires_at: code.expires_at.map(|at| at.to_string()),
            retired_at: code.retired_at.map(|at| at.to_string()),
            created_at: code.created_at.to_string(),
        }
    }
}

/// A page of discount codes.
#[derive(Debug, Object)]
#[oai(rename = "DiscountCodeList")]
pub(crate) struct CodesView {
    /// The rows, newest first.
    data: Vec<CodeView>,
    /// Leads to what follows. Absent: nothing does.
    next_cursor: Option<String>,
}

pub(crate) struct CodesApi;

#[OpenApi(tag = "Group::Operation")]
impl CodesApi {
    /// Makes a discount code.
    #[oai(
        path = "/v1/discount-codes",
        method = "post",
        operation_id = "create_discount_code"
    )]
    async fn create(
        &self,
        state: Data<&AppState>,
        by: WriteKey,
        body: Body<CodeBody>,
    ) -> Result<Created<CodeView>, Problem> {
        let body = body.0;
        // A body without it was refused.
        let GivesRead(gives) = body.given.ok_or_else(Problem::internal)?;
        let plans = body
            .named
            .into_iter()
            .map(|key| PlanKey::new(key).map_err(|_invalid| Problem::field("plans", NO_SUCH_PLAN)));
        let new = NewCode {
            code: body.code,
            gives,
            plans: plans.collect::<Result<_, _>>()?,
            cycles: body.cycles,
            max_uses: body.max_uses,
            expires_at: body.end,
        };
        let code = state.billing.create_code(new).await.map_err(refused)?;
        tracing::info!(code = %code.id, by = by.actor(), "discount code made");
        Ok(Created::new(CodeView::from(CodeUses {
            code,
            used: 0,
            reserved: 0,
        })))
    }

    /// Discount codes, newest first, with their uses.
    #[oai(
        path = "/v1/discount-codes",
        method = "get",
        operation_id = "list_discount_codes"
    )]
    async fn list(
        &self,
        state: Data<&AppState>,
        by: ReadKey,
        /// Rows, 1 to 100; 20 when absent.
        limit: Query<Option<String>>,
        /// The `next_cursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Answer<CodesView> {
        by.checked();
        let ask = page::ask(limit.as_deref(), cursor.as_deref(), DiscountCodeId::uuid)?;
        let found = state.billing.list_codes(ask).await?;
        let (data, next_cursor) = page::views(found, |row| row.code.id, CodeView::from);
        Ok(Json(CodesView { data, next_cursor }))
    }

    /// Retires a discount code; who holds its discount keeps it.
    #[oai(
        path = "/v1/discount-codes/:id",
        method = "delete",
        operation_id = "retire_discount_code"
    )]
    async fn retire(
        &self,
        state: Data<&AppState>,
        by: WriteKey,
        id: Path<String>,
    ) -> Result<Done, Problem> {
        let id: DiscountCodeId = id.parse().map_err(|_invalid| Problem::not_found())?;
        state.billing.retire_code(id).await.map_err(refused)?;
        tracing::info!(code = %id, by = by.actor(), "discount code retired");
        Ok(Done)
    }
}

const NO_SUCH_PLAN: &str = "is not in the catalog";

fn refused(error: CodeError) -> Problem {
    match error {
        CodeError::BadText => Problem::field("code", error.to_string()),
        CodeError::BadAmount => Problem::field("basis_points", error.to_string()),
        CodeError::NoSuchPlan(_) => Problem::field("plans", NO_SUCH_PLAN),
        CodeError::Exists => Problem::new(
            StatusCode::CONFLICT,
            "already_exists",
            "a code with this text exists and is not retired",
        ),
        CodeError::NotFound => Problem::not_found(),
        CodeError::Engine(error) => error.into(),
    }
}
