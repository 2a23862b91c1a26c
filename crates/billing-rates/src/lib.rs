//! What a bitcoin costs: several public sources behind one port, in an order that
//! the operator chooses, with pins that win over all of them.
//!
//! Knows the answers of the sources and how far to believe them. Knows nothing of
//! invoices, of the provider that is paid by a rate, or of the wall clock: `now` is
//! given.
//!
//! What happens when a rate is asked for:
//!
//! 1. A pin of the currency is the answer.
//! 2. A rate that is younger than [`KEPT`] is the answer again.
//! 3. The sources are asked one after the other, each for [`TIME_LIMIT`] at most.
//!    The first answer that can be believed is the rate.
//! 4. Where none can, the error names every source and what was wrong with it.
//!
//! An answer is not believed when it is of another pair, no number, zero or below,
//! or ten times off the last rate of that currency. The last is believed after all
//! when a second source says nearly the same: then it was the world that moved.
//!
//! Where there is no last rate, none of the settings' and none of the last 30 days, the
//! first answer needs another source's that is nearly the same. A source that is the
//! only one of the settings has to be believed.

mod ask;
mod options;
mod price;
mod rates;
mod source;

pub use options::{BtcPayStore, OptionsError, RatesOptions};
pub use price::PriceError;
pub use rates::Rates;
pub use source::{Source, UnknownSource};

use std::time::Duration;

use jiff::SignedDuration;

/// How long a rate is used again. Prices of a minute ago are what checkouts show
/// everywhere, and public sources count calls by the minute.
pub const KEPT: SignedDuration = SignedDuration::from_secs(60);

/// How long one source may take. A buyer waits for the rate, and four sources in a
/// row must not take longer than a browser does.
pub const TIME_LIMIT: Duration = Duration::from_secs(8);
