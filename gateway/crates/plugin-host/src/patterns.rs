//! Cache of a component's compiled patterns: a plugin passes the same strings at every event.

use std::sync::{Arc, Mutex, PoisonError};

use hookgate_json::{AccessError, PatternSet};

/// Pattern sets that a component used last.
#[derive(Debug, Default)]
pub(super) struct PatternCache {
    sets: Mutex<Vec<Known>>,
}

#[derive(Debug)]
struct Known {
    /// Total bytes of the texts: a cheap first comparison between sets.
    bytes: usize,
    texts: Vec<String>,
    set: Arc<PatternSet>,
}

impl PatternCache {
    /// Returns the compiled set of these texts.
    ///
    /// # Errors
    /// One of them is no pattern, or they are too many.
    pub(super) fn get(&self, texts: Vec<String>) -> Result<Arc<PatternSet>, AccessError> {
        let bytes = texts.iter().map(String::len).sum();
        if let Some(set) = self.find(bytes, &texts) {
            return Ok(set);
        }
        let set = Arc::new(PatternSet::parse(&texts)?);
        if bytes <= SET_BYTES {
            self.keep(Known {
                bytes,
                texts,
                set: set.clone(),
            });
        }
        Ok(set)
    }

    fn find(&self, bytes: usize, texts: &[String]) -> Option<Arc<PatternSet>> {
        let sets = self.sets.lock().unwrap_or_else(PoisonError::into_inner);
        let known = sets
            .iter()
            .find(|known| known.bytes == bytes && known.texts == texts)?;
        Some(known.set.clone())
    }

    fn keep(&self, known: Known) {
        let mut sets = self.sets.lock().unwrap_or_else(PoisonError::into_inner);
        if sets.len() >= SETS {
            sets.remove(0);
        }
        sets.push(known);
    }
}

/// Maximum number of cached sets of one component.
const SETS: usize = 64;
/// Longest cached set, in bytes; a longer one is compiled at every call.
const SET_BYTES: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|&text| text.to_owned()).collect()
    }

    #[test]
    fn the_same_texts_are_compiled_once_and_others_are_not_taken_for_them() {
        let cache = PatternCache::default();
        let first = cache.get(texts(&["/a", "/bc"])).unwrap();
        assert!(Arc::ptr_eq(&first, &cache.get(texts(&["/a", "/bc"])).unwrap()));
        assert!(!Arc::ptr_eq(&first, &cache.get(texts(&["/ab", "/c"])).unwrap()));
        assert!(cache.get(texts(&["no pattern"])).is_err());
        for n in 0..2 * SETS {
            cache.get(vec![format!("/{n}")]).unwrap();
        }
        assert_eq!(cache.sets.lock().unwrap().len(), SETS);
        assert!(
            !Arc::ptr_eq(&first, &cache.get(texts(&["/a", "/bc"])).unwrap()),
            "the oldest goes first"
        );
    }
}
