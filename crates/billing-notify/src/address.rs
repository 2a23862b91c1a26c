//! Where events may be posted, as far as an address says by itself. What its name leads to is
//! judged when it is dialed, each time.

use billing_http::Reach;
use url::Url;

/// Longest address, in bytes: what every server takes in a request's first line.
pub const MAX_ADDRESS: usize = 2_048;

/// Why nothing is posted to an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It is none.
    #[error("must be an address such as https://app.example.com/webhooks")]
    Unreadable,
    /// It is longer than [`MAX_ADDRESS`].
    #[error("must have at most {MAX_ADDRESS} bytes")]
    TooLong,
    /// Anybody on the way could read it, or it is no address of the web at all.
    #[error("must begin with https://")]
    Scheme,
    /// It holds a user, a password or a fragment.
    #[error("must have no user, password or fragment")]
    Extra,
    /// It is a number that is not of the public internet.
    #[error("must be on the public internet")]
    NotPublic,
}

/// The address, if events may be posted there.
///
/// # Errors
///
/// [`AddressError`], the first thing that is wrong with it.
pub(crate) fn address(text: &str, reach: Reach) -> Result<Url, AddressError> {
    if text.len() > MAX_ADDRESS {
        return Err(AddressError::TooLong);
    }
    let url = Url::parse(text).map_err(|_unreadable| AddressError::Unreadable)?;
    let scheme = match url.scheme() {
        "https" => true,
        // Nobody is in between on a network of one's own.
        "http" => reach == Reach::Anybody,
        _ => false,
    };
    if !scheme {
        return Err(AddressError::Scheme);
    }
    let user = !url.username().is_empty() || url.password().is_some();
    if user || url.fragment().is_some() {
        return Err(AddressError::Extra);
    }
    if !reach.allows(&url) {
        return Err(AddressError::NotPublic);
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_public_web_is_posted_to() {
        use AddressError::{Extra, NotPublic, Scheme, TooLong, Unreadable};
        let long = format!("https://app.example.com/{}", "a".repeat(MAX_ADDRESS));
        for (text, wrong) in [
            ("https://app.example.com/hooks?token=1", None),
            ("https://8.8.8.8:8443/", None),
            ("", Some(Unreadable)),
            ("app.example.com", Some(Unreadable)),
            ("https://", Some(Unreadable)),
            ("http://app.example.com/", Some(Scheme)),
            ("file:///etc/passwd", Some(Scheme)),
            ("gopher://app.example.com/", Some(Scheme)),
            ("data:text/plain,hello", Some(Scheme)),
            ("https://ana:secret@app.example.com/", Some(Extra)),
            ("https://ana@app.example.com/", Some(Extra)),
            ("https://app.example.com/#part", Some(Extra)),
            ("https://127.0.0.1/", Some(NotPublic)),
            ("https://2130706433/", Some(NotPublic)),
            ("https://0x7f.1/", Some(NotPublic)),
            ("https://[::1]/", Some(NotPublic)),
            ("https://[::ffff:10.0.0.1]/", Some(NotPublic)),
            ("https://169.254.169.254/latest/meta-data", Some(NotPublic)),
            ("https://10.0.0.1/", Some(NotPublic)),
            (&long, Some(TooLong)),
        ] {
            assert_eq!(address(text, Reach::Public).err(), wrong, "{text}");
        }
    }

    #[test]
    fn on_a_network_of_ones_own_any_address_of_the_web_will_do() {
        for text in ["http://127.0.0.1:3000/hooks", "http://app.internal/"] {
            assert!(address(text, Reach::Anybody).is_ok(), "{text}");
        }
        for text in ["file:///etc/passwd", "http://ana:secret@app.internal/"] {
            assert!(address(text, Reach::Anybody).is_err(), "{text}");
        }
    }
}
