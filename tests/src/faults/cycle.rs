//! One cycle of a round: load, a fault, recovery, and the oracle's check.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde_json::Value;
use tokio::time::sleep;

use super::oracle::Oracle;
use super::producer::Producers;
use super::report::{Ending, Line, Report};
use super::site::{ATTEMPTS, Site};
use super::{Fault, Plan};
use crate::{BOUND, Client, Receiver};

/// A round in progress.
pub(super) struct Round {
    site: Site,
    tenants: Vec<Client>,
    receiver: Receiver,
    secrets: Vec<String>,
    oracle: Oracle,
    producers: Producers,
    /// Memory and descriptors of the gateways at the beginning.
    first: Footprint,
}

/// Memory and descriptors of all gateways.
#[derive(Debug, Clone, Copy, Default)]
struct Footprint {
    memory: u64,
    descriptors: usize,
}

impl Round {
    pub(super) async fn start(plan: &Plan) -> Result<Self> {
        let site = Site::start(plan).await?;
        let receiver = Receiver::start(Vec::new()).await;
        let (mut tenants, mut secrets) = (Vec::new(), Vec::new());
        for n in 0..TENANTS {
            let tenant = site.first().tenant(&format!("tenant-{n}")).await;
            let url = format!("http://{}/{n}", receiver.address());
            secrets.push(tenant.subscribe(&url).await.1);
            tenants.push(tenant);
        }
        for client in site.towards_all(&tenants).iter().flatten() {
            known(client).await?;
        }
        let oracle = Oracle::default();
        let producers = Producers::start(site.towards_all(&tenants), plan.rate, &oracle);
        let mut round = Self {
            site,
            tenants,
            receiver,
            secrets,
            oracle,
            producers,
            first: Footprint::default(),
        };
        round.settle_for(WARM_UP).await;
        round.first = round.footprint();
        Ok(round)
    }

    /// Version of the store's server, if it has one.
    pub(super) fn engine(&self) -> Option<String> {
        self.site.backend.version()
    }

    /// Injects a fault after a moment of load, and waits until all that was accepted until its end has arrived, and an event
    /// that was posted after its end too.
    pub(super) async fn cycle(&mut self, fault: Fault, moment: Duration, random: usize) -> Result<Line> {
        let before = self.counts();
        self.settle_for(moment).await;
        let awaited = self.oracle.awaited_count();
        if fault.may_duplicate() {
            self.oracle.hold(fault);
        }
        // What arrives meanwhile is told at once: the oracle goes by when it was.
        let (site, receiver) = (&mut self.site, &self.receiver);
        let (oracle, secrets) = (&self.oracle, &self.secrets);
        let injected = tokio::select! {
            injected = site.inject(fault, receiver, random) => injected,
            () = listen(receiver, oracle, secrets) => Ok(()),
        };
        injected?;
        self.producers.redirect(self.site.towards_all(&self.tenants));
        let ended = Instant::now();
        let (mut due, later) = (self.oracle.awaited(), self.producers.next());
        let (mut recovery, mut caught_up) = (None, None);
        while ended.elapsed() < BOUND && !(caught_up.is_some() && recovery.is_some()) {
            self.settle_for(LOOK).await;
            due.retain(|number| !self.oracle.has_arrived(*number));
            if due.is_empty() && caught_up.is_none() {
                caught_up = Some(ended.elapsed());
            }
            if recovery.is_none() && (later..later + 100).any(|number| self.oracle.has_arrived(number)) {
                recovery = Some(ended.elapsed());
            }
            if fault.may_lose() && ended.elapsed() > LOST_AFTER && recovery.is_some() {
                break;
            }
        }
        let in_hand = if fault.may_duplicate() {
            awaited + self.oracle.release()
        } else {
            0
        };
        let after = self.counts();
        // What follows would wait as long again in each cycle, and tell nothing new.
        if recovery.is_none() {
            bail!(
                "no event posted after the fault was delivered within {BOUND:?}: {fault}\n{}",
                self.state(&due).await
            );
        }
        if !fault.may_lose() && !due.is_empty() {
            bail!(
                "{} events were not delivered within {BOUND:?} after: {fault}\n{}",
                due.len(),
                self.state(&due).await
            );
        }
        for number in &due {
            self.oracle.give_up(*number);
        }
        Ok(Line {
            accepted: after.accepted - before.accepted,
            refused: after.refused - before.refused,
            lost: due.len() as u64,
            duplicates: after.duplicates - before.duplicates,
            bound: in_hand,
            complaints: after.complaints.saturating_sub(before.complaints),
            recovery: recovery.unwrap_or(BOUND),
            caught_up: caught_up.unwrap_or(BOUND),
        })
    }

    /// Ends the load, waits for what is left, and looks at what is left over.
    pub(super) async fn end(&mut self, report: &mut Report) -> Result<()> {
        self.producers.stop().await;
        let ended = Instant::now();
        while ended.elapsed() < BOUND && self.oracle.awaited_count() > 0 {
            self.settle_for(LOOK).await;
        }
        let mut ending = Ending::default();
        for (number, id) in self.oracle.missing() {
            match self.state_of(number, &id).await.as_str() {
                "pending" => ending.pending += 1,
                "dead" => ending.dead += 1,
                _ => ending.lost += 1,
            }
        }
        let left = |left: &(u64, usize)| *left != (0, 0);
        let mut over = self.left_over().await?;
        while ended.elapsed() < BOUND && left(&over) {
            self.settle_for(LOOK).await;
            over = self.left_over().await?;
        }
        if left(&over) {
            self.oracle.must_not(format!(
                "left over: {} pending deliveries, {} keys",
                over.0, over.1
            ));
        }
        if self.oracle.most_requests() > ATTEMPTS + REPEATED {
            let most = self.oracle.most_requests();
            self.oracle
                .must_not(format!("one event was attempted {most} times"));
        }
        // Connections that were kept open end by themselves.
        while ended.elapsed() < BOUND && self.footprint().descriptors > self.first.descriptors + SPARE {
            sleep(LOOK).await;
        }
        let last = self.footprint();
        if last.descriptors > self.first.descriptors + SPARE {
            let (before, now) = (self.first.descriptors, last.descriptors);
            self.oracle.must_not(format!(
                "{now} descriptors are open, {before} were at the beginning"
            ));
        }
        ending.memory = (self.first.memory, last.memory);
        ending.descriptors = (self.first.descriptors, last.descriptors);
        ending.accepted = self.oracle.accepted_count();
        ending.duplicates = self.oracle.duplicates();
        ending.unexplained = self.oracle.unexplained();
        ending.most_requests = self.oracle.most_requests();
        ending.told_lost = self.told_lost().await;
        ending.faulty = self.oracle.faults();
        ending.repeated = self.oracle.repeated();
        report.end(ending);
        Ok(())
    }

    /// State of a round that does not go on: of some numbers that are due, and the ends of the gateways' logs.
    async fn state(&self, due: &HashSet<u64>) -> String {
        let mut lines = vec![
            format!("violations: {:?}", self.oracle.faults()),
            format!("refusals: {:?}", self.oracle.last_refusals()),
        ];
        for (number, id) in self.oracle.missing() {
            if due.contains(&number) && lines.len() < 12 {
                lines.push(format!("{number} ({id}): {}", self.state_of(number, &id).await));
            }
        }
        for gateway in self.site.gateways() {
            let log = gateway.log();
            lines.push(format!("log of the gateway at {}:", gateway.base()));
            lines.extend(log.iter().skip(log.len().saturating_sub(40)).cloned());
        }
        lines.join("\n")
    }

    /// Status of an event's delivery, as the gateway reports it.
    async fn state_of(&self, number: u64, id: &str) -> String {
        let tenant = &self.tenants[usize::try_from(number).unwrap_or(0) % TENANTS];
        let client = tenant.towards(self.site.first().base());
        let answer = client.get(&format!("/v1/events/{id}")).await;
        let deliveries = answer.body["deliveries"].as_array().cloned().unwrap_or_default();
        let state = deliveries.first().map(|delivery| delivery["status"].clone());
        state
            .as_ref()
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    }

    /// Pending deliveries, and keys of sets of them.
    async fn left_over(&self) -> Result<(u64, usize)> {
        let mut pending = 0;
        for tenant in &self.tenants {
            let client = tenant.towards(self.site.first().base());
            let usage = client.get("/v1/usage").await.body;
            pending += usage["quotas"]["pending_deliveries"]["used"]
                .as_u64()
                .unwrap_or_default();
        }
        Ok((pending, self.site.backend.due_keys()?))
    }

    /// Events that the gateways say their store has lost.
    async fn told_lost(&self) -> u64 {
        let mut told = 0;
        for gateway in self.site.gateways() {
            let text = gateway.operator().get("/metrics").await.body;
            let lines = text.as_str().unwrap_or_default().lines();
            let lost = lines.filter_map(|line| line.strip_prefix("hookgate_store_lost_events_total "));
            told += lost
                .filter_map(|count| count.trim().parse::<u64>().ok())
                .sum::<u64>();
        }
        told
    }

    fn counts(&self) -> Counts {
        Counts {
            accepted: self.oracle.accepted_count(),
            refused: self.oracle.refusals(),
            duplicates: self.oracle.duplicates(),
            complaints: self.site.complaints(),
        }
    }

    fn footprint(&self) -> Footprint {
        let mut all = Footprint::default();
        for gateway in self.site.gateways() {
            all.memory += gateway.resident().unwrap_or_default();
            all.descriptors += gateway.descriptors().unwrap_or_default();
        }
        all
    }

    /// Lets time pass, and tells the oracle what arrives.
    async fn settle_for(&self, time: Duration) {
        let listening = listen(&self.receiver, &self.oracle, &self.secrets);
        let _ = tokio::time::timeout(time, listening).await;
        take(&self.receiver, &self.oracle, &self.secrets);
    }
}

/// Waits until a gateway knows a tenant and its subscription: what one gateway changed the others know within a second.
async fn known(client: &Client) -> Result<()> {
    let began = Instant::now();
    while began.elapsed() < BOUND {
        let list = client.get("/v1/subscriptions").await;
        if list.status == 200 && list.body["data"].as_array().is_some_and(|all| all.len() == 1) {
            return Ok(());
        }
        sleep(LOOK).await;
    }
    bail!("a gateway does not know its tenants")
}

struct Counts {
    accepted: u64,
    refused: u64,
    duplicates: u64,
    complaints: usize,
}

/// Tells the oracle what arrives, for ever.
async fn listen(receiver: &Receiver, oracle: &Oracle, secrets: &[String]) {
    loop {
        take(receiver, oracle, secrets);
        sleep(LOOK).await;
    }
}

fn take(receiver: &Receiver, oracle: &Oracle, secrets: &[String]) {
    for request in receiver.take() {
        if request.answered >= 300 {
            oracle.attempted(&request);
            continue;
        }
        let tenant: Option<usize> = request.path.trim_start_matches('/').parse().ok();
        match tenant.and_then(|tenant| secrets.get(tenant)) {
            Some(secret) => oracle.arrived(&request, secret),
            None => oracle.must_not(format!("a request came to {}", request.path)),
        }
    }
}

const LOOK: Duration = Duration::from_millis(20);
const WARM_UP: Duration = Duration::from_secs(1);
/// Tenants whose events are posted: in several shards.
const TENANTS: usize = 4;
/// Attempts beyond the policy, of deliveries that were in hand at faults.
const REPEATED: u32 = 10;
/// Descriptors that may be open beyond those of the beginning.
const SPARE: usize = 64;
/// Time after a fail-over from which events that have not arrived count as lost.
const LOST_AFTER: Duration = Duration::from_secs(20);
