//! Test plugin that fails as its settings request, in the ways in which ordinary Rust code fails.

use hookgate_sdk::{Description, Event, Failure, Plugin, Verdict, pointer};

/// The plugin.
pub struct Careless;

impl Plugin for Careless {
    fn describe() -> Description {
        Description::new("guest", env!("CARGO_PKG_VERSION"), "Goes wrong.")
    }

    fn handle(event: &Event) -> Result<Verdict, Failure> {
        match event.settings().get_str("/do").unwrap_or_default().as_str() {
            "panics" => no_such("\u{1b}[31mcus_7"),
            "unwraps" => unwraps(event),
            "out-of-memory" => at_once(),
            "leaks" => leaks(),
            "recurses" => drop(deeper(&[1; 64])),
            "exits" => std::process::exit(3),
            "reads-many" => reads_many(event),
            "finds" => finds(event)?,
            "removes-found" => removes_found(event)?,
            _ => return Err(Failure::internal("no luck today")),
        }
        Ok(Verdict::Pass)
    }
}

/// Reads one place in one operation, as often as the settings request.
fn reads_many(event: &Event) {
    let settings = event.settings();
    let pointer = settings.get_str("/pointer").unwrap_or_default();
    let _ = event.data().get_many(&vec![pointer.as_str(); count(event)]);
}

/// Finds all places that a pattern of the settings matches.
fn finds(event: &Event) -> Result<(), Failure> {
    let pattern = event.settings().get_str("/pattern").unwrap_or_default();
    event.data().find(&pattern, u32::MAX)?;
    Ok(())
}

/// Removes the same places one by one, by their own pointers.
fn removes_found(event: &Event) -> Result<(), Failure> {
    let pattern = event.settings().get_str("/pattern").unwrap_or_default();
    for place in event.data().find(&pattern, 100)? {
        event.data().remove(&pointer::to_pattern(&place))?;
    }
    Ok(())
}

fn count(event: &Event) -> usize {
    let count = event.settings().get_i64("/count").unwrap_or(1);
    usize::try_from(count).unwrap_or_default()
}

#[expect(clippy::panic, reason = "it is what this plugin is for")]
fn no_such(customer: &str) {
    panic!("no such customer: {customer}");
}

#[expect(clippy::unwrap_used, reason = "it is what this plugin is for")]
fn unwraps(event: &Event) {
    event.data().get_str("/not/there").unwrap();
}

fn at_once() {
    std::hint::black_box(vec![1_u8; 1 << 30]);
}

fn leaks() {
    loop {
        std::mem::forget(std::hint::black_box(vec![1_u8; 1 << 16]));
    }
}

#[inline(never)]
fn deeper(numbers: &[u64]) -> u64 {
    let more: Vec<u64> = numbers.iter().map(|n| n + 1).collect();
    let own = std::hint::black_box([numbers[0]; 64]);
    if own[0] == u64::MAX {
        return 0;
    }
    deeper(&more) + own[0]
}

hookgate_sdk::export!(Careless);
