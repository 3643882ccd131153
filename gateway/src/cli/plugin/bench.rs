//! `hookgate plugin bench`: measures a component's calls, run through the plugin host like events.

use std::time::{Duration, Instant};

use clap::Args;
use serde_json::json;

use super::Subject;
use super::local::{Local, call};
use super::run::{Given, accepted};
use crate::cli::output::{Failure, bold, dim, say};
use hookgate_plugin_host::{Phase, Verdict};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    subject: Subject,
    #[command(flatten)]
    given: Given,
    /// Number of calls, one after the other.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    calls: u32,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let (event, settings) = arguments.given.read(Phase::Ingress)?;
    let limits = arguments.subject.limits()?;
    let component = arguments.subject.component()?;
    let (mut times, elapsed, fuel, deadline) = super::block_on(async {
        let local = Local::start(limits)?;
        let loaded = local.load(&component).await?;
        accepted(&local, &loaded, &settings).await?;
        // One call first: a failing component is not measured, and the call warms up what is warm
        // in production.
        let tried = local.try_out(&loaded, &settings, &event).await;
        if let Verdict::Failed(failure) = tried.verdict {
            return Err(Failure::new(format!(
                "the plugin failed ({}): {}",
                failure.kind, failure.message
            )));
        }
        let fuel = tried.steps.first().and_then(|step| step.used.fuel);
        for _ in 0..arguments.calls.min(WARM_UP) {
            local.handle(call(&loaded, &settings, &event)).await;
        }
        let mut times = Vec::with_capacity(arguments.calls as usize);
        let started = Instant::now();
        for _ in 0..arguments.calls {
            let call = call(&loaded, &settings, &event);
            let began = Instant::now();
            local.handle(call).await;
            times.push(began.elapsed());
        }
        let deadline = local.limits_of(&loaded).call_deadline;
        Ok((times, started.elapsed(), fuel, deadline))
    })?;
    times.sort_unstable();
    let rate = f64::from(arguments.calls) / elapsed.as_secs_f64();
    let (half, most, longest) = (
        quantile(&times, 500),
        quantile(&times, 990),
        quantile(&times, 1_000),
    );
    if arguments.json {
        say(json!({
            "calls": arguments.calls, "calls_per_second": rate.round(), "p50_us": micros(half), "p99_us": micros(most),
            "max_us": micros(longest), "limit_us": micros(deadline.get()), "fuel": fuel,
        }));
        return Ok(());
    }
    say(format_args!(
        "{} {:.0} calls/s, one after the other",
        bold("rate"),
        rate
    ));
    for (name, time) in [("p50", half), ("p99", most), ("max", longest)] {
        let share = time.as_secs_f64() / deadline.get().as_secs_f64() * 100.0;
        say(format_args!(
            "{name} {:>8.1} µs {}",
            micros(time),
            dim(&format!("{share:.2} % of {deadline}"))
        ));
    }
    if let Some(fuel) = fuel {
        say(format_args!("fuel {fuel} a call"));
    }
    Ok(())
}

/// Quantile of sorted durations, in thousandths.
fn quantile(sorted: &[Duration], thousandths: usize) -> Duration {
    let last = sorted.len().saturating_sub(1);
    sorted
        .get((sorted.len() * thousandths / 1_000).min(last))
        .copied()
        .unwrap_or_default()
}

fn micros(time: Duration) -> f64 {
    (time.as_secs_f64() * 10_000_000.0).round() / 10.0
}

/// Calls before the measured ones.
const WARM_UP: u32 = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles() {
        let times: Vec<_> = (1..=100).map(Duration::from_micros).collect();
        for (thousandths, expected) in [(0, 1), (500, 51), (990, 100), (1_000, 100)] {
            assert_eq!(quantile(&times, thousandths), Duration::from_micros(expected));
        }
        assert_eq!(quantile(&[], 500), Duration::ZERO);
        assert_eq!(micros(Duration::from_nanos(12_340)), 12.3);
    }
}
