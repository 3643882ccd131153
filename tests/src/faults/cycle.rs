//! One cycle of a round: load, a fault, recovery, and the oracle's check.

use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::time::sleep;

use super::oracle::Oracle;
use super::producer::Producers;
use super::site::Site;
use super::{Fault, Line, Plan, Report};
use crate::{BOUND, Client, Receiver};

/// A round in progress.
pub(super) struct Round {
    site: Site,
    tenant: Client,
    receiver: Receiver,
    secret: String,
    oracle: Oracle,
    producers: Producers,
}

impl Round {
    pub(super) async fn start(plan: &Plan) -> Result<Self> {
        let site = Site::start(plan.store)?;
        let receiver = Receiver::start(Vec::new()).await;
        let tenant = site.first().tenant("acme").await;
        let (_, secret) = tenant.subscribe(&receiver.url()).await;
        let oracle = Oracle::default();
        let producers = Producers::start(site.towards_all(&tenant), plan.rate, &oracle);
        Ok(Self {
            site,
            tenant,
            receiver,
            secret,
            oracle,
            producers,
        })
    }

    /// Injects a fault after a moment of load. Waits until all events accepted before its end have
    /// arrived, and an event posted after its end too.
    pub(super) async fn cycle(&mut self, fault: Fault, moment: Duration) -> Result<Line> {
        let (accepted, duplicates) = (self.oracle.accepted_count(), self.oracle.duplicates());
        self.settle_for(moment).await;
        self.site.inject(fault, &self.receiver).await?;
        self.producers.redirect(self.site.towards_all(&self.tenant));
        let ended = Instant::now();
        let (mut due, later) = (self.oracle.awaited(), self.producers.next());
        let mut recovery = None;
        while ended.elapsed() < BOUND && !(due.is_empty() && recovery.is_some()) {
            self.settle_for(LOOK).await;
            due.retain(|number| !self.oracle.has_arrived(*number));
            if recovery.is_none() && (later..later + 100).any(|number| self.oracle.has_arrived(number)) {
                recovery = Some(ended.elapsed());
            }
        }
        Ok(Line {
            accepted: self.oracle.accepted_count() - accepted,
            lost: due.len() as u64,
            duplicates: self.oracle.duplicates() - duplicates,
            recovery: recovery.unwrap_or(BOUND),
        })
    }

    /// Ends the load and waits for the remaining events.
    pub(super) async fn end(&mut self, report: &mut Report) -> Result<()> {
        self.producers.stop().await;
        let ended = Instant::now();
        while ended.elapsed() < BOUND && self.oracle.awaited_count() > 0 {
            self.settle_for(LOOK).await;
        }
        report.end(
            self.oracle.accepted_count(),
            self.oracle.awaited_count(),
            self.oracle.duplicates(),
            self.oracle.faults(),
        );
        Ok(())
    }

    /// Waits, and reports arrivals to the oracle meanwhile.
    async fn settle_for(&self, time: Duration) {
        let until = Instant::now() + time;
        loop {
            for request in self.receiver.take() {
                if request.answered < 300 {
                    self.oracle.arrived(&request, &self.secret);
                }
            }
            if Instant::now() >= until {
                return;
            }
            sleep(LOOK).await;
        }
    }
}

const LOOK: Duration = Duration::from_millis(20);
