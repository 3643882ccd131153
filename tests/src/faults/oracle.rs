//! The oracle of a round: compares accepted events with received ones.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Fault;
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
    /// Numbers that arrived, with the event's id and the time of the first arrival.
    arrived: HashMap<u64, (String, Instant)>,
    /// Requests by number, with any response.
    requests: HashMap<u64, u32>,
    duplicates: u64,
    unexplained: u64,
    /// Faults, with the period whose deliveries may arrive again, and the number that did.
    in_hand: Vec<InHand>,
    refused: u64,
    last_refusals: BTreeMap<String, Instant>,
    faults: BTreeMap<String, u64>,
}

#[derive(Debug)]
struct InHand {
    fault: Fault,
    from: Instant,
    until: Option<Instant>,
    again: u64,
}

impl Oracle {
    /// Records that a producer posts a number.
    pub fn posted(&self, number: u64) {
        self.state().posted.insert(number);
    }

    /// Records that a producer was answered 202.
    pub fn accepted(&self, number: u64, id: &str) {
        let mut state = self.state();
        if let Some((other, _)) = state.arrived.get(&number)
            && other != id
        {
            let fault = format!("number {number} was accepted as {id} and arrived as {other}");
            state.fault(fault);
        }
        if !state.arrived.contains_key(&number) {
            state.awaited.insert(number);
        }
        state.accepted.insert(number, id.to_owned());
    }

    /// Records a refusal, whose response must allow a safe retry.
    pub fn refused(&self, status: u16, code: &str, comes_again: bool) {
        let mut state = self.state();
        state.refused += 1;
        state
            .last_refusals
            .insert(format!("{status} {code}"), Instant::now());
        if !(matches!(status, 429 | 503) && comes_again) {
            state.fault(format!("producers were answered {status} `{code}`"));
        }
    }

    /// Records a request that the receiver did not answer with success.
    pub fn attempted(&self, request: &Received) {
        if let Some(number) = request.json()["data"]["n"].as_u64() {
            *self.state().requests.entry(number).or_default() += 1;
        }
    }

    /// Records a request that the receiver answered with success.
    pub fn arrived(&self, request: &Received, secret: &str) {
        self.attempted(request);
        let mut state = self.state();
        if !request.verifies(secret) {
            return state.fault(format!("{} has a wrong signature", request.id()));
        }
        let Some(number) = request.json()["data"]["n"].as_u64() else {
            return state.fault(format!("{} is no event of the round", request.id()));
        };
        if !state.posted.contains(&number) {
            state.fault(format!("number {number} was never sent"));
        }
        let id = request.id().to_owned();
        if let Some(accepted) = state.accepted.get(&number)
            && *accepted != id
        {
            let fault = format!("number {number} was accepted as {accepted} and arrived as {id}");
            state.fault(fault);
        }
        state.awaited.remove(&number);
        match state.arrived.get(&number).map(|(_, first)| *first) {
            None => drop(state.arrived.insert(number, (id, Instant::now()))),
            Some(first) => {
                state.duplicates += 1;
                match state.in_hand_at(first) {
                    Some(fault) => fault.again += 1,
                    None => state.unexplained += 1,
                }
            }
        }
    }

    /// A fault begins: deliveries that are in hand may arrive again.
    pub fn hold(&self, fault: Fault) {
        let from = Instant::now().checked_sub(UNSETTLED).unwrap_or_else(Instant::now);
        self.state().in_hand.push(InHand {
            fault,
            from,
            until: None,
            again: 0,
        });
    }

    /// Ends the period of deliveries in hand; returns the number that first arrived in it.
    pub fn release(&self) -> u64 {
        let mut state = self.state();
        let now = Instant::now();
        let Some(last) = state.in_hand.last_mut().filter(|last| last.until.is_none()) else {
            return 0;
        };
        last.until = Some(now);
        let from = last.from;
        state.arrived.values().filter(|(_, first)| *first >= from).count() as u64
    }

    /// Number of accepted numbers.
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

    /// Numbers that are awaited now, with the ids of their events.
    pub fn missing(&self) -> Vec<(u64, String)> {
        let state = self.state();
        let id = |number: &u64| Some((*number, state.accepted.get(number)?.clone()));
        state.awaited.iter().filter_map(id).collect()
    }

    /// Stops awaiting a number.
    pub fn give_up(&self, number: u64) {
        self.state().awaited.remove(&number);
    }

    /// Returns `true` if a number has arrived.
    pub fn has_arrived(&self, number: u64) -> bool {
        self.state().arrived.contains_key(&number)
    }

    /// Requests beyond the first for a number that was answered with success.
    pub fn duplicates(&self) -> u64 {
        self.state().duplicates
    }

    /// Of each fault that deliveries were in hand at how many arrived again.
    pub fn repeated(&self) -> Vec<(Fault, u64)> {
        let state = self.state();
        state.in_hand.iter().map(|one| (one.fault, one.again)).collect()
    }

    /// Those whose first arrived while nothing had to arrive again.
    pub fn unexplained(&self) -> u64 {
        self.state().unexplained
    }

    /// Answers that were no 202.
    pub fn refusals(&self) -> u64 {
        self.state().refused
    }

    /// Kinds of refusals, and the time since the last one of each.
    pub fn last_refusals(&self) -> Vec<(String, Duration)> {
        let state = self.state();
        let since = |(kind, at): (&String, &Instant)| (kind.clone(), at.elapsed());
        state.last_refusals.iter().map(since).collect()
    }

    /// Most requests of one number.
    pub fn most_requests(&self) -> u32 {
        self.state().requests.values().copied().max().unwrap_or(0)
    }

    /// Records a violation.
    pub fn must_not(&self, fault: String) {
        self.state().fault(fault);
    }

    /// Violations: bad signatures, events never sent, one number under two ids, final refusals.
    pub fn faults(&self) -> Vec<String> {
        let state = self.state();
        let told = state.faults.iter().map(|(fault, times)| match times {
            1 => fault.clone(),
            times => format!("{fault} ({times} times)"),
        });
        told.collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn fault(&mut self, fault: String) {
        *self.faults.entry(fault).or_default() += 1;
    }

    fn in_hand_at(&mut self, first: Instant) -> Option<&mut InHand> {
        let within = |one: &&mut InHand| first >= one.from && one.until.is_none_or(|until| first <= until);
        self.in_hand.iter_mut().rev().find(within)
    }
}

/// Maximum time before a fault that a delivery arrived without its outcome being stored yet.
const UNSETTLED: Duration = Duration::from_secs(1);
