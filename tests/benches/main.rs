//! Benchmarks of the whole gateway: producer, gateway, store and receiver on one machine.
//!
//! `cargo build --release --workspace && target/release/bench end-to-end --store redis`
//!
//! Figures are of one run on one machine; what counts is a ratio within one run, so `end-to-end` can also run the bare relay
//! beside the gateway and say what share of the machine's limit it reaches.
#![expect(clippy::print_stdout, reason = "figures are this program's output")]

mod backlog;
mod idle;
mod latency;
mod load;
mod neighbours;
mod relay;
mod sink;
mod throughput;

use anyhow::Result;
use clap::{Parser, Subcommand, ValueEnum};
use hookgate_tests::{Fsync, Gateway, RedisServer, Setup};

#[derive(Parser)]
#[command(about = "Benchmarks of the whole gateway")]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Events per second from the producer to the receiver, with the redact plugin in the chain.
    EndToEnd {
        #[arg(long, value_enum, default_value = "embedded")]
        store: StoreKind,
        /// Events to send.
        #[arg(long, default_value_t = 200_000)]
        events: usize,
        /// Connections of the producer.
        #[arg(long, default_value_t = 64)]
        connections: usize,
        /// Leave the plugin out, to see what it costs.
        #[arg(long)]
        without_plugin: bool,
        /// Measure the bare relay in the same run.
        #[arg(long)]
        with_relay: bool,
    },
    /// From accepted to received, at a steady rate.
    Latency {
        #[arg(long, value_enum, default_value = "embedded")]
        store: StoreKind,
        /// Events per second.
        #[arg(long, default_value_t = 1_000)]
        rate: u32,
        /// For so many seconds.
        #[arg(long, default_value_t = 15)]
        seconds: u32,
    },
    /// A tenant's latency until its events are accepted and delivered, alone and beside tenants whose plugins mean harm.
    Neighbours {
        #[arg(long, value_enum, default_value = "embedded")]
        store: StoreKind,
        /// Events per second of the tenant.
        #[arg(long, default_value_t = 500)]
        rate: u32,
        /// Turns of a second, alone and beside each guest.
        #[arg(long, default_value_t = 15)]
        turns: usize,
        /// Connections of the other tenant.
        #[arg(long, default_value_t = 16)]
        connections: usize,
        /// Only these guests, by the names that are printed.
        #[arg(long)]
        only: Vec<String>,
        /// More configuration, TOML; plugins that are stopped are called again and again where nothing else is said.
        #[arg(long, default_value = "plugins.breaker.failures = 0")]
        config: String,
        /// Print the figures as JSON.
        #[arg(long)]
        json: bool,
    },
    /// A tenant's latency from accepted to received, alone and behind another's deliveries that wait for an endpoint that hangs.
    Backlog {
        #[arg(long, value_enum, default_value = "embedded")]
        store: StoreKind,
        /// Deliveries that wait.
        #[arg(long, default_value_t = 14_000)]
        waiting: usize,
        /// Events per second of the tenant.
        #[arg(long, default_value_t = 100)]
        rate: u32,
        /// For so many seconds, alone and behind.
        #[arg(long, default_value_t = 10)]
        seconds: u32,
    },
    /// Memory and processor time of a gateway that does nothing, and how long it takes to start.
    Idle {
        #[arg(long, value_enum, default_value = "embedded")]
        store: StoreKind,
    },
}

#[derive(Clone, Copy, ValueEnum, Debug)]
enum StoreKind {
    Embedded,
    Redis,
    RedisAlways,
}

/// A gateway and the Redis behind it, if there is one.
struct Bench {
    gateway: Gateway,
    _redis: Option<RedisServer>,
}

impl Bench {
    fn start(store: StoreKind) -> Result<Self> {
        Self::with(store, "")
    }

    fn with(store: StoreKind, config: &str) -> Result<Self> {
        let redis = match store {
            StoreKind::Embedded => None,
            StoreKind::Redis => Some(RedisServer::start(Fsync::EverySec)?),
            StoreKind::RedisAlways => Some(RedisServer::start(Fsync::Always)?),
        };
        let setup = redis
            .as_ref()
            .map_or_else(Setup::embedded, |redis| Setup::redis(&redis.url()));
        let gateway = setup.with(config).try_start()?;
        Ok(Self {
            gateway,
            _redis: redis,
        })
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    match Arguments::parse().what {
        What::EndToEnd {
            store,
            events,
            connections,
            without_plugin,
            with_relay,
        } => {
            let plan = load::Plan { events, connections };
            if with_relay {
                let relay = relay::measure(&plan).await?;
                println!("bare relay        {relay:>9.0} events/s");
            }
            let measured = throughput::measure(&Bench::start(store)?, &plan, !without_plugin).await?;
            println!("{measured}");
        }
        What::Latency { store, rate, seconds } => {
            println!(
                "{}",
                latency::measure(&Bench::start(store)?, rate, seconds).await?
            );
        }
        What::Neighbours {
            store,
            rate,
            turns,
            connections,
            only,
            config,
            json,
        } => {
            let plan = neighbours::Plan {
                rate,
                turns,
                connections,
                only,
            };
            let bench = Bench::with(store, &config)?;
            let told = |line: &str| {
                if !json {
                    println!("{line}");
                }
            };
            let measured = neighbours::measure(&bench, &plan, told).await?;
            if json {
                println!("{}", measured.json());
            }
        }
        What::Backlog {
            store,
            waiting,
            rate,
            seconds,
        } => {
            let plan = backlog::Plan {
                waiting,
                rate,
                seconds,
            };
            print!("{}", backlog::measure(&Bench::start(store)?, plan).await?);
        }
        What::Idle { store } => println!("{}", idle::measure(store)?),
    }
    Ok(())
}
