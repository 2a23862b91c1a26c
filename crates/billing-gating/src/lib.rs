//! Gating for host applications: a feature that a page, an API route or a message handler
//! needs, and what whoever lacks it is answered.
//!
//! A [`Feature`] says what is needed. From it come a [`Gate`] for pages, which leads to the
//! plans page, and one for APIs, which refuses with a problem; both are middleware for poem
//! (feature `poem`, module `poem`) and layers for tower (feature `tower`, module `tower`).
//! Handlers of messages ask [`Feature::when_allowed`].
//!
//! Who the caller is the host's login says: it puts a [`CustomerRef`] into the request's
//! extensions. Knows no rule: whether something may be used is the engine's to say.

mod feature;
mod gate;
mod refusal;

#[cfg(feature = "poem")]
mod poem;
#[cfg(feature = "tower")]
mod tower;

pub use billing_engine::CustomerRef;

#[cfg(feature = "poem")]
pub use self::poem::GatedEndpoint;
#[cfg(feature = "tower")]
pub use self::tower::GatedService;
pub use feature::Feature;
pub use gate::{Allowance, Gate};
