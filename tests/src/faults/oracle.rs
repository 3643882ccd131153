//! The oracle of a round: compares accepted events with received ones.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::Received;

/// Checks a round. Clones share one state.
#[derive(Debug, Clone, Default)]
pub struct Oracle(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// Posted numbers.
    posted: HashSet<u64>,
    /// Numbers answered 202, with the event's id.
    accepted: HashMap<u64, String>,
    /// Accepted numbers that have not arrived.
    awaited: HashSet<u64>,
    /// Numbers that have arrived, with the event's id.
    arrived: HashMap<u64, String>,
    duplicates: u64,
    faults: Vec<String>,
}

impl Oracle {
    /// Records that a producer posts a number.
    pub fn posted(&self, number: u64) {
        self.state().posted.insert(number);
    }

    /// Records that a producer was answered 202.
    pub fn accepted(&self, number: u64, id: &str) {
        let mut state = self.state();
        if let Some(other) = state.arrived.get(&number)
            && other != id
        {
            let fault = format!("number {number} was accepted as {id} and arrived as {other}");
            state.faults.push(fault);
        }
        if !state.arrived.contains_key(&number) {
            state.awaited.insert(number);
        }
        state.accepted.insert(number, id.to_owned());
    }

    /// Records a request that the receiver answered with success.
    pub fn arrived(&self, request: &Received, secret: &str) {
        let mut state = self.state();
        if !request.verifies(secret) {
            state
                .faults
                .push(format!("{} has a wrong signature", request.id()));
            return;
        }
        let Some(number) = request.json()["data"]["n"].as_u64() else {
            state
                .faults
                .push(format!("{} is no event of the round", request.id()));
            return;
        };
        if !state.posted.contains(&number) {
            state.faults.push(format!("number {number} was never sent"));
        }
        let id = request.id().to_owned();
        if let Some(accepted) = state.accepted.get(&number)
            && *accepted != id
        {
            let fault = format!("number {number} was accepted as {accepted} and arrived as {id}");
            state.faults.push(fault);
        }
        state.awaited.remove(&number);
        if state.arrived.insert(number, id).is_some() {
            state.duplicates += 1;
        }
    }

    /// Number of accepted events.
    pub fn accepted_count(&self) -> u64 {
        self.state().accepted.len() as u64
    }

    /// Number of accepted events that have not arrived.
    pub fn awaited_count(&self) -> u64 {
        self.state().awaited.len() as u64
    }

    /// Numbers awaited at present.
    pub fn awaited(&self) -> HashSet<u64> {
        self.state().awaited.clone()
    }

    /// Returns `true` if a number has arrived.
    pub fn has_arrived(&self, number: u64) -> bool {
        self.state().arrived.contains_key(&number)
    }

    /// Number of requests beyond the first for each number.
    pub fn duplicates(&self) -> u64 {
        self.state().duplicates
    }

    /// Violations of invariants: wrong signatures, events that were never sent, one number under
    /// two ids.
    pub fn faults(&self) -> Vec<String> {
        self.state().faults.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
