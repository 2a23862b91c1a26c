//! The three headers of Standard Webhooks. Knows no receiver and no clock.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use billing_domain::ids::DeliveryId;
use billing_domain::time::Timestamp;
use billing_ports::store::{Endpoint, EndpointSecret};
use ring::hmac;

/// What a delivery is sent with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Signed {
    /// `webhook-id`: the delivery, the same each time that it is sent.
    pub(crate) id: String,
    /// `webhook-timestamp`: this try, in seconds.
    pub(crate) timestamp: String,
    /// `webhook-signature`: one for each secret that counts.
    pub(crate) signature: String,
}

/// Signs `body` at `now` with the receiver's secret, and with the one before for as long as
/// that counts.
pub(crate) fn sign(endpoint: &Endpoint, id: DeliveryId, body: &str, now: Timestamp) -> Signed {
    let (id, timestamp) = (id.to_string(), now.as_second().to_string());
    let message = format!("{id}.{timestamp}.{body}");
    let old = endpoint.old_secret.filter(|(_, until)| now < *until);
    let secrets = std::iter::once(endpoint.secret).chain(old.map(|(secret, _)| secret));
    let signatures: Vec<String> = secrets.map(|secret| signature(&secret, &message)).collect();
    Signed {
        id,
        timestamp,
        signature: signatures.join(" "),
    }
}

fn signature(secret: &EndpointSecret, message: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &secret.0);
    format!(
        "v1,{}",
        STANDARD.encode(hmac::sign(&key, message.as_bytes()))
    )
}

#[cfg(test)]
mod tests {
    use billing_domain::time::shifted;
    use http::HeaderMap;
    use jiff::SignedDuration;
    use standardwebhooks::Webhook;

    use super::*;
    use crate::secret::shown;

    const BODY: &str = r#"{"type":"invoice.settled"}"#;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn endpoint(old: Option<(EndpointSecret, Timestamp)>) -> Endpoint {
        Endpoint {
            id: uuid::Uuid::from_u128(1).into(),
            url: "https://app.example.com/".to_owned(),
            events: Vec::new(),
            secret: EndpointSecret([7; 32]),
            old_secret: old,
            failing_since: None,
            disabled: None,
            created_at: at(0),
        }
    }

    /// Whether the official library takes it, with this secret.
    fn is_genuine(signed: &Signed, body: &str, secret: [u8; 32]) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert("webhook-id", signed.id.parse().unwrap());
        headers.insert("webhook-timestamp", signed.timestamp.parse().unwrap());
        headers.insert("webhook-signature", signed.signature.parse().unwrap());
        let library = Webhook::new(&shown(&EndpointSecret(secret))).unwrap();
        library.verify(body.as_bytes(), &headers).is_ok()
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the library goes by the real clock, and takes nothing that is old"
    )]
    fn now() -> Timestamp {
        Timestamp::now()
    }

    #[test]
    fn the_official_library_takes_what_is_signed_and_nothing_else() {
        let id = uuid::Uuid::from_u128(2).into();
        let signed = sign(&endpoint(None), id, BODY, now());
        assert!(is_genuine(&signed, BODY, [7; 32]));
        assert!(!is_genuine(&signed, BODY, [8; 32]));
        assert!(!is_genuine(&signed, "{}", [7; 32]));
        let signed = sign(&endpoint(None), id, BODY, at(1_000));
        assert_eq!(signed.timestamp, "1000");
        assert_eq!(signed.id, id.to_string());
        let library = Webhook::new(&shown(&EndpointSecret([7; 32]))).unwrap();
        let theirs = library.sign(&signed.id, 1_000, BODY.as_bytes()).unwrap();
        assert_eq!(theirs, signed.signature);
    }

    #[test]
    fn the_secret_before_signs_until_its_time_is_over() {
        let id = uuid::Uuid::from_u128(2).into();
        let now = now();
        let later = shifted(now, SignedDuration::from_secs(1));
        let within = sign(
            &endpoint(Some((EndpointSecret([6; 32]), later))),
            id,
            BODY,
            now,
        );
        assert_eq!(within.signature.split(' ').count(), 2);
        assert!(is_genuine(&within, BODY, [6; 32]));
        assert!(is_genuine(&within, BODY, [7; 32]));
        let after = sign(
            &endpoint(Some((EndpointSecret([6; 32]), now))),
            id,
            BODY,
            now,
        );
        assert!(!is_genuine(&after, BODY, [6; 32]));
        assert!(is_genuine(&after, BODY, [7; 32]));
    }
}
