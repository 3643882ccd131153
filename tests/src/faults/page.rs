//! The page of results: what was run, where, and what came of it.

use std::fmt::Write as _;
use std::process::Command;

use super::Report;
use crate::root;

/// Machine and build on which rounds were run.
#[derive(Debug, Clone)]
pub struct Place {
    /// Processors and memory.
    pub machine: String,
    /// The commit of the tree, with a mark where files differ from it.
    pub commit: String,
    /// The gateway's binary: its version.
    pub binary: String,
    /// The day.
    pub day: String,
}

impl Place {
    /// This machine and tree, today.
    pub fn here() -> Self {
        let file = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let (cpus, memory) = (file("/proc/cpuinfo"), file("/proc/meminfo"));
        let field = |text: &str, name: &str| {
            let line = text.lines().find(|line| line.starts_with(name));
            let value = line.and_then(|line| line.split_once(':'));
            value
                .map(|(_, value)| value.trim().to_owned())
                .unwrap_or_default()
        };
        let count = cpus.lines().filter(|line| line.starts_with("processor")).count();
        let kib: u64 = field(&memory, "MemTotal")
            .trim_end_matches(" kB")
            .parse()
            .unwrap_or_default();
        let system = said(Command::new("uname").args(["-sr"]));
        let git = |words: &[&str]| said(Command::new("git").args(words).current_dir(root()));
        let changed = if git(&["status", "--porcelain", "--untracked-files=no"]).is_empty() {
            ""
        } else {
            ", with changes"
        };
        Self {
            machine: format!(
                "{count} × {}, {} GiB of memory, {system}",
                field(&cpus, "model name"),
                kib >> 20
            ),
            commit: format!("{}{changed}", git(&["rev-parse", "--short", "HEAD"])),
            binary: said(crate::command().arg("--version")),
            day: jiff::Timestamp::now().to_string().chars().take(10).collect(),
        }
    }
}

/// The whole page.
pub fn page(place: &Place, reports: &[Report], command: &str) -> String {
    let mut page = String::from(ABOUT);
    let _ = write!(
        page,
        "\nMade on {} by `{command}`, commit {}, {}, on {}.\n",
        place.day, place.commit, place.binary, place.machine
    );
    for report in reports {
        let _ = write!(page, "\n{report}");
    }
    page.push_str(HOW);
    page
}

fn said(command: &mut Command) -> String {
    let output = command.output().map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&output).trim().to_owned()
}

const ABOUT: &str = "# Reliability

Nothing that was answered 202 is lost. This page is made by the fault harness (`tests/faults`): gateways and their stores under load, a
fault at a time, and an oracle that knows each event that producers were told to be accepted and each request that receivers took.

* **accepted**: events that were answered 202. **refused**: answers that were none; each was a 429 or 503 with `Retry-After`, after
  which producers came again with the same key.
* **lost**: accepted, and neither delivered nor pending nor a dead letter.
* **duplicates**: requests beyond the first of an event that the receiver had answered with success. **bound**: deliveries that were in hand
  during the fault, accepted and not delivered or delivered from a second before it until all was well again; a delivery in hand may
  be repeated, any other may not.
* **recovery**: from the end of the fault until an event arrived that was posted after it. **caught up**: until all that was accepted
  before had arrived. Leases are 5 s here, 12 s by default, and what a killed gateway held waits for their end.
* **log lines**: warnings and errors of all gateways in a cycle.
";
const HOW: &str = "
## How to repeat it

`cargo build --release --workspace`, then `target/release/faults --help`. The seed makes the order and the moments of the faults; what
the machine does meanwhile is its own. A short round of every fault is among the tests (`tests/black_box/reliability.rs`).
";
