//! What a provider tells ends in the same state, in whatever order it comes, how
//! often, and whether it comes at all: through the real adapters, over the fakes.
//!
//! Each set of events happens once, at a fake. It is then told to fresh engines in
//! every order (long sets: in a thousand orders that a seed names). Each object that an
//! engine asks for is answered as it stood in the middle, until something is told that
//! happened after that, and as it stands at the end then.

mod canned;
mod engine;
mod fake;
mod orders;
mod scene;
mod set;
mod state;

use crate::rig::StoreKind;
use fake::{Kind, Telling};
use orders::{Order, Orders};
use scene::Scene;
use set::Set;
use state::State;

/// Orders that are told to the stores that keep data: enough for both ends, and a
/// few between.
const HANDFUL: usize = 4;

async fn converges(kind: Kind, set: Set, telling: Telling) {
    let scene = Scene::record(kind, set, telling).await;
    let expected = scene
        .told(StoreKind::Memory, &Order::as_it_was(scene.len()))
        .await;
    set.expect(kind, &expected);
    let mut count = 0_usize;
    for order in Orders::of(scene.len()) {
        let end = scene.told(StoreKind::Memory, &order).await;
        end.must_be(&expected, || {
            format!("{order:?} of {:?}", scene.named(&order))
        });
        count += 1;
    }
    println!(
        "{kind:?} {set:?} {telling:?}: {} events, {count} orders",
        scene.len()
    );
    converges_unheard(&scene, (kind, set), StoreKind::Memory, &expected).await;
}

/// The same where every event was lost, and where nobody tells it again.
async fn converges_unheard(
    scene: &Scene,
    (kind, set): (Kind, Set),
    store: StoreKind,
    expected: &State,
) {
    let lost = scene.lost(store).await;
    if set.outlives_events(kind) {
        lost.is_charged_as(expected);
    } else {
        lost.must_be(expected, || format!("{store:?}: every event was lost"));
    }
    if set.is_coded() {
        let forgotten = scene.forgotten(store).await;
        forgotten.is_charged_as(expected);
    }
}

async fn converges_where_data_is_kept(kind: Kind, set: Set, telling: Telling) {
    let scene = Scene::record(kind, set, telling).await;
    let expected = scene
        .told(StoreKind::Memory, &Order::as_it_was(scene.len()))
        .await;
    for store in [StoreKind::Sqlite, StoreKind::Postgres] {
        if store.is_skipped() {
            continue;
        }
        for order in Orders::handful(scene.len(), HANDFUL) {
            let end = scene.told(store, &order).await;
            assert_eq!(
                end,
                expected,
                "{store:?}: {order:?} of {:#?}",
                scene.named(&order)
            );
        }
        converges_unheard(&scene, (kind, set), store, &expected).await;
    }
}

/// A test of each set for each way of telling.
macro_rules! sets {
    ($kind:expr, $($telling:ident => $as:expr),*) => {$(
        mod $telling {
            use super::super::*;

            #[tokio::test]
            async fn a_purchase() {
                converges($kind, Set::Purchase, $as).await;
            }

            #[tokio::test]
            async fn an_upgrade() {
                converges($kind, Set::Upgrade, $as).await;
            }

            #[tokio::test]
            async fn a_renewal_that_failed_and_was_recovered() {
                converges($kind, Set::Recovery, $as).await;
            }

            #[tokio::test]
            async fn a_cancellation() {
                converges($kind, Set::Cancellation, $as).await;
            }

            #[tokio::test]
            async fn a_sale_by_hand() {
                converges($kind, Set::HandSale, $as).await;
            }

            #[tokio::test]
            async fn a_purchase_with_a_code_and_its_renewals() {
                converges($kind, Set::Coded, $as).await;
            }
        }
    )*};
}

mod stripe {
    sets!(Kind::Stripe,
        in_one_second => Telling::Colliding,
        in_seconds_of_their_own => Telling::Plain,
        in_an_old_version => Telling::Old);

    use super::*;

    #[tokio::test]
    async fn a_trial_with_a_code_and_its_renewals() {
        converges(Kind::Stripe, Set::CodedTrial, Telling::Colliding).await;
    }
}

mod paddle {
    sets!(Kind::Paddle,
        in_one_microsecond => Telling::Colliding,
        in_instants_of_their_own => Telling::Plain);
}

#[tokio::test]
async fn stripe_where_data_is_kept() {
    for set in Set::ALL.into_iter().chain([Set::CodedTrial]) {
        converges_where_data_is_kept(Kind::Stripe, set, Telling::Colliding).await;
    }
}

#[tokio::test]
async fn paddle_where_data_is_kept() {
    for set in Set::ALL {
        converges_where_data_is_kept(Kind::Paddle, set, Telling::Plain).await;
    }
}
