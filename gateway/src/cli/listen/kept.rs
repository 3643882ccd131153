//! Bounded list of deliveries that arrived, the oldest evicted first.

use std::collections::VecDeque;

use crate::cli::receiver::Arrival;

/// Arrivals by number, counted from 1.
pub(super) struct Kept {
    arrivals: VecDeque<Arrival>,
    /// Number of the first one in the list.
    first: usize,
    max: usize,
    bytes: usize,
    max_bytes: usize,
}

impl Kept {
    /// List of at most `max` arrivals and [`MAX_BYTES`] of bodies.
    pub(super) fn new(max: usize) -> Self {
        Self {
            arrivals: VecDeque::new(),
            first: 1,
            max,
            bytes: 0,
            max_bytes: MAX_BYTES,
        }
    }

    /// Adds an arrival and returns its number.
    pub(super) fn add(&mut self, arrival: Arrival) -> usize {
        self.bytes += arrival.body.len();
        self.arrivals.push_back(arrival);
        let number = self.first + self.arrivals.len() - 1;
        while self.arrivals.len() > self.max || self.bytes > self.max_bytes {
            let Some(evicted) = self.arrivals.pop_front() else {
                break;
            };
            self.bytes -= evicted.body.len();
            self.first += 1;
        }
        number
    }

    /// Arrival of a number; `None`: there was none, or it was evicted.
    pub(super) fn get(&self, number: usize) -> Option<&Arrival> {
        self.arrivals.get(number.checked_sub(self.first)?)
    }

    /// Arrivals with their numbers, oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &Arrival)> {
        (self.first..).zip(&self.arrivals)
    }
}

/// Maximum size of all bodies in bytes.
const MAX_BYTES: usize = 64 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn arrival(id: &str, bytes: usize) -> Arrival {
        Arrival {
            path: "/".to_owned(),
            id: id.to_owned(),
            headers: http::HeaderMap::new(),
            body: vec![0; bytes].into(),
            genuine: None,
            answered: 200,
            failure: None,
        }
    }

    #[test]
    fn oldest_arrivals_are_evicted_by_count_and_by_bytes() {
        let mut kept = Kept::new(3);
        kept.max_bytes = 100;
        for (number, id) in ["a", "b", "c", "d"].into_iter().enumerate() {
            assert_eq!(kept.add(arrival(id, 10)), number + 1);
        }
        let ids = |kept: &Kept| {
            kept.iter()
                .map(|(number, one)| (number, one.id.clone()))
                .collect::<Vec<_>>()
        };
        let named = |list: &[(usize, &str)]| {
            list.iter()
                .map(|(n, id)| (*n, (*id).to_owned()))
                .collect::<Vec<_>>()
        };
        assert_eq!(ids(&kept), named(&[(2, "b"), (3, "c"), (4, "d")]));
        assert!(kept.get(1).is_none() && kept.get(0).is_none() && kept.get(5).is_none());
        assert_eq!(kept.get(4).map(|one| one.id.as_str()), Some("d"));
        kept.add(arrival("e", 85));
        assert_eq!(ids(&kept), named(&[(4, "d"), (5, "e")]));
        kept.add(arrival("too large", 101));
        assert_eq!(ids(&kept), named(&[]));
        assert_eq!(kept.add(arrival("f", 1)), 7);
    }
}
