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
    /// A gateway ends by SIGKILL and is started again.
    KilledGateway,
    /// A gateway ends by SIGTERM and is started again.
    RestartedGateway,
    /// A gateway stands still for longer than a lease, then goes on.
    StoppedGateway,
    /// Somebody sets the machine's clock an hour back.
    ClockBack,
    /// Somebody sets the machine's clock an hour on.
    ClockOn,
    /// The receiver answers 500 for a while.
    FailingReceiver,
    /// Redis ends by SIGKILL and is started again.
    KilledRedis,
    /// Redis stands still for some seconds.
    StoppedRedis,
    /// Redis closes all connections.
    CutConnections,
    /// Redis forgets its scripts.
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

    /// Whether deliveries in flight may be attempted again: an attempt whose end nobody could note, or whose lease has ended.
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
