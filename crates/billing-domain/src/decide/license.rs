//! Licenses follow what they show: issued with the subscription, the same for
//! life, good for longer with every renewal, of another tier with every change, and
//! revoked with the purchase that is undone.

use crate::decision::Draft;
use crate::ids::SubscriptionId;
use crate::journal::Event;
use crate::license::License;
use crate::terms::Terms;

/// Issues the license of a subscription whose plan gives one and that has none.
pub(super) fn issue(draft: &mut Draft, id: SubscriptionId) {
    let gives = draft
        .account
        .subscription(id)
        .is_some_and(|held| held.terms.license.is_some());
    if !gives || draft.account.license_of(id).is_some() {
        return;
    }
    let license = License {
        id: draft.id(),
        subscription: id,
        serial: 1,
        revoked_at: None,
        issued_at: draft.now(),
    };
    told(draft, license, Event::LicenseIssued);
}

/// What it shows is good for longer.
pub(super) fn extend(draft: &mut Draft, id: SubscriptionId) {
    again(draft, id, Event::LicenseReissued);
}

/// What it shows is another plan, or another quantity of it.
pub(super) fn follow_terms(draft: &mut Draft, id: SubscriptionId, before: &Terms) {
    issue_if_first(draft, id, before);
    let changed = draft.account.subscription(id).is_some_and(|held| {
        held.terms.plan != before.plan || held.terms.quantity != before.quantity
    });
    if changed && before.license.is_some() {
        again(draft, id, Event::LicenseTierChanged);
    }
}

/// It is no longer good, and never will be: what was paid went back.
pub(super) fn revoke(draft: &mut Draft, id: SubscriptionId) {
    let good = draft.account.license_of(id).cloned();
    let Some(license) = good.filter(|license| license.revoked_at.is_none()) else {
        return;
    };
    let revoked = License {
        serial: license.serial.saturating_add(1),
        revoked_at: Some(draft.now()),
        ..license
    };
    told(draft, revoked, Event::LicenseRevoked);
}

fn issue_if_first(draft: &mut Draft, id: SubscriptionId, before: &Terms) {
    if before.license.is_none() {
        issue(draft, id);
    }
}

fn again(draft: &mut Draft, id: SubscriptionId, event: Event) {
    let license = draft.account.license_of(id).cloned();
    let Some(license) = license.filter(|license| license.revoked_at.is_none()) else {
        return;
    };
    let serial = license.serial.saturating_add(1);
    told(draft, License { serial, ..license }, event);
}

fn told(draft: &mut Draft, license: License, event: Event) {
    let (id, subscription) = (license.id, license.subscription);
    draft.account.put_license(license);
    draft.note(event, |entry| {
        entry.license = Some(id);
        entry.subscription = Some(subscription);
    });
}
