//! Machines of a license: as many as the plan that holds has places for.

use billing_domain::catalog::LicenseRule;
use billing_domain::decide::{
    CancelWhen, LicenseAct, MachineAct, MachineActError, act_on_license, act_on_machine,
    note_recovery,
};
use billing_domain::ids::LicenseId;
use billing_domain::journal::Event;

use crate::common::{World, terms};

fn world(max_machines: u32) -> World {
    let mut agreed = terms("pro-monthly");
    agreed.license = Some(LicenseRule { max_machines });
    let mut world = World::bought(agreed);
    world.forget();
    world
}

fn act(world: &mut World, act: MachineAct, mark: &str) -> Result<usize, MachineActError> {
    let id = world.account.licenses[0].id;
    let acted = world.decide(|draft| act_on_machine(draft, id, act, mark));
    acted.map(|license| license.machines.len())
}

#[test]
fn machines_are_activated_while_there_is_a_place_and_nothing_is_done_twice() {
    use MachineAct::{Activate, Deactivate};
    let mut world = world(2);
    let serial = world.account.licenses[0].serial;
    let full = Err(MachineActError::TooMany { places: 2 });
    for (what, mark, machines) in [
        (Deactivate, "a", Ok(0)),
        (Activate, "a", Ok(1)),
        (Activate, "a", Ok(1)),
        (Activate, "b", Ok(2)),
        (Activate, "c", full),
        (Activate, "b", Ok(2)),
        (Deactivate, "a", Ok(1)),
        (Deactivate, "a", Ok(1)),
        (Activate, "c", Ok(2)),
        (Activate, "a", full),
    ] {
        assert_eq!(act(&mut world, what, mark), machines, "{what:?} {mark}");
    }
    assert_eq!(world.count(Event::LicenseMachineActivated), 3);
    assert_eq!(world.count(Event::LicenseMachineDeactivated), 1);
    // No token says anything of machines.
    assert_eq!(world.account.licenses[0].serial, serial);
}

#[test]
fn who_has_no_place_after_a_change_of_plan_gets_one_when_another_goes() {
    use MachineAct::{Activate, Deactivate};
    let mut world = world(3);
    for mark in ["a", "b", "c"] {
        act(&mut world, Activate, mark).unwrap();
    }
    let fewer = Some(LicenseRule { max_machines: 2 });
    world.account.subscriptions[0].terms.license = fewer;
    let full = Err(MachineActError::TooMany { places: 2 });
    assert_eq!(act(&mut world, Activate, "c"), full);
    assert_eq!(act(&mut world, Activate, "b"), Ok(3));
    assert_eq!(act(&mut world, Deactivate, "a"), Ok(2));
    assert_eq!(act(&mut world, Activate, "c"), Ok(2));
    world.account.subscriptions[0].terms.license = None;
    let none = Err(MachineActError::TooMany { places: 0 });
    assert_eq!(act(&mut world, Activate, "c"), none);
}

#[test]
fn what_is_not_good_takes_no_machine_and_gives_them_up() {
    use MachineAct::{Activate, Deactivate};
    for ended in [false, true] {
        let mut world = world(3);
        act(&mut world, Activate, "a").unwrap();
        if ended {
            world.cancel(CancelWhen::AtOnce);
        } else {
            let id = world.account.licenses[0].id;
            let suspend = |draft: &mut _| act_on_license(draft, id, LicenseAct::Suspend, "theft");
            world.decide(suspend).unwrap();
        }
        for mark in ["a", "b"] {
            let refused = Err(MachineActError::NotGood);
            assert_eq!(act(&mut world, Activate, mark), refused);
        }
        assert_eq!(act(&mut world, Deactivate, "a"), Ok(0));
    }
    let mut world = world(3);
    let none: LicenseId = world.drawn();
    let missing = Err(MachineActError::NoSuchLicense);
    let acted = world.decide(|draft| act_on_machine(draft, none, Activate, "a"));
    assert_eq!(acted.map(|_| ()), missing);
    let noted = world.decide(|draft| note_recovery(draft, none, "0a"));
    assert_eq!(noted, missing);
    assert_eq!(world.events, []);
}
