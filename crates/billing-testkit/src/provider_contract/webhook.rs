//! `decode`: verified over the exact bytes before any of them is read.

use billing_domain::time::{Timestamp, shifted};
use billing_ports::delivery::{Delivery, Reading};
use billing_ports::{DecodeError, WebhookRequest};
use bytes::Bytes;
use jiff::SignedDuration;

use super::ProviderRig;
use super::perform::assert_linked;

/// A step over the edge of a tolerance that is counted in seconds.
const STEP: SignedDuration = SignedDuration::from_secs(1);

/// "Verifies and reads in one step": the account, an event id of its own for
/// every event and the same for a repetition, the exact bytes, and facts that
/// are tied to a customer.
pub fn a_genuine_webhook_tells_its_facts(rig: &impl ProviderRig) {
    let request = rig.webhook(rig.now());
    let delivery = genuine(rig, &request);
    assert_eq!(delivery.account, *rig.provider().account());
    assert_eq!(delivery.account, *rig.decoder().account());
    assert_eq!(delivery.body, request.body, "the exact bytes");
    assert!(!delivery.kind.is_empty() && !delivery.event_id.is_empty());
    match &delivery.reading {
        Reading::Facts(facts) => {
            assert!(!facts.is_empty(), "it tells a fact");
            facts.iter().for_each(assert_linked);
        }
        Reading::Unreadable { why, .. } => panic!("it can be read: {why}"),
    }
    assert_eq!(genuine(rig, &request).event_id, delivery.event_id);
    let another = genuine(rig, &rig.webhook(rig.now()));
    assert_ne!(another.event_id, delivery.event_id, "another event");
}

/// "Accept every configured secret (rotation)."
pub fn every_configured_secret_is_accepted(rig: &impl ProviderRig) {
    genuine(rig, &rig.webhook(rig.now()));
    genuine(rig, &rig.webhook_under_other_secret(rig.now()));
}

/// "MUST verify the signature over the exact bytes before reading any of them":
/// a changed byte, a changed signature, none, an empty one, and another body's
/// are all refused, whether or not they could be read.
pub fn what_was_tampered_with_is_refused(rig: &impl ProviderRig) {
    let request = rig.webhook(rig.now());
    let other = rig.webhook(rig.now());
    let unreadable = rig.unreadable_webhook(rig.now());
    let with_body = |body: Vec<u8>| WebhookRequest {
        body: Bytes::from(body),
        ..request.clone()
    };
    let mut longer = request.body.to_vec();
    longer.push(b' ');
    let mut shorter = request.body.to_vec();
    shorter.pop();
    for forged in [
        with_body(longer),
        with_body(shorter),
        with_body(Vec::new()),
        with_body(other.body.to_vec()),
        with_body(unreadable.body.to_vec()),
        signed_as(rig, &request, None),
        signed_as(rig, &request, Some("")),
        signed_as(rig, &request, Some("\u{fc}")),
        signed_as(rig, &request, Some(&altered(rig, &request))),
        signed_as(rig, &unreadable, Some(&altered(rig, &unreadable))),
    ] {
        let headers = &forged.headers;
        let decoded = rig.decoder().decode(&forged, rig.now());
        assert_eq!(decoded, Err(DecodeError), "{headers:?}");
    }
}

/// "MUST refuse a signature too old or in the future by its own limit." A
/// provider whose signatures carry no time accepts any.
pub fn a_webhook_too_old_or_too_early_is_refused(rig: &impl ProviderRig) {
    let decode = |signed: Timestamp| rig.decoder().decode(&rig.webhook(signed), rig.now());
    let Some(tolerance) = rig.tolerance() else {
        let year = billing_domain::time::days(365);
        assert!(
            decode(shifted(rig.now(), -year)).is_ok(),
            "no time is signed"
        );
        return;
    };
    let within = tolerance.saturating_sub(STEP);
    let beyond = tolerance.saturating_add(STEP);
    for (distance, accepted) in [
        (within, true),
        (-within, true),
        (beyond, false),
        (-beyond, false),
    ] {
        let decoded = decode(shifted(rig.now(), distance));
        assert_eq!(decoded.is_ok(), accepted, "signed {distance} from now");
    }
}

/// "A genuine event of unknown kind MUST be accepted with no facts."
pub fn a_genuine_webhook_of_unknown_kind_is_accepted(rig: &impl ProviderRig) {
    let delivery = genuine(rig, &rig.webhook_of_unknown_kind(rig.now()));
    assert_eq!(delivery.reading, Reading::Facts(Vec::new()));
    assert!(!delivery.event_id.is_empty());
}

/// "One that cannot be read MUST be accepted as unreadable", with its bytes,
/// under an event id that its repetition shares.
pub fn a_genuine_webhook_that_cannot_be_read_is_accepted(rig: &impl ProviderRig) {
    let request = rig.unreadable_webhook(rig.now());
    let delivery = genuine(rig, &request);
    let unreadable = matches!(delivery.reading, Reading::Unreadable { .. });
    assert!(unreadable, "{:?}", delivery.reading);
    assert_eq!(delivery.body, request.body, "never lost");
    assert!(!delivery.event_id.is_empty());
    assert_eq!(genuine(rig, &request).event_id, delivery.event_id);
}

fn genuine(rig: &impl ProviderRig, request: &WebhookRequest) -> Delivery {
    let decoded = rig.decoder().decode(request, rig.now());
    decoded.expect("a genuine webhook is believed")
}

/// The request with another signature, or with none.
fn signed_as(
    rig: &impl ProviderRig,
    request: &WebhookRequest,
    signature: Option<&str>,
) -> WebhookRequest {
    let mut forged = request.clone();
    forged
        .headers
        .retain(|(name, _)| name != rig.signature_header());
    if let Some(signature) = signature {
        let name = rig.signature_header().to_owned();
        forged.headers.push((name, signature.to_owned()));
    }
    forged
}

/// The request's signature with its last character changed.
fn altered(rig: &impl ProviderRig, request: &WebhookRequest) -> String {
    let mut signature = request
        .header(rig.signature_header())
        .expect("a genuine webhook is signed")
        .to_owned();
    let last = signature.pop();
    signature.push(if last == Some('0') { '1' } else { '0' });
    signature
}
