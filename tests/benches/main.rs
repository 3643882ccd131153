//! Benchmarks of the whole gateway: producer, gateway, store and receiver on one machine.
//!
//! `cargo build --release --workspace && target/release/bench end-to-end --store redis`
//!
//! Figures are of one run on one machine, and only ratios within a run are comparable. `end-to-end`
//! can therefore also run the bare relay beside the gateway and report the gateway's share of the
//! machine's limit.
#![expect(clippy::print_stdout, reason = "figures are this program's output")]

mod backlog;
mod idle;
mod latency;
mod lists;
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
        /// Omit the plugin, to see its cost.
        #[arg(long)]
        without_plugin: bool,
        /// Measure the bare relay in the same run.
        #[arg(long)]
        with_relay: bool,
        /// Additional configuration, TOML, such as `retention.attempt_log = 0`.
        #[arg(long, default_value = "")]
        config: String,
    },
    /// Latency from accepted to received, at a steady rate.
    Latency {
        #[arg(long, value_enum, default_value = "embedded")]
        store: StoreKind,
        /// Events per second.
        #[arg(long, default_value_t = 1_000)]
        rate: u32,
        /// Duration in seconds.
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
        /// Rounds of one second, alone and beside each guest.
        #[arg(long, default_value_t = 15)]
        turns: usize,
        /// Connections of the other tenant.
        #[arg(long, default_value_t = 16)]
        connections: usize,
        /// Only these guests, by their printed names.
        #[arg(long)]
        only: Vec<String>,
        /// Additional configuration, TOML; by default the breaker is off, so that stopped plugins
        /// are called again and again.
        #[arg(long, default_value = "plugins.breaker.failures = 0")]
        config: String,
        /// Print the figures as JSON.
        #[arg(long)]
        json: bool,
    },
    /// A tenant's latency to receipt, alone and behind another's deliveries to a hanging endpoint.
    Backlog {
        #[arg(long, value_enum, default_value = "embedded")]
        store: StoreKind,
        /// Waiting deliveries.
        #[arg(long, default_value_t = 14_000)]
        waiting: usize,
        /// Events per second of the tenant.
        #[arg(long, default_value_t = 100)]
        rate: u32,
        /// Duration in seconds, each of alone and behind.
        #[arg(long, default_value_t = 10)]
        seconds: u32,
    },
    /// Latency of the lists and time series over a store with many deliveries.
    Lists {
        #[arg(long, value_enum, default_value = "embedded")]
        store: StoreKind,
        /// Deliveries of all tenants together.
        #[arg(long, default_value_t = 1_000_000)]
        deliveries: usize,
        /// Tenants.
        #[arg(long, default_value_t = 8)]
        tenants: usize,
        /// Requests for each list.
        #[arg(long, default_value_t = 100)]
        rounds: usize,
        /// Connections of the producers.
        #[arg(long, default_value_t = 4)]
        connections: usize,
        /// Print the figures as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Memory and processor time of an idle gateway, and its start time.
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
        let gateway = setup.as_shipped().with(config).try_start()?;
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
            config,
        } => {
            let plan = load::Plan { events, connections };
            if with_relay {
                let relay = relay::measure(&plan).await?;
                println!("bare relay        {relay:>9.0} events/s");
            }
            let measured = throughput::measure(&Bench::with(store, &config)?, &plan, !without_plugin).await?;
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
        What::Lists {
            store,
            deliveries,
            tenants,
            rounds,
            connections,
            json,
        } => {
            let plan = lists::Plan {
                deliveries,
                tenants,
                rounds,
                connections,
            };
            // What fails is a dead letter at once, and no endpoint is disabled for it.
            let bench = Bench::with(store, "retry.attempts = 1")?;
            let measured = lists::measure(&bench, &plan).await?;
            match json {
                true => println!("{}", measured.json()),
                false => print!("{measured}"),
            }
        }
        What::Idle { store } => println!("{}", idle::measure(store)?),
    }
    Ok(())
}
