//! Kinds of faults, and the stores they are injected into.

use std::fmt;

/// The store of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Store {
    /// One gateway with the embedded store.
    Embedded,
    /// Two gateways on a Redis that syncs each write.
    Redis,
}

/// A fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// Kills a gateway by SIGKILL and starts it again.
    KilledGateway,
    /// Ends a gateway by SIGTERM and starts it again.
    RestartedGateway,
    /// Suspends a gateway for longer than a lease, then resumes it.
    StoppedGateway,
    /// Sets the machine's clock back by an hour.
    ClockBack,
    /// Sets the machine's clock forward by an hour.
    ClockOn,
    /// Lets the receiver answer 500 for a while.
    FailingReceiver,
    /// Kills Redis by SIGKILL and starts it again.
    KilledRedis,
    /// Suspends Redis for some seconds.
    StoppedRedis,
    /// Lets Redis close all connections.
    CutConnections,
    /// Lets Redis forget its scripts.
    ForgottenScripts,
}

impl Fault {
    /// Faults that can be injected into a store and its gateways.
    pub fn of(store: Store) -> Vec<Self> {
        let mut all = vec![
            Self::KilledGateway,
            Self::RestartedGateway,
            Self::StoppedGateway,
            Self::ClockBack,
            Self::ClockOn,
            Self::FailingReceiver,
        ];
        if store == Store::Redis {
            all.extend([
                Self::KilledRedis,
                Self::StoppedRedis,
                Self::CutConnections,
                Self::ForgottenScripts,
            ]);
        }
        all
    }

    /// Returns `true` if deliveries in flight may be attempted again: the end of an attempt could
    /// not be recorded, or its lease has ended.
    pub fn may_duplicate(self) -> bool {
        matches!(
            self,
            Self::KilledGateway
                | Self::StoppedGateway
                | Self::KilledRedis
                | Self::StoppedRedis
                | Self::CutConnections
        )
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::KilledGateway => "gateway killed (SIGKILL)",
            Self::RestartedGateway => "gateway restarted (SIGTERM)",
            Self::StoppedGateway => "gateway stopped longer than a lease (SIGSTOP)",
            Self::ClockBack => "clock set an hour back",
            Self::ClockOn => "clock set an hour on",
            Self::FailingReceiver => "receiver answers 500",
            Self::KilledRedis => "Redis killed (SIGKILL)",
            Self::StoppedRedis => "Redis stopped for 3 s (SIGSTOP)",
            Self::CutConnections => "connections to Redis cut",
            Self::ForgottenScripts => "scripts of Redis forgotten",
        })
    }
}

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Embedded => "embedded store, one gateway",
            Self::Redis => "Redis (appendfsync always), two gateways",
        })
    }
}
