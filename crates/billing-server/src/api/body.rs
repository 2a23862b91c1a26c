//! Reads JSON bodies strictly: every mistake with its field, unknown fields
//! refused, numbers never through a float.

use billing_domain::money::{Currency, Money};
use billing_domain::time::{Timestamp, to_micros};
use poem::http::header;
use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaMediaType, MetaRequest, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use serde_json::{Map, Value};

use crate::api::described::is_body;
use crate::http::unsupported_media_type;
use crate::problem::{Problem, Wrong};

/// Longest text of a field that states no other bound.
pub(crate) const MAX_TEXT: usize = 255;

/// Longest address: what mail takes.
pub(crate) const MAX_EMAIL: usize = 254;

/// Whether mail could go to an address, as far as its text tells.
pub(crate) fn is_address(text: &str) -> bool {
    let parts = text.rsplit_once('@');
    let named = parts.is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty());
    let plain = |c: char| !c.is_whitespace() && !c.is_control();
    named && text.len() <= MAX_EMAIL && text.chars().all(plain)
}

/// A body that is read field by field.
pub(crate) trait ReadBody: Type + Sized + Send {
    /// Whether no body at all is the same as an empty object.
    const MAY_BE_EMPTY: bool = false;

    /// Takes every known field; what is wrong is noted in `fields`.
    fn read(fields: &mut Fields) -> Self;
}

/// A JSON body.
pub(crate) struct Body<T>(pub(crate) T);

/// The fields of a body that have not been taken yet, and what is wrong so far.
#[derive(Default)]
pub(crate) struct Fields {
    object: Map<String, Value>,
    errors: Vec<Wrong>,
}

impl Fields {
    /// Notes that `field` is wrong.
    pub(crate) fn wrong(&mut self, field: &str, message: impl Into<String>) {
        self.errors.push(Wrong {
            field: field.to_owned(),
            message: message.into(),
            place: None,
        });
    }

    /// Whether the body states `field`.
    pub(crate) fn has(&self, field: &str) -> bool {
        self.object.get(field).is_some_and(|value| !value.is_null())
    }

    /// Whether the body names `field`, be it with `null`.
    pub(crate) fn says(&self, field: &str) -> bool {
        self.object.contains_key(field)
    }

    fn take(&mut self, field: &str) -> Option<Value> {
        self.object.remove(field).filter(|value| !value.is_null())
    }

    /// A text of at most `max` bytes, without control characters. `None`: absent or null.
    pub(crate) fn text(&mut self, field: &str, max: usize) -> Option<String> {
        match self.take(field)? {
            Value::String(text) if text.is_empty() => {
                self.wrong(field, "must not be empty");
                None
            }
            Value::String(text) if text.len() > max => {
                self.wrong(field, format!("must have at most {max} bytes"));
                None
            }
            Value::String(text) if text.contains(char::is_control) => {
                self.wrong(field, "must not contain control characters");
                None
            }
            Value::String(text) => Some(text),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Array(_)
            | Value::Object(_) => {
                self.wrong(field, "must be a text");
                None
            }
        }
    }

    /// As [`Self::text`], where there must be one.
    pub(crate) fn required_text(&mut self, field: &str, max: usize) -> String {
        let noted = self.errors.len();
        let text = self.text(field, max);
        if text.is_none() && self.errors.len() == noted {
            self.wrong(field, "is required");
        }
        text.unwrap_or_default()
    }

    /// A credential: any text at all, since what is wrong with one is not told.
    /// `None`: absent or null.
    pub(crate) fn credential(&mut self, field: &str) -> Option<String> {
        match self.take(field)? {
            Value::String(text) => Some(text),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Array(_)
            | Value::Object(_) => {
                self.wrong(field, "must be a text");
                None
            }
        }
    }

    /// As [`Self::credential`], where there must be one.
    pub(crate) fn required_credential(&mut self, field: &str) -> String {
        let credential = self.credential(field);
        self.required(field, credential).unwrap_or_default()
    }

    /// Leaves `field` out, whatever it holds.
    pub(crate) fn ignore(&mut self, field: &str) {
        self.object.remove(field);
    }

    /// An address that mail could go to.
    pub(crate) fn email(&mut self, field: &str) -> Option<String> {
        let text = self.text(field, MAX_EMAIL)?;
        if !is_address(&text) {
            self.wrong(field, "must be an e-mail address");
            return None;
        }
        Some(text)
    }

    /// A whole number of at least one. `None`: absent or null.
    pub(crate) fn count(&mut self, field: &str) -> Option<u32> {
        let value = self.take(field)?;
        let count = value.as_u64().and_then(|count| u32::try_from(count).ok());
        if count.is_none_or(|count| count < 1) {
            self.wrong(
                field,
                format!("must be a whole number from 1 to {}", u32::MAX),
            );
            return None;
        }
        count
    }

    /// A whole number, zero or more. `None`: absent or null.
    pub(crate) fn natural(&mut self, field: &str) -> Option<u64> {
        let value = self.take(field)?;
        let number = value.as_u64();
        if number.is_none() {
            self.wrong(field, "must be a whole number from 0 on");
        }
        number
    }

    /// Minor units of a currency, zero or more. `None`: absent or null.
    pub(crate) fn minor_units(&mut self, field: &str) -> Option<i64> {
        let value = self.take(field)?;
        let units = value.as_i64().filter(|units| *units >= 0);
        if units.is_none() {
            self.wrong(field, "must be a whole number of minor units, zero or more");
        }
        units
    }

    /// Money, zero or more. `None`: absent or null.
    pub(crate) fn money(&mut self, field: &str) -> Option<Money> {
        let read = self.object(field, |fields| {
            let amount = fields.minor_units("amount");
            let amount = fields.required("amount", amount);
            let currency = fields.parsed::<Currency>("currency");
            Some(Money::new(amount?, fields.required("currency", currency)?))
        });
        read.flatten()
    }

    /// Yes or no. `None`: absent or null.
    pub(crate) fn flag(&mut self, field: &str) -> Option<bool> {
        let flag = self.take(field)?.as_bool();
        if flag.is_none() {
            self.wrong(field, "must be true or false");
        }
        flag
    }

    /// A list of texts. Empty: absent, null or empty.
    pub(crate) fn texts(&mut self, field: &str, max: usize) -> Vec<String> {
        let list = match self.take(field) {
            None => return Vec::new(),
            Some(Value::Array(list)) if list.len() <= MAX_LIST => list,
            Some(_) => {
                self.wrong(field, format!("must be a list of at most {MAX_LIST} texts"));
                return Vec::new();
            }
        };
        let mut texts = Vec::new();
        for value in list {
            let mut one = Self::default();
            one.object.insert(field.to_owned(), value);
            texts.push(one.required_text(field, max));
            self.errors.append(&mut one.errors);
        }
        texts
    }

    /// An object, whose fields are named as in `quantity.min`. `None`: absent or null.
    pub(crate) fn object<T>(
        &mut self,
        field: &str,
        read: impl FnOnce(&mut Self) -> T,
    ) -> Option<T> {
        let Value::Object(object) = self.take(field)? else {
            self.wrong(field, "must be an object");
            return None;
        };
        let mut inner = Self {
            object,
            errors: Vec::new(),
        };
        let value = read(&mut inner);
        inner.note_unknown();
        for wrong in inner.errors {
            self.errors.push(Wrong {
                field: format!("{field}.{}", wrong.field),
                ..wrong
            });
        }
        Some(value)
    }

    /// A list of at most `max` objects, whose fields are named as in `events.3.id`.
    /// Absent or null is a mistake.
    pub(crate) fn objects<T>(
        &mut self,
        field: &str,
        max: usize,
        read: impl Fn(&mut Self) -> T,
    ) -> Vec<T> {
        let list = match self.take(field) {
            Some(Value::Array(list)) if list.len() <= max => list,
            _ => {
                self.wrong(field, format!("must be a list of at most {max} objects"));
                return Vec::new();
            }
        };
        let mut values = Vec::with_capacity(list.len());
        for (place, value) in list.into_iter().enumerate() {
            let place = place.to_string();
            let mut one = Self::default();
            one.object.insert(place.clone(), value);
            match one.object(&place, &read) {
                Some(value) => values.push(value),
                None if one.errors.is_empty() => one.wrong(&place, "must be an object"),
                None => {}
            }
            for wrong in one.errors {
                self.errors.push(Wrong {
                    field: format!("{field}.{}", wrong.field),
                    ..wrong
                });
            }
        }
        values
    }

    /// `value`, which must be there.
    pub(crate) fn required<T>(&mut self, field: &str, value: Option<T>) -> Option<T> {
        // What is there and wrong was noted when it was read.
        let noted = self.errors.iter().any(|wrong| wrong.field == field);
        if value.is_none() && !noted {
            self.wrong(field, "is required");
        }
        value
    }

    /// An instant. `None`: absent or null.
    pub(crate) fn instant(&mut self, field: &str) -> Option<Timestamp> {
        let text = self.text(field, MAX_TEXT)?;
        match text.parse() {
            Ok(instant) => Some(to_micros(instant)),
            Err(_unreadable) => {
                self.wrong(field, "must be a time as in 2026-01-31T12:00:00Z");
                None
            }
        }
    }

    /// One of these words. `None`: absent or null.
    pub(crate) fn choice<T: Copy>(&mut self, field: &str, choices: &[(&str, T)]) -> Option<T> {
        let text = self.text(field, MAX_TEXT)?;
        let found = choices.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
            self.wrong(field, format!("must be one of: {}", words.join(", ")));
        }
        found.map(|(_, choice)| *choice)
    }

    /// Something that a text stands for. `None`: absent or null.
    pub(crate) fn parsed<T: std::str::FromStr>(&mut self, field: &str) -> Option<T>
    where
        T::Err: std::fmt::Display,
    {
        let text = self.text(field, MAX_TEXT)?;
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.wrong(field, error.to_string());
                None
            }
        }
    }

    fn note_unknown(&mut self) {
        let unknown: Vec<String> = self.object.keys().take(MAX_UNKNOWN).cloned().collect();
        for field in unknown {
            let shown: String = field.chars().take(MAX_SHOWN).collect();
            self.wrong(&shown, "is not known here");
        }
    }

    fn finish(mut self) -> Result<(), Problem> {
        self.note_unknown();
        if self.errors.is_empty() {
            Ok(())
        } else {
            Err(Problem::invalid(self.errors))
        }
    }
}

/// Longest list: more plans or codes than that are named one by one nowhere.
const MAX_LIST: usize = 100;

/// Unknown fields named in one answer; a body with more is no honest mistake.
const MAX_UNKNOWN: usize = 20;

/// Characters of an unknown field's name that are shown.
const MAX_SHOWN: usize = 64;

fn read<T: ReadBody>(content_type: Option<&str>, bytes: &[u8]) -> Result<T, Problem> {
    let mut fields = Fields::default();
    if !(bytes.is_empty() && T::MAY_BE_EMPTY) {
        if !content_type.is_some_and(is_json) {
            return Err(unsupported_media_type());
        }
        fields.object = match serde_json::from_slice(bytes) {
            Ok(Value::Object(object)) => object,
            Ok(_) => return Err(Problem::field("body", "must be a JSON object")),
            Err(error) => {
                let message = format!(
                    "is not JSON at line {}, column {}",
                    error.line(),
                    error.column()
                );
                return Err(Problem::field("body", message));
            }
        };
    }
    let body = T::read(&mut fields);
    fields.finish()?;
    Ok(body)
}

/// `application/json`, or one that ends in `+json`.
fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    let Some((kind, subtype)) = essence.split_once('/') else {
        return false;
    };
    let subtype = subtype.to_ascii_lowercase();
    kind.eq_ignore_ascii_case("application") && (subtype == "json" || subtype.ends_with("+json"))
}

impl<'a, T: ReadBody> ApiExtractor<'a> for Body<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
        is_body(registry, &T::name());
    }

    fn request_meta() -> Option<MetaRequest> {
        Some(MetaRequest {
            description: None,
            content: vec![MetaMediaType {
                content_type: "application/json",
                schema: T::schema_ref(),
            }],
            required: !T::MAY_BE_EMPTY,
        })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<Self::ParamType>,
    ) -> poem::Result<Self> {
        let content_type = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        let bytes = body.take()?.into_bytes().await?;
        Ok(Self(read(content_type, &bytes)?))
    }
}
