//! What every running part shares: clocks, new ids, shares of memory, tracked tasks, and telemetry.
//!
//! Parts are given a [`Clock`](clock::Clock), an [`IdSource`](ids::IdSource), a [`MemoryPool`](memory::MemoryPool),
//! [`Tasks`](tasks::Tasks) and [`Metrics`](telemetry::Metrics); none of them is a static.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout))]

pub mod clock;
pub mod ids;
pub mod memory;
pub mod tasks;
pub mod telemetry;
