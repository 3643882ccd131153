//! What was accepted and what arrived.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::Received;

/// Judges a round. Clones are one oracle.
#[derive(Debug, Clone, Default)]
pub struct Oracle(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// Numbers that were posted.
    posted: HashSet<u64>,
    /// Numbers that were answered 202, with the event's id.
    accepted: HashMap<u64, String>,
    /// Numbers that have not arrived, of those accepted.
    awaited: HashSet<u64>,
    /// Numbers that arrived, with the event's id.
    arrived: HashMap<u64, String>,
    duplicates: u64,
    faults: Vec<String>,
}

impl Oracle {
    /// A producer posts a number.
    pub fn posted(&self, number: u64) {
        self.state().posted.insert(number);
    }

    /// A producer was answered 202.
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

    /// The receiver took a request and answered it with success.
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

    /// How many numbers were accepted.
    pub fn accepted_count(&self) -> u64 {
        self.state().accepted.len() as u64
    }

    /// How many of those accepted have not arrived.
    pub fn awaited_count(&self) -> u64 {
        self.state().awaited.len() as u64
    }

    /// Numbers that are awaited now.
    pub fn awaited(&self) -> HashSet<u64> {
        self.state().awaited.clone()
    }

    /// Whether a number has arrived.
    pub fn has_arrived(&self, number: u64) -> bool {
        self.state().arrived.contains_key(&number)
    }

    /// Requests beyond the first for a number.
    pub fn duplicates(&self) -> u64 {
        self.state().duplicates
    }

    /// What must never be: wrong signatures, events that nobody sent, one number under two ids.
    pub fn faults(&self) -> Vec<String> {
        self.state().faults.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
