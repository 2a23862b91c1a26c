//! The letters that there are, by name, and what may stand in each.

use billing_domain::journal::Event;

/// What letters are written about.
const ABOUT: [(Event, Letter); 10] = [
    (Event::SubscriptionRenewalDue, Letter::RenewalDue),
    (Event::SubscriptionGraceEnding, Letter::RenewalEnding),
    (Event::SubscriptionTrialEnding, Letter::TrialEnding),
    (Event::GrantTrialEnding, Letter::TrialEnding),
    (Event::InvoicePaymentFailed, Letter::PaymentFailed),
    (Event::SubscriptionRenewalFailed, Letter::PaymentFailed),
    (Event::PriceChangeUpcoming, Letter::PriceChange),
    (Event::LicenseIssued, Letter::License),
    (Event::LicenseIssued, Letter::LicenseKey),
    (Event::InvoiceSettled, Letter::Receipt),
];

/// A letter to a customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Letter {
    /// A renewal that nobody charges is due soon.
    RenewalDue,
    /// It was due, and its grace ends soon.
    RenewalEnding,
    /// A trial ends soon.
    TrialEnding,
    /// A payment was refused.
    PaymentFailed,
    /// A dearer price is to come.
    PriceChange,
    /// A license was issued; where its key is to be had.
    License,
    /// A license was issued, with its key: in the place of [`Letter::License`].
    LicenseKey,
    /// An invoice was paid.
    Receipt,
    /// The link to one's billing that somebody asked for.
    SignIn,
    /// The link by which what a guest bought becomes the mailbox's owner's.
    Claim,
}

impl Letter {
    /// Every letter.
    pub const ALL: [Self; 10] = [
        Self::RenewalDue,
        Self::RenewalEnding,
        Self::TrialEnding,
        Self::PaymentFailed,
        Self::PriceChange,
        Self::License,
        Self::LicenseKey,
        Self::Receipt,
        Self::SignIn,
        Self::Claim,
    ];

    /// Those with a link that is a secret. They are written whenever one is asked for, or is
    /// due to a guest; nobody chooses them.
    pub const LINKS: [Self; 2] = [Self::SignIn, Self::Claim];

    /// Those that call a renewal to mind.
    pub const REMINDERS: [Self; 2] = [Self::RenewalDue, Self::RenewalEnding];

    /// The name, as in settings and in the names of templates.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RenewalDue => "renewal_due",
            Self::RenewalEnding => "renewal_ending",
            Self::TrialEnding => "trial_ending",
            Self::PaymentFailed => "payment_failed",
            Self::PriceChange => "price_change",
            Self::License => "license",
            Self::LicenseKey => "license_key",
            Self::Receipt => "receipt",
            Self::SignIn => "sign_in",
            Self::Claim => "claim",
        }
    }

    /// The letter of that name. `None`: there is none.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|letter| letter.as_str() == word)
    }

    /// The letters that may be written when this happens.
    pub(super) fn about(event: Event) -> impl Iterator<Item = Self> {
        let about = ABOUT.into_iter().filter(move |(told, _)| *told == event);
        about.map(|(_, letter)| letter)
    }

    /// What may stand in it.
    #[must_use]
    pub const fn placeholders(self) -> &'static [&'static str] {
        match self {
            Self::RenewalDue | Self::RenewalEnding => &[
                "product", "plan", "link", "amount", "due", "due_day", "ends", "ends_day",
            ],
            Self::TrialEnding => &["product", "plan", "link", "ends", "ends_day"],
            Self::PaymentFailed => &["product", "plan", "link", "amount"],
            Self::PriceChange => &["product", "plan", "link", "amount", "from", "from_day"],
            Self::License => &["product", "plan", "link"],
            Self::LicenseKey => &["product", "plan", "link", "key"],
            Self::Receipt => &[
                "product", "plan", "link", "amount", "paid", "paid_day", "invoice",
            ],
            Self::SignIn => &["product", "link", "minutes"],
            Self::Claim => &["product", "link", "days"],
        }
    }

    /// Whether it asks for money, at its link.
    pub(super) const fn asks(self) -> bool {
        matches!(
            self,
            Self::RenewalDue | Self::RenewalEnding | Self::PaymentFailed
        )
    }

    /// What of that is a secret, and stands nowhere but in the letter itself: a subject is seen
    /// over one's shoulder.
    pub(super) const fn secret(self) -> Option<&'static str> {
        match self {
            Self::LicenseKey => Some("key"),
            Self::SignIn | Self::Claim => Some("link"),
            Self::RenewalDue
            | Self::RenewalEnding
            | Self::TrialEnding
            | Self::PaymentFailed
            | Self::PriceChange
            | Self::License
            | Self::Receipt => None,
        }
    }
}
