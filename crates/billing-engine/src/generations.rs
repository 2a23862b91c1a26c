//! A bounded map of what was read lately: two generations, the older dropped when the
//! younger is full. Knows neither what is kept nor for how long it holds.

use std::collections::HashMap;
use std::hash::Hash;

/// What was kept lately, by its key.
pub(crate) struct Generations<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    /// How many one generation holds.
    size: usize,
}

impl<K: Eq + Hash, V> Generations<K, V> {
    /// Holds twice `size` at most.
    pub(crate) fn of(size: usize) -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
            size,
        }
    }

    /// What is kept under `key`.
    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.young.get(key).or_else(|| self.old.get(key))
    }

    /// Keeps `value` under `key`.
    pub(crate) fn put(&mut self, key: K, value: V) {
        if self.young.len() >= self.size {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }

    /// Drops what is kept under `key`.
    pub(crate) fn remove(&mut self, key: &K) {
        self.young.remove(key);
        self.old.remove(key);
    }
}
