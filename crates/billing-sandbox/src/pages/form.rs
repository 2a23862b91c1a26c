//! Reading a submitted form, within bounds. Knows nothing of what is paid.

use billing_domain::time::Timestamp;
use jiff::tz::TimeZone;
use poem::Request;
use poem::error::ReadBodyError;
use url::form_urlencoded;

use super::offer::Offer;
use crate::card::{self, TestCard};

/// Largest form that is read, in bytes: ours has well under one KiB.
const BODY_MAX_BYTES: usize = 16 * 1024;

/// Most fields that are looked at; ours has six.
const FIELDS_MAX: usize = 32;

/// Longest e-mail address (RFC 5321: a path of 256 with its brackets).
const EMAIL_MAX_BYTES: usize = 254;

/// How many years ahead a prefilled card expires; any number will do.
const PREFILLED_YEARS: i16 = 3;

/// What a buyer submitted. Missing fields are empty.
#[derive(Default)]
pub(crate) struct Form {
    pub(crate) token: String,
    pub(crate) email: String,
    pub(crate) number: String,
    pub(crate) expiry: String,
    pub(crate) cvc: String,
    pub(crate) approve: bool,
}

/// Why a form was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FormError {
    TooLarge,
    Unreadable,
}

impl Form {
    pub(crate) async fn read(request: &mut Request) -> Result<Self, FormError> {
        let body = request
            .take_body()
            .into_bytes_limit(BODY_MAX_BYTES)
            .await
            .map_err(|error| match error {
                ReadBodyError::PayloadTooLarge => FormError::TooLarge,
                ReadBodyError::BodyHasBeenTaken | ReadBodyError::Utf8(_) | ReadBodyError::Io(_) => {
                    FormError::Unreadable
                }
            })?;
        let mut form = Self::default();
        for (name, value) in form_urlencoded::parse(&body).take(FIELDS_MAX) {
            let value = value.into_owned();
            match name.as_ref() {
                "token" => form.token = value,
                "email" => form.email = value,
                "number" => form.number = value,
                "expiry" => form.expiry = value,
                "cvc" => form.cvc = value,
                "approve" => form.approve = value == "yes",
                // Browsers' extensions add fields of their own.
                _ => {}
            }
        }
        Ok(form)
    }

    /// The security code to show again: only beside a test card's number.
    pub(crate) fn shown_cvc(&self) -> &str {
        if self.shown_number().is_empty() {
            ""
        } else {
            &self.cvc
        }
    }

    /// The number to show again: a test card's, and never another one.
    pub(crate) fn shown_number(&self) -> String {
        card::by_number(&self.number.replace([' ', '-'], ""))
            .map(TestCard::spaced)
            .unwrap_or_default()
    }
}

/// A form as it is shown at first; `?card=4242424242424242` fills a test card in.
pub(crate) fn prefilled(query: Option<&str>, offer: &Offer) -> Form {
    let email = offer.email.clone().unwrap_or_default();
    let chosen = form_urlencoded::parse(query.unwrap_or_default().as_bytes())
        .take(FIELDS_MAX)
        .find(|(name, _)| name == "card")
        .and_then(|(_, number)| card::by_number(&number));
    match chosen {
        Some(card) => Form {
            email,
            number: card.number().to_owned(),
            expiry: expiry_after(offer.now),
            cvc: "123".to_owned(),
            ..Form::default()
        },
        None => Form {
            email,
            ..Form::default()
        },
    }
}

/// A date on which a card may well expire: `12/29`.
fn expiry_after(now: Timestamp) -> String {
    let year = now
        .to_zoned(TimeZone::UTC)
        .year()
        .saturating_add(PREFILLED_YEARS);
    format!("12/{year:04}")
}

/// What is wrong with an e-mail address, in words for the buyer.
pub(crate) fn email_problem(text: &str) -> Option<&'static str> {
    let text = text.trim();
    let odd = |c: char| c.is_whitespace() || c.is_control();
    let fits = match text.split_once('@') {
        Some((name, host)) => {
            !name.is_empty() && !host.is_empty() && !host.contains('@') && !text.contains(odd)
        }
        None => false,
    };
    if fits && text.len() <= EMAIL_MAX_BYTES {
        None
    } else {
        Some("Enter an e-mail address, such as ana@example.com.")
    }
}
