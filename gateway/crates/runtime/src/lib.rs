//! Shared services of the running parts: clocks, new ids, memory budgets, tracked tasks, telemetry.
//!
//! Components receive a [`Clock`](clock::Clock), an [`IdSource`](ids::IdSource), a
//! [`MemoryPool`](memory::MemoryPool), [`Tasks`](tasks::Tasks) and [`Metrics`](telemetry::Metrics)
//! as arguments; none of them is a static.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout))]

pub mod clock;
pub mod ids;
pub mod memory;
pub mod tasks;
pub mod telemetry;
