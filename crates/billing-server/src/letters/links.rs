//! Letters with a link that opens something: one that was asked for, or that is due to a guest.
//! Knows neither how a link is made nor who may have one.

use billing_ports::Mail;

use super::kind::Letter;
use super::language::Language;
use super::template::{Values, shortened};
use super::templates::Templates;

/// How letters with links are worded.
#[derive(Debug)]
pub(crate) struct LinkLetters {
    /// What they say.
    pub(crate) templates: Templates,
    /// The language of whoever says none, or is not known yet.
    pub(crate) language: Language,
}

/// A link that is mailed.
pub(crate) struct Linked<'a> {
    /// The mail's id: the link's own.
    pub(crate) id: String,
    /// The address that it goes to.
    pub(crate) to: String,
    /// The tag of the reader's language. `None`: none is known.
    pub(crate) lang: Option<&'a str>,
    /// Of what. `None`: no catalog is in force.
    pub(crate) product: Option<&'a str>,
    /// The link itself.
    pub(crate) link: String,
    /// How long it can be opened.
    pub(crate) lasts: Lasts,
}

/// How long a link can be opened; which letter it is mailed in.
pub(crate) enum Lasts {
    /// Minutes: one to somebody's billing.
    Minutes(i128),
    /// Days: one by which what a guest bought becomes one's own.
    Days(i64),
}

impl LinkLetters {
    /// The letter with a link. `None`: there is no template of it.
    pub(crate) fn write(&self, linked: Linked<'_>) -> Option<Mail> {
        let spoken = linked.lang.and_then(Language::from_tag);
        let language = spoken.unwrap_or(self.language);
        let product = linked.product.unwrap_or(language.our_shop());
        let (letter, lasts) = match linked.lasts {
            Lasts::Minutes(minutes) => (Letter::SignIn, ("minutes", minutes.to_string())),
            Lasts::Days(days) => (Letter::Claim, ("days", days.to_string())),
        };
        let values = Values::from([
            ("product", shortened(product)),
            ("link", linked.link),
            lasts,
        ]);
        let written = self.templates.write(letter, language, &values)?;
        Some(Mail {
            id: linked.id,
            to: linked.to,
            subject: written.subject,
            text: written.text,
            html: Some(written.html),
        })
    }
}

impl Default for LinkLetters {
    fn default() -> Self {
        Self {
            templates: Templates::shipped(),
            language: Language::English,
        }
    }
}
