//! What browsers send to our pages: forms, the token by which a page's own are known, and the
//! ids in addresses. Knows no page, and not whose the session is.
//!
//! A form carries a token that only the session's own pages can have: made of the session's
//! secret, which no script and no other site can read, by a function that tells nothing of it.

use std::str::FromStr;

use maud::{Markup, html};
use poem::http::StatusCode;
use poem::{Body, Request};
use ring::hmac;

use super::Pages;
use super::origin::is_ours;
use crate::http::client_address;
use crate::problem::Problem;

/// The code of a form that is not the visitor's own.
pub(super) const FORGED: &str = "forged_form";

/// The field of the session's token in a form.
const FIELD: &str = "form_token";

/// Bytes of a form: some keys, a reason and the token, with room for what browsers add.
const MAX_FORM: usize = 4_096;

/// What shows that a form was on a page of one session.
pub(super) struct Proof<'a> {
    /// The session's secret.
    pub(super) secret: &'a str,
    /// What kind of forms, so that those of one kind are good for no other.
    pub(super) meant_for: &'static [u8],
}

impl Proof<'_> {
    fn key(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, self.secret.as_bytes())
    }

    /// The hidden field without which no form of this session's is taken.
    pub(super) fn field(&self) -> Markup {
        let token = hex::encode(hmac::sign(&self.key(), self.meant_for));
        html! { input type="hidden" name=(FIELD) value=(token); }
    }

    /// Reads a form of this session's own.
    ///
    /// # Errors
    ///
    /// 403 [`FORGED`] for one that is not, 429 where there are too many, 400 for one that
    /// cannot be read; nothing was done.
    pub(super) async fn form(
        &self,
        pages: &Pages,
        request: &Request,
        body: Body,
    ) -> Result<Form, Problem> {
        let form = read(pages, request, body).await?;
        let given = form.field(FIELD).and_then(|text| hex::decode(text).ok());
        let given = given.ok_or_else(forged)?;
        // Compared in the same time wherever it differs.
        hmac::verify(&self.key(), self.meant_for, &given).map_err(|_differs| forged())?;
        Ok(form)
    }
}

/// What was sent with a form.
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    /// The first field of this name. `None`: there is none, or it is empty.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        let mut fields = self.0.iter();
        let found = fields.find(|(found, _)| found == name);
        let value = found.map(|(_, value)| value.trim());
        value.filter(|value| !value.is_empty())
    }
}

/// Reads a form of one of our pages, whoever sends it.
///
/// # Errors
///
/// As [`Proof::form`].
pub(super) async fn read(pages: &Pages, request: &Request, body: Body) -> Result<Form, Problem> {
    if !is_ours(request, &pages.public_url) {
        return Err(forged());
    }
    let address = client_address(&pages.state, request);
    pages.state.limiters.post(address)?;
    let time = pages.state.options.body_timeout;
    let read = tokio::time::timeout(time, body.into_bytes_limit(MAX_FORM)).await;
    let Ok(Ok(form)) = read else {
        return Err(Problem::field("body", "could not be read"));
    };
    let fields = url::form_urlencoded::parse(&form).into_owned();
    Ok(Form(fields.collect()))
}

fn forged() -> Problem {
    Problem::new(
        StatusCode::FORBIDDEN,
        FORGED,
        "this was not sent from a page of yours",
    )
}

/// The id in a page's address.
///
/// # Errors
///
/// 404 for what is no id of this kind.
pub(super) fn named<T: FromStr>(request: &Request) -> Result<T, Problem> {
    let id = request.raw_path_param("id").unwrap_or_default();
    id.parse().map_err(|_no_id| Problem::not_found())
}
