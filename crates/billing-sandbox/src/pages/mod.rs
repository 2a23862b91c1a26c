//! The pages where a buyer pays: server-rendered, without JavaScript.
//!
//! They read the world and hand it what the buyer did; what that means is the
//! world's business. A page never shows or keeps a number that is no test card.

mod form;
mod offer;
mod view;

use maud::Markup;
use poem::http::{HeaderValue, Method, StatusCode, header};
use poem::{Endpoint, IntoResponse, Request, Response, Route};

use self::form::{Form, FormError};
use self::offer::{Offer, Standing};
use crate::card::{self, CardProblems};
use crate::sandbox::Sandbox;
use crate::store::BooksError;
use crate::world::Paying;

/// The stylesheet, served by the sandbox itself: pages allow no inline style.
const STYLE: &str = include_str!("style.css");

/// How long a browser may keep the stylesheet, in seconds: short, as it changes
/// with every version and a sandbox is somebody's workshop.
const STYLE_CACHE: &str = "public, max-age=300";

/// The sandbox's pages, to be mounted where `public_url` says:
/// `/checkout/{id}`, `/checkout/{id}/confirm`, `/checkout/{id}/cancel`,
/// `/invoice/{id}`, `/invoice/{id}/confirm` and `/style.css`.
///
/// Every page brings its own content security policy. A policy that the host
/// adds must allow `form-action` to the origins of success URLs, because a
/// paid form is answered with a redirect there.
#[must_use]
pub fn routes(sandbox: &Sandbox) -> Route {
    let page = |what, step| Page {
        sandbox: sandbox.clone(),
        what,
        step,
    };
    Route::new()
        .at(
            "/style.css",
            poem::get(poem::endpoint::make_sync(|_| style())),
        )
        .at("/checkout/:id", page(What::Checkout, Step::Pay))
        .at("/checkout/:id/confirm", page(What::Checkout, Step::Confirm))
        .at("/checkout/:id/cancel", page(What::Checkout, Step::Cancel))
        .at("/invoice/:id", page(What::Invoice, Step::Pay))
        .at("/invoice/:id/confirm", page(What::Invoice, Step::Confirm))
}

/// What is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Checkout,
    Invoice,
}

/// Which of its pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Pay,
    Confirm,
    Cancel,
}

struct Page {
    sandbox: Sandbox,
    what: What,
    step: Step,
}

impl Endpoint for Page {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let answer = self.answer(request).await;
        Ok(answer.unwrap_or_else(|error| {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "sandbox books not written"
            );
            let base = &self.sandbox.inner.base_path;
            let page = view::message(base, "Out of order", "The sandbox cannot write its books.");
            html(StatusCode::SERVICE_UNAVAILABLE, &page, None)
        }))
    }
}

impl Page {
    async fn answer(&self, mut request: Request) -> Result<Response, BooksError> {
        let id: String = request.path_params().unwrap_or_default();
        // Brings the world up to now first, so that a page out of time says so.
        let offer = self
            .sandbox
            .change(|world, now| Offer::find(world, self.what, &id, now))
            .await?;
        let Some(offer) = offer else {
            return Ok(self.message(
                StatusCode::NOT_FOUND,
                "Nothing here",
                "There is nothing to pay at this address.",
            ));
        };
        let method = request.method().clone();
        match (self.step, method) {
            (Step::Cancel, Method::GET | Method::HEAD) => Ok(see_other(&offer.cancel_url)),
            (Step::Pay | Step::Confirm, Method::GET | Method::HEAD) => {
                Ok(self.show(&offer, &request))
            }
            (Step::Pay | Step::Confirm, Method::POST) => {
                let form = Form::read(&mut request).await;
                self.submit(&offer, form).await
            }
            _ => Ok(self.message(
                StatusCode::METHOD_NOT_ALLOWED,
                "Not like this",
                "This address cannot be used in this way.",
            )),
        }
    }

    fn show(&self, offer: &Offer, request: &Request) -> Response {
        match (&offer.standing, self.step) {
            (Standing::Open, Step::Confirm) => see_other(&self.address(offer, "")),
            (Standing::Confirming, Step::Confirm) => {
                let page = view::confirm(&self.sandbox.inner.base_path, offer, &self.token(offer));
                html(StatusCode::OK, &page, offer.return_origin.as_deref())
            }
            (Standing::Open | Standing::Confirming, _) => {
                let form = form::prefilled(request.uri().query(), offer);
                self.card_page(StatusCode::OK, offer, &form, &CardProblems::default(), None)
            }
            (Standing::Paid | Standing::Closed(_), _) => self.settled(offer),
        }
    }

    async fn submit(
        &self,
        offer: &Offer,
        form: Result<Form, FormError>,
    ) -> Result<Response, BooksError> {
        let form = match form {
            Ok(form) => form,
            Err(FormError::TooLarge) => {
                return Ok(self.message(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    "Too much",
                    "The form is larger than any form of this page.",
                ));
            }
            Err(FormError::Unreadable) => {
                return Ok(self.message(
                    StatusCode::BAD_REQUEST,
                    "Not readable",
                    "The form could not be read.",
                ));
            }
        };
        if !self
            .sandbox
            .inner
            .keys
            .form_token_fits(&offer.id, &form.token)
        {
            return Ok(self.message(
                StatusCode::FORBIDDEN,
                "Out of date",
                "This form was not made by this page. Open the page again.",
            ));
        }
        match self.step {
            Step::Confirm => {
                let how = self.sandbox.confirm(&offer.id, form.approve).await?;
                Ok(self.outcome(offer, &form, &how))
            }
            Step::Pay | Step::Cancel => self.pay(offer, &form).await,
        }
    }

    async fn pay(&self, offer: &Offer, form: &Form) -> Result<Response, BooksError> {
        if !matches!(offer.standing, Standing::Open | Standing::Confirming) {
            return Ok(self.settled(offer));
        }
        let email_problem = if offer.asks_email {
            form::email_problem(&form.email)
        } else {
            None
        };
        let card = card::read(&form.number, &form.expiry, &form.cvc, offer.now);
        match (card, email_problem) {
            (Ok(card), None) => {
                let email = offer.asks_email.then_some(form.email.trim());
                let how = self.sandbox.pay(&offer.id, card, email).await?;
                Ok(self.outcome(offer, form, &how))
            }
            (card, email_problem) => {
                let problems = card.err().unwrap_or_default();
                Ok(self.card_page(
                    StatusCode::UNPROCESSABLE_ENTITY,
                    offer,
                    form,
                    &problems,
                    email_problem,
                ))
            }
        }
    }

    /// What a buyer sees after trying to pay.
    fn outcome(&self, offer: &Offer, form: &Form, how: &Paying) -> Response {
        match how {
            Paying::Paid | Paying::AlreadyPaid => match &offer.success_url {
                Some(success) => see_other(success),
                None => see_other(&self.address(offer, "")),
            },
            Paying::Confirm => see_other(&self.address(offer, "/confirm")),
            Paying::Declined => {
                let problems = CardProblems {
                    number: Some(match self.step {
                        Step::Confirm => {
                            "The payment was not confirmed. Try again or use another card."
                        }
                        Step::Pay | Step::Cancel => "This card was declined. Use another card.",
                    }),
                    ..CardProblems::default()
                };
                self.card_page(StatusCode::PAYMENT_REQUIRED, offer, form, &problems, None)
            }
            Paying::Closed | Paying::Unknown => self.message(
                StatusCode::GONE,
                "Closed",
                "This can no longer be paid. Nothing was charged.",
            ),
        }
    }

    fn card_page(
        &self,
        status: StatusCode,
        offer: &Offer,
        form: &Form,
        problems: &CardProblems,
        email_problem: Option<&'static str>,
    ) -> Response {
        let base = &self.sandbox.inner.base_path;
        let token = self.token(offer);
        let page = view::card(base, offer, form, problems, email_problem, &token);
        html(status, &page, offer.return_origin.as_deref())
    }

    fn settled(&self, offer: &Offer) -> Response {
        let status = match offer.standing {
            Standing::Closed(_) => StatusCode::GONE,
            Standing::Open | Standing::Confirming | Standing::Paid => StatusCode::OK,
        };
        let page = view::settled(&self.sandbox.inner.base_path, offer);
        html(status, &page, None)
    }

    fn message(&self, status: StatusCode, title: &str, text: &str) -> Response {
        let page = view::message(&self.sandbox.inner.base_path, title, text);
        html(status, &page, None)
    }

    fn token(&self, offer: &Offer) -> String {
        self.sandbox.inner.keys.form_token(&offer.id)
    }

    fn address(&self, offer: &Offer, step: &str) -> String {
        view::address(&self.sandbox.inner.base_path, offer, step)
    }
}

/// A redirect after which the browser asks with GET.
fn see_other(to: &str) -> Response {
    match HeaderValue::from_str(to) {
        Ok(to) => Response::builder()
            .status(StatusCode::SEE_OTHER)
            .header(header::LOCATION, to)
            .header(header::CACHE_CONTROL, "no-store")
            .finish(),
        Err(_unsendable) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// A page under its own strict policy; `return_origin` is where its form may lead.
fn html(status: StatusCode, page: &Markup, return_origin: Option<&str>) -> Response {
    let policy = format!(
        "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; \
         form-action 'self' {}",
        return_origin.unwrap_or_default()
    );
    Response::builder()
        .status(status)
        .content_type("text/html; charset=utf-8")
        .header(header::CONTENT_SECURITY_POLICY, policy.trim_end())
        .header(header::CACHE_CONTROL, "no-store")
        .header(header::REFERRER_POLICY, "no-referrer")
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        .body(page.0.clone())
}

fn style() -> Response {
    Response::builder()
        .content_type("text/css; charset=utf-8")
        .header(header::CACHE_CONTROL, STYLE_CACHE)
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        .body(STYLE)
}
