//! Map of weakly held values: breakers and budgets survive a rebuild of their chains.
//!
//! Each change of a tenant rebuilds its chains, and their counters must not restart. A key has one
//! value as long as a reference to it exists.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Map of weak references.
#[derive(Debug)]
pub struct WeakMap<K, V> {
    values: Mutex<HashMap<K, Weak<V>>>,
}

impl<K, V> Default for WeakMap<K, V> {
    fn default() -> Self {
        Self {
            values: Mutex::default(),
        }
    }
}

impl<K: Eq + Hash, V> WeakMap<K, V> {
    /// Returns the value of a key; creates it if there is none.
    pub fn of(&self, key: K, make: impl FnOnce() -> V) -> Arc<V> {
        let mut values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(value) = values.get(&key).and_then(Weak::upgrade) {
            return value;
        }
        if values.len() == values.capacity() {
            values.retain(|_, value| value.strong_count() > 0);
        }
        let made = Arc::new(make());
        values.insert(key, Arc::downgrade(&made));
        made
    }

    /// Returns the value of a key, if a reference to it exists.
    pub fn get(&self, key: &K) -> Option<Arc<V>> {
        let values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        values.get(key).and_then(Weak::upgrade)
    }
}
