//! Kinds of faults, and the stores they are injected into.

use std::fmt;

/// The store of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Store {
    /// The embedded store, with one gateway.
    Embedded,
    /// A Redis that syncs each write.
    Redis,
    /// A Valkey that syncs each write.
    Valkey,
    /// A Redis Cluster of three primaries, each with a replica.
    Cluster,
}

impl Store {
    /// Its name, as the command line has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Redis => "redis",
            Self::Valkey => "valkey",
            Self::Cluster => "cluster",
        }
    }
}

macro_rules! faults {
    ($($(#[$doc:meta])* $fault:ident $name:literal $on:ident $duplicates:ident $times:literal $text:literal,)*) => {
        /// A fault.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Fault {
            $($(#[$doc])* $fault,)*
        }

        impl Fault {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$fault),*];

            /// Its name, as the command line has it.
            pub fn name(self) -> &'static str {
                match self { $(Self::$fault => $name,)* }
            }

            fn row(self) -> (On, Duplicates, usize, &'static str) {
                match self { $(Self::$fault => (On::$on, Duplicates::$duplicates, $times, $text),)* }
            }
        }
    };
}

/// Stores that a fault can be injected into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum On {
    /// Every store.
    Any,
    /// Embedded stores.
    Embedded,
    /// A single server.
    Server,
    /// A cluster.
    Cluster,
}

/// Deliveries that may be attempted again after a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Duplicates {
    /// Those whose outcome could not be stored, or whose lease ended.
    Some,
    /// None.
    None,
}

faults! {
    /// A gateway ends by SIGKILL and is started again.
    KilledGateway "gateway-killed" Any Some 4 "gateway killed (SIGKILL), started again",
    /// A gateway ends by SIGTERM and is started again.
    RestartedGateway "gateway-restarted" Any None 1 "gateway restarted (SIGTERM)",
    /// A gateway stands still for longer than a lease, then goes on.
    StoppedGateway "gateway-stopped" Any Some 1 "gateway stopped for longer than a lease (SIGSTOP)",
    /// Somebody sets the machine's clock an hour back.
    ClockBack "clock-back" Any None 1 "clock of the machine set an hour back",
    /// Somebody sets the machine's clock an hour on.
    ClockOn "clock-on" Any None 1 "clock of the machine set an hour on",
    /// The receiver answers 500 for a while.
    FailingReceiver "receiver-fails" Any None 1 "receiver answers 500",
    /// The receiver does not answer.
    HangingReceiver "receiver-hangs" Any None 1 "receiver does not answer",
    /// The receiver answers a byte at a time.
    DrippingReceiver "receiver-drips" Any None 1 "receiver answers a byte at a time",
    /// The receiver answers with more than is read.
    FloodingReceiver "receiver-floods" Any None 1 "receiver answers with 8 MiB",
    /// The receiver closes connections.
    ResettingReceiver "receiver-resets" Any None 1 "receiver closes the connection",
    /// The receiver redirects.
    RedirectingReceiver "receiver-redirects" Any None 1 "receiver redirects",
    /// The disk of the store is full.
    FullDisk "disk-full" Embedded Some 1 "disk full (ENOSPC)",
    /// The disk of the store refuses writes.
    FailingWrites "disk-write" Embedded Some 1 "disk refuses writes (EIO)",
    /// The disk of the store refuses to sync.
    FailingSyncs "disk-sync" Embedded Some 1 "disk refuses to sync (EIO)",
    /// The server ends by SIGKILL and is started again.
    KilledServer "server-killed" Server Some 4 "server killed (SIGKILL), started again",
    /// The server ends by SIGKILL while it rewrites its file.
    KilledInRewrite "server-killed-in-rewrite" Server Some 1 "server killed while it rewrites its file",
    /// The server stands still for some seconds.
    StoppedServer "server-stopped" Server Some 1 "server stopped for 3 s (SIGSTOP)",
    /// The server pauses its clients.
    PausedClients "clients-paused" Server Some 1 "server pauses its clients for 1 s",
    /// The server closes all connections.
    CutConnections "connections-killed" Server Some 1 "server closes all connections",
    /// The server forgets its scripts.
    ForgottenScripts "scripts-forgotten" Server None 1 "server forgets its scripts",
    /// The server's memory is full.
    FullServer "memory-full" Server Some 1 "server's memory full",
    /// The server becomes a replica for a while.
    ReplicaServer "server-replica" Server Some 1 "server becomes a read-only replica for 1 s",
    /// The server misses replicas.
    FewReplicas "few-replicas" Server Some 1 "server misses the replicas it asks for (1 s)",
    /// Somebody lets the server throw away keys.
    EvictingServer "evicting" Server Some 1 "evicting policy set for 1 s",
    /// The way to the server is slow.
    SlowWay "way-slow" Server Some 1 "way to the store delays 50 ms to 1 s each way, for 3 s",
    /// The way to the server is very slow.
    VerySlowWay "way-very-slow" Server Some 1 "way to the store delays 5 s each way, for 6 s",
    /// The way to the server is cut.
    CutWay "way-cut" Server Some 1 "way to the store cut for 3 s",
    /// The way to the server goes silent, and has it all later.
    SilentWay "way-silent" Server Some 1 "way to the store silent for 3 s, then all of it comes",
    /// Connections to the server are half closed.
    HalfClosedWay "way-half-closed" Server Some 1 "connections to the store half closed",
    /// The way to the server chops.
    ChoppedWay "way-chops" Server None 1 "way to the store passes 7 bytes at a time",
    /// Replies of the server are lost after it did what was asked.
    LostReplies "replies-lost" Server Some 2 "replies of the store lost after execution, for 2 s",
    /// The way to the server comes and goes.
    FlappingWay "way-flaps" Server Some 1 "way to the store comes and goes, 10 times",
    /// A primary of the cluster ends by SIGKILL, its replica takes over, and it comes back.
    KilledPrimary "primary-killed" Cluster Some 2 "primary killed (SIGKILL), replica takes over",
    /// A slot moves to another primary.
    MovedSlot "slot-moved" Cluster Some 2 "a slot with a tenant's keys moved",
}

impl Fault {
    /// Faults that can be injected into a store and its gateways.
    pub fn of(store: Store) -> Vec<Self> {
        let fits = |fault: &Self| match (fault.row().0, store) {
            (On::Any, _) | (On::Embedded, Store::Embedded) | (On::Cluster, Store::Cluster) => true,
            (On::Server, store) => matches!(store, Store::Redis | Store::Valkey),
            _ => false,
        };
        Self::ALL.iter().copied().filter(fits).collect()
    }

    /// Number of injections for each injection of the other faults.
    pub fn times(self) -> usize {
        self.row().2
    }

    /// Returns `true` if deliveries in hand may repeat: outcome not stored, or lease ended.
    pub fn may_duplicate(self) -> bool {
        self.row().1 == Duplicates::Some
    }

    /// Returns `true` for a fail-over: it may lose confirmed data, which the gateway must report.
    pub fn may_lose(self) -> bool {
        self == Self::KilledPrimary
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.row().3)
    }
}

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Embedded => "Embedded store",
            Self::Redis => "Redis (appendfsync always)",
            Self::Valkey => "Valkey (appendfsync always)",
            Self::Cluster => "Redis Cluster of six (appendfsync always)",
        })
    }
}
