//! Why a change is not quoted, not accepted or not made, each with its stable code.

use billing_engine::{
    ChangeError, PauseError, PauseRefusal, QuoteError, QuoteRefusal, UncancelError, UncancelRefusal,
};
use poem::http::StatusCode;

use crate::problem::Problem;

/// A provider's code for a card that is not charged.
const DECLINED: &str = "card_declined";

impl From<QuoteRefusal> for Problem {
    fn from(refusal: QuoteRefusal) -> Self {
        let status = match refusal {
            QuoteRefusal::NoSubscription => return Self::not_found(),
            QuoteRefusal::NotActive(_)
            | QuoteRefusal::InvoiceOpen
            | QuoteRefusal::MoneyOnItsWay
            | QuoteRefusal::PaymentReturned
            | QuoteRefusal::ChangePaid
            | QuoteRefusal::CancellationPending => StatusCode::CONFLICT,
            QuoteRefusal::Forbidden(_) => StatusCode::FORBIDDEN,
            QuoteRefusal::UnknownTarget
            | QuoteRefusal::Retired
            | QuoteRefusal::Unranked
            | QuoteRefusal::NothingChanges
            | QuoteRefusal::Quantity
            | QuoteRefusal::MixedChange
            | QuoteRefusal::CurrencyDiffers
            | QuoteRefusal::IsPurchase
            | QuoteRefusal::AlreadyGranted
            | QuoteRefusal::NothingToCollect
            | QuoteRefusal::NothingRecurs
            | QuoteRefusal::PauseUnsupported
            | QuoteRefusal::ChargedThere
            | QuoteRefusal::DifferenceNotTaken
            | QuoteRefusal::NotSoldThere
            | QuoteRefusal::Money(_) => StatusCode::UNPROCESSABLE_ENTITY,
        };
        Self::new(status, refusal.code(), refusal.to_string())
    }
}

impl From<QuoteError> for Problem {
    fn from(error: QuoteError) -> Self {
        match error {
            QuoteError::Refused(refusal) => refusal.into(),
            QuoteError::ProviderRefused(code) => provider_refused(code),
            QuoteError::Provider => provider_error(),
            QuoteError::Engine(error) => error.into(),
        }
    }
}

impl From<ChangeError> for Problem {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::NotFound => Self::not_found(),
            ChangeError::Expired => Self::new(
                StatusCode::GONE,
                "quote_expired",
                "the quote has expired; ask for another",
            ),
            ChangeError::Stale => Self::new(
                StatusCode::CONFLICT,
                "quote_stale",
                "what the quote was priced from has changed; ask for another",
            ),
            ChangeError::Refused(refusal) => refusal.into(),
            ChangeError::NotOpen(state) => {
                let detail = format!("the change is {} already", state.as_str());
                Self::new(StatusCode::CONFLICT, "illegal_transition", detail)
            }
            ChangeError::ProviderRefused(code) => provider_refused(code),
            ChangeError::Provider => provider_error(),
            ChangeError::Engine(error) => error.into(),
        }
    }
}

impl From<PauseError> for Problem {
    /// As their quotes are refused.
    fn from(error: PauseError) -> Self {
        match error {
            PauseError::Refused(PauseRefusal::NotFound) => Self::not_found(),
            PauseError::Refused(PauseRefusal::Illegal(illegal)) => {
                QuoteRefusal::NotActive(illegal.from).into()
            }
            PauseError::Refused(PauseRefusal::NothingRecurs) => QuoteRefusal::NothingRecurs.into(),
            PauseError::Refused(PauseRefusal::MoneyOnItsWay) => QuoteRefusal::MoneyOnItsWay.into(),
            PauseError::Unsupported => QuoteRefusal::PauseUnsupported.into(),
            PauseError::Engine(error) => error.into(),
        }
    }
}

impl From<UncancelError> for Problem {
    fn from(error: UncancelError) -> Self {
        match error {
            UncancelError::Refused(UncancelRefusal::NotFound) => Self::not_found(),
            UncancelError::Refused(refusal @ UncancelRefusal::Ended(_)) => Self::new(
                StatusCode::CONFLICT,
                "illegal_transition",
                refusal.to_string(),
            ),
            UncancelError::Refused(UncancelRefusal::NothingRecurs) => {
                QuoteRefusal::NothingRecurs.into()
            }
            UncancelError::ProviderRefused(code) => provider_refused(code),
            UncancelError::Engine(error) => error.into(),
        }
    }
}

fn provider_refused(code: String) -> Problem {
    let problem = if code == DECLINED {
        Problem::new(
            StatusCode::PAYMENT_REQUIRED,
            "payment_required",
            "the provider does not charge the card that it knows, and nothing was changed",
        )
    } else {
        Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "provider_refused",
            "the payment provider refuses the change, and nothing was changed",
        )
    };
    problem.with("provider_code", code)
}

fn provider_error() -> Problem {
    Problem::new(
        StatusCode::BAD_GATEWAY,
        "provider_error",
        "the payment provider did not answer; try again",
    )
}
