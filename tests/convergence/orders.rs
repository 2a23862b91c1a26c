//! In which order events come, how often, and when work is done between them.

use billing_testkit::SeededIds;

/// The longest set of which every order is told: 720 orders, each twice.
const EVERY_ORDER_MAX: usize = 6;

/// Orders of a longer set. Each is told by a seed of its own.
const SEEDS: u64 = 1_000;

/// What happens next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// This event comes.
    Event(usize),
    /// It comes once more, as another event: providers tell one change by two.
    Again(usize),
    /// What has come is worked off.
    Work,
}

/// One order. Whatever it leaves is worked off at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Order {
    /// The seed that gives it. `None`: every order is told.
    pub(crate) seed: Option<u64>,
    pub(crate) steps: Vec<Next>,
}

impl Order {
    /// One after the other, each worked off before the next comes.
    pub(crate) fn as_it_was(events: usize) -> Self {
        let steps = (0..events).flat_map(|event| [Next::Event(event), Next::Work]);
        Self {
            seed: None,
            steps: steps.collect(),
        }
    }
}

/// Many orders of so many events.
pub(crate) struct Orders;

impl Orders {
    pub(crate) fn of(events: usize) -> Box<dyn Iterator<Item = Order> + Send> {
        if events > EVERY_ORDER_MAX {
            return Box::new((0..SEEDS).map(move |seed| drawn(events, seed)));
        }
        let all = permutations(&(0..events).collect::<Vec<_>>());
        let all = all.into_iter().enumerate();
        Box::new(all.flat_map(|(number, order)| [once(&order, number), twice(&order, number)]))
    }

    /// A few: backwards, all at once, and drawn ones.
    pub(crate) fn handful(events: usize, count: usize) -> Vec<Order> {
        let backwards: Vec<usize> = (0..events).rev().collect();
        let mut all = vec![once(&backwards, 0), twice(&backwards, 1)];
        all.extend(
            (0..)
                .map(|seed| drawn(events, seed))
                .take(count.saturating_sub(2)),
        );
        all
    }
}

fn permutations(items: &[usize]) -> Vec<Vec<usize>> {
    if items.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for place in 0..items.len() {
        let mut rest = items.to_vec();
        let first = rest.remove(place);
        for mut order in permutations(&rest) {
            order.insert(0, first);
            all.push(order);
        }
    }
    all
}

/// Each event once; worked off one by one, all at once, or in two heaps, in turn.
fn once(order: &[usize], number: usize) -> Order {
    let mut steps = Vec::new();
    for (place, event) in order.iter().enumerate() {
        steps.push(Next::Event(*event));
        let works = match number % 3 {
            0 => true,
            1 => false,
            _ => place + 1 == order.len() / 2,
        };
        if works {
            steps.push(Next::Work);
        }
    }
    Order { seed: None, steps }
}

/// Each event and at once the same again; then all of them as other events.
fn twice(order: &[usize], number: usize) -> Order {
    let mut steps = Vec::new();
    for event in order {
        steps.extend([Next::Event(*event), Next::Event(*event)]);
        if number.is_multiple_of(2) {
            steps.push(Next::Work);
        }
    }
    for event in order {
        steps.push(Next::Again(*event));
        if number.is_multiple_of(4) {
            steps.push(Next::Work);
        }
    }
    Order { seed: None, steps }
}

/// Each event at least once, with repetitions and work by chance.
fn drawn(events: usize, seed: u64) -> Order {
    let chance = SeededIds::new(seed);
    let mut steps: Vec<Next> = (0..events).map(Next::Event).collect();
    for event in 0..events {
        match chance.below(4) {
            0 => steps.push(Next::Event(event)),
            1 => steps.push(Next::Again(event)),
            _ => {}
        }
    }
    let works = chance.below(u64::try_from(steps.len()).unwrap() + 1);
    steps.extend((0..works).map(|_| Next::Work));
    for last in (1..steps.len()).rev() {
        let other = chance.below(u64::try_from(last).unwrap() + 1);
        steps.swap(last, usize::try_from(other).unwrap());
    }
    Order {
        seed: Some(seed),
        steps,
    }
}
