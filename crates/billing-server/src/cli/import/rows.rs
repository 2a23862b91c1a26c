//! What a row says, read into what the engine is asked to bring over.

use billing_catalog::values::{Reading, amount, currency, date, interval};
use billing_domain::grant::GrantReason;
use billing_domain::ids::CustomerId;
use billing_domain::money::Currency;
use billing_domain::time::Timestamp;
use billing_engine::{CustomerRef, CustomerRow, GrantRow, ImportRow, LicenseRow, SubscriptionRow};

use super::columns::{Header, ID, Kind};
use super::records::Fields;
use crate::api::{MAX_TEXT, is_address, is_github_name, is_language};

/// Why a row is not understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    /// The stable code.
    pub(super) code: &'static str,
    /// The column. Empty: the row as a whole.
    pub(super) column: String,
    /// In words; nothing of what the row says is repeated.
    pub(super) words: String,
}

impl Wrong {
    pub(super) fn new(code: &'static str, column: &str, words: impl Into<String>) -> Self {
        Self {
            code,
            column: column.to_owned(),
            words: words.into(),
        }
    }
}

/// Bytes of a list: machines are dozens, of some dozen bytes each.
const MAX_LIST: usize = 16 * 1024;

/// The column of whom a row is about.
const CUSTOMER: &str = "customer";

/// The column of who a customer is at a provider.
pub(super) const AT_PROVIDER: &str = "at_provider";

/// The column of the subscription that a license belongs to.
const SUBSCRIPTION: &str = "subscription";

/// What the column of a list is parted with.
const PARTED: char = ';';

const REASONS: [(&str, GrantReason); 4] = [
    ("plankowner", GrantReason::Plankowner),
    ("comp", GrantReason::Comp),
    ("trial", GrantReason::Trial),
    ("free_plan", GrantReason::FreePlan),
];

/// The name of a row. `None`: it has none that could be one.
pub(super) fn id_of<'a>(header: &Header, fields: Fields<'a>) -> Option<&'a str> {
    name_in(ID, header, fields)
}

/// What of a row no other row can have.
pub(super) struct Claim {
    /// What it is called, always by the same words.
    pub(super) named: String,
    /// Whether it is called by an id of ours, where the host's name would do.
    pub(super) by_id: bool,
}

/// What of its columns one row alone can have: being charged, of a customer, being one at a
/// provider, and the machines of a subscription. `None`: nothing.
pub(super) fn claim_of(header: &Header, fields: Fields<'_>) -> Option<Claim> {
    let column = match header.kind {
        Kind::Subscriptions => CUSTOMER,
        Kind::Customers => AT_PROVIDER,
        Kind::Licenses => SUBSCRIPTION,
        Kind::Grants => return None,
    };
    let named = name_in(column, header, fields)?;
    let id = named.parse::<CustomerId>().ok();
    let id = id.filter(|_| column == CUSTOMER);
    Some(Claim {
        by_id: id.is_some(),
        named: id.map_or_else(|| named.to_owned(), |id| id.to_string()),
    })
}

fn name_in<'a>(column: &str, header: &Header, fields: Fields<'a>) -> Option<&'a str> {
    let name = std::str::from_utf8(fields.get(header.place(column)?)?).ok()?;
    Some(name).filter(|name| !name.is_empty())
}

/// Reads a row. What nothing is said of, with amounts of money, is in `by_default`.
pub(super) fn read(
    header: &Header,
    fields: Fields<'_>,
    by_default: Currency,
) -> Result<ImportRow, Wrong> {
    if fields.len() != header.len() {
        let (has, needs) = (fields.len(), header.len());
        let words = format!("it has {has} fields, and the header {needs}");
        return Err(Wrong::new("wrong_fields", "", words));
    }
    for place in 0..fields.len() {
        if std::str::from_utf8(fields.get(place).unwrap_or_default()).is_err() {
            return Err(Wrong::new("not_utf8", header.name(place), "is no UTF-8"));
        }
    }
    let row = Said { header, fields };
    match header.kind {
        Kind::Customers => row.customer().map(ImportRow::Customer),
        Kind::Subscriptions => row.subscription(by_default).map(ImportRow::Subscription),
        Kind::Grants => row.grant().map(ImportRow::Grant),
        Kind::Licenses => row.license().map(ImportRow::License),
    }
}

/// A row with its header.
#[derive(Clone, Copy)]
struct Said<'a> {
    header: &'a Header,
    fields: Fields<'a>,
}

impl<'a> Said<'a> {
    /// What is in a column. `None`: nothing, or there is no such column.
    fn text(self, column: &str) -> Result<Option<&'a str>, Wrong> {
        self.text_within(column, MAX_TEXT)
    }

    /// The same of a column that has room for more.
    fn text_within(self, column: &str, max: usize) -> Result<Option<&'a str>, Wrong> {
        let place = self.header.place(column);
        let bytes = place.and_then(|place| self.fields.get(place));
        let text = bytes.and_then(|bytes| std::str::from_utf8(bytes).ok());
        let Some(text) = text.filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        if text.len() > max || text.contains(char::is_control) {
            let words = format!("must be at most {max} bytes, without control characters");
            return Err(Wrong::new("bad_value", column, words));
        }
        Ok(Some(text))
    }

    fn required(self, column: &str) -> Result<&'a str, Wrong> {
        let text = self.text(column)?;
        text.ok_or_else(|| Wrong::new("missing_value", column, "is missing"))
    }

    fn read<T>(
        self,
        column: &str,
        read: impl FnOnce(&str) -> Reading<T>,
    ) -> Result<Option<T>, Wrong> {
        let Some(text) = self.text(column)? else {
            return Ok(None);
        };
        let expected = |expected| Wrong::new("bad_value", column, format!("must be {expected}"));
        read(text).map(Some).map_err(expected)
    }

    fn needed<T>(self, column: &str, read: impl FnOnce(&str) -> Reading<T>) -> Result<T, Wrong> {
        let value = self.read(column, read)?;
        value.ok_or_else(|| Wrong::new("missing_value", column, "is missing"))
    }

    fn owner(self) -> Result<CustomerRef, Wrong> {
        let text = self.required(CUSTOMER)?;
        let id = text.parse::<CustomerId>();
        Ok(id.map_or_else(|_external| text.into(), CustomerRef::Id))
    }

    fn instant(self, column: &str) -> Result<Option<Timestamp>, Wrong> {
        self.read(column, date)
    }

    fn customer(self) -> Result<CustomerRow, Wrong> {
        let external_ref = self.required(ID)?;
        if external_ref.parse::<CustomerId>().is_ok() {
            let words = "must not look like a customer's id";
            return Err(Wrong::new("bad_value", ID, words));
        }
        let plain = |good: fn(&str) -> bool, expected: &'static str| {
            move |text: &str| {
                if good(text) {
                    Ok(text.to_owned())
                } else {
                    Err(expected.to_owned())
                }
            }
        };
        Ok(CustomerRow {
            external_ref: external_ref.to_owned(),
            email: self.read("email", plain(is_address, "an e-mail address"))?,
            lang: self.read(
                "lang",
                plain(is_language, "a language's tag, as in de or pt-BR"),
            )?,
            github: self.read("github", plain(is_github_name, "a name at GitHub"))?,
            joined_at: self.instant("joined_at")?,
            at_provider: self.read(AT_PROVIDER, |text| {
                let parts = text.split_once(':').filter(|(_, id)| !id.is_empty());
                let account = parts.and_then(|(account, _)| account.parse().ok());
                let read = account
                    .zip(parts)
                    .map(|(account, (_, id))| (account, id.to_owned()));
                read.ok_or_else(|| {
                    "an account and a customer there, as in stripe/main:cus_1".into()
                })
            })?,
        })
    }

    fn subscription(self, by_default: Currency) -> Result<SubscriptionRow, Wrong> {
        let currency = self.read("currency", currency)?.unwrap_or(by_default);
        let count = |text: &str| {
            let count = text.parse::<u32>().ok().filter(|count| *count > 0);
            count.ok_or_else(|| "a whole number from 1".to_owned())
        };
        Ok(SubscriptionRow {
            external: self.required(ID)?.to_owned(),
            customer: self.owner()?,
            plan: self.needed("plan", named)?,
            price: self.read("price", named)?,
            billing: self.read("interval", interval)?,
            unit: self.read("amount", |text| amount(text, currency))?,
            quantity: self.read("quantity", count)?.unwrap_or(1),
            started_at: self.needed("started_at", date)?,
            paid_through: self.instant("paid_through")?,
            ends: self.read("ends", flag)?,
            provider: self.read("provider", |text| {
                text.parse()
                    .map_err(|_name| "an account as in btcpay/main".to_owned())
            })?,
        })
    }

    fn grant(self) -> Result<GrantRow, Wrong> {
        let reason = |text: &str| {
            let found = REASONS.iter().find(|(word, _)| *word == text);
            let words = REASONS.map(|(word, _)| word).join(", ");
            found
                .map(|(_, reason)| *reason)
                .ok_or_else(|| format!("one of {words}"))
        };
        Ok(GrantRow {
            external: self.required(ID)?.to_owned(),
            customer: self.owner()?,
            plan: self.needed("plan", named)?,
            reason: self.needed("reason", reason)?,
            ends_at: self.instant("until")?,
        })
    }

    fn license(self) -> Result<LicenseRow, Wrong> {
        let machines = self.text_within("machines", MAX_LIST)?;
        let machines = machines.unwrap_or_default().split(PARTED);
        let machines = machines.map(str::trim).filter(|name| !name.is_empty());
        Ok(LicenseRow {
            external: self.required(ID)?.to_owned(),
            customer: self.owner()?,
            plan: self.needed("plan", named)?,
            subscription: self.text(SUBSCRIPTION)?.map(str::to_owned),
            started_at: self.instant("started_at")?,
            machines: machines.map(str::to_owned).collect(),
        })
    }
}

/// A name of the catalog's.
fn named<T: std::str::FromStr>(text: &str) -> Reading<T> {
    text.parse()
        .map_err(|_unspeakable| "a name as the plan file has it".to_owned())
}

fn flag(text: &str) -> Reading<bool> {
    match text {
        "true" | "yes" | "1" => Ok(true),
        "false" | "no" | "0" => Ok(false),
        _ => Err("true or false".to_owned()),
    }
}
