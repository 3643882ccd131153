//! Values that outlive the chains that use them: each change of a tenant builds its chains anew, and what was counted must not
//! begin anew with it. One value for a key, as long as somebody has it.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Values by their keys.
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
    /// The value of this key; one is made where nobody has any.
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

    /// The value of this key, if somebody has it.
    pub fn get(&self, key: &K) -> Option<Arc<V>> {
        let values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        values.get(key).and_then(Weak::upgrade)
    }
}
