//! Who looks whether a page holds the longest names: a walk past it, to whose end it belongs
//! that every page was held which the table of looks gives it.

/// A walk past pages with names of the longest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Walk {
    /// From the prices to the renewal.
    Buyer,
    /// Where Paddle's checkout opens.
    Paddle,
    /// Through the portal.
    Portal,
    /// Through the dashboard.
    Dashboard,
}

/// Whether a page is looked at with names of the longest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Held {
    /// On this walk.
    By(Walk),
    /// It is another look of the same page, which is.
    As(&'static str),
    /// It shows no name, for this reason.
    Nothing(&'static str),
}
