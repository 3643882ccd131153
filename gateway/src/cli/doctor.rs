//! `hookgate doctor`: checks the requirements of plugins and of the gateway on this machine.
//! It reports how to get what is missing, also without a network, and changes nothing.

mod collector;
mod machine;
mod probe;

use std::fs::Metadata;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::Settings;
use super::output::{Failure, bold, dim, green, red_out, say, yellow};
use super::plugin::toolchain::Toolchain;
use crate::config::{Config, Loaded};
use crate::http::Descriptors;
use hookgate_domain::Timestamp;
use hookgate_plugin_host::Confinement;
use hookgate_registry::have_every_scope;
use hookgate_runtime::clock::Clock;
use hookgate_runtime::telemetry::error_chain;
use hookgate_store::{self as store, Shard, Store, StoreError, StoreUrl};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    settings: Settings,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    /// Look at nothing but the running gateway: does it take events? For health checks of containers. Exit code 1: it does not.
    #[arg(long, conflicts_with = "json")]
    ready: bool,
    /// Look at nothing but the running gateway: does its process answer?
    #[arg(long, conflicts_with_all = ["json", "ready"])]
    alive: bool,
}

/// Result of a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Finding {
    /// Stable name of the check.
    check: &'static str,
    state: State,
    /// Result in words.
    says: String,
    /// Ways to fix it, the simplest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fix: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Ok,
    /// A problem now or later.
    Warning,
    /// The gateway does not start with this problem.
    Wrong,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    if arguments.ready || arguments.alive {
        let path = if arguments.ready { "/readyz" } else { "/healthz" };
        return probe::ask(&arguments.settings.load()?.config, path);
    }
    let mut findings = toolchain(&Toolchain::look());
    match arguments.settings.reload() {
        Ok(loaded) => findings.extend(gateway(&loaded)?),
        Err(refused) => {
            let says: Vec<_> = refused.0.iter().map(ToString::to_string).collect();
            let hints = refused.0.iter().filter_map(|problem| problem.hint.clone());
            findings.push(Finding::new("configuration", State::Wrong, says.join("; ")).fixes(hints));
        }
    }
    if arguments.json {
        say(serde_json::json!({ "findings": findings }));
    } else {
        findings.iter().for_each(show);
    }
    let wrong = findings
        .iter()
        .filter(|finding| finding.state == State::Wrong)
        .count();
    if wrong > 0 {
        return Err(Failure::new(format!(
            "{wrong} of {} checks found something wrong",
            findings.len()
        )));
    }
    Ok(())
}

fn show(finding: &Finding) {
    let mark = match finding.state {
        State::Ok => green("ok     "),
        State::Warning => yellow("warning"),
        State::Wrong => red_out("wrong  "),
    };
    say(format_args!("{mark} {} {}", bold(finding.check), finding.says));
    for fix in &finding.fix {
        say(dim(&format!("          {fix}")));
    }
}

impl Finding {
    fn new(check: &'static str, state: State, says: impl Into<String>) -> Self {
        Self {
            check,
            state,
            says: says.into(),
            fix: Vec::new(),
        }
    }

    fn fixes(mut self, fixes: impl IntoIterator<Item = String>) -> Self {
        self.fix.extend(fixes);
        self
    }

    fn fix(self, fix: impl Into<String>) -> Self {
        self.fixes([fix.into()])
    }
}

/// Checks the toolchain that compiles plugins. A gateway runs without it.
fn toolchain(found: &Toolchain) -> Vec<Finding> {
    let rust = match (&found.rustc, &found.cargo) {
        (Some(rustc), Some(_)) => Finding::new("rust", State::Ok, rustc),
        (rustc, _) => {
            let missing = if rustc.is_none() {
                "rustc is not there"
            } else {
                "cargo is not there"
            };
            Finding::new(
                "rust",
                State::Warning,
                format!("{missing}: plugins cannot be compiled on this machine"),
            )
            .fixes(found.fixes())
        }
    };
    let target = if found.target {
        Finding::new(
            "plugin-target",
            State::Ok,
            "rustup's target wasm32-wasip2 is installed",
        )
    } else if found.compiles() {
        Finding::new(
            "plugin-target",
            State::Ok,
            "Debian's packages compile to wasm32-wasip2",
        )
    } else {
        let says = "nothing compiles to wasm32-wasip2: `hookgate plugin build` does not work";
        Finding::new("plugin-target", State::Warning, says).fixes(found.fixes())
    };
    vec![rust, target]
}

fn gateway(loaded: &Loaded) -> Result<Vec<Finding>, Failure> {
    let config = &loaded.config;
    let file = loaded.file.as_ref();
    let says = file.map_or_else(
        || "no file: the built-in values, the environment and the flags hold".to_owned(),
        |file| format!("{} holds", file.display()),
    );
    let mut findings = vec![Finding::new("configuration", State::Ok, says)];
    findings.push(machine::start(loaded));
    findings.push(machine::ports(config));
    findings.push(data_dir(&config.data_dir));
    findings.extend(machine::disk(config));
    findings.push(descriptors(config));
    findings.push(confinement());
    let runtime = tokio::runtime::Runtime::new().map_err(|error| Failure::of(&error))?;
    findings.extend(runtime.block_on(stored(loaded)));
    findings.extend(runtime.block_on(collector::collector(config)));
    Ok(findings)
}

/// Checks that the file descriptors suffice for the configured connections.
fn descriptors(config: &Config) -> Finding {
    let wanted = config.server.connections();
    match Descriptors::available().warning(wanted, config.outgoing_connections()) {
        None => Finding::new(
            "descriptors",
            State::Ok,
            format!("there are enough for {wanted} connections"),
        ),
        Some(warning) => Finding::new("descriptors", State::Warning, warning)
            .fix("raise the hard limit: LimitNOFILE= of the service, --ulimit nofile= of the container, or `ulimit -Hn`")
            .fix("or lower `server.max_connections`"),
    }
}

/// Checks that the process that compiles uploaded plugins can be sandboxed on this machine.
fn confinement() -> Finding {
    let finding = |state, says: String| Finding::new("compiling", state, says);
    let probed = std::env::current_exe().and_then(|exe| Confinement::probe(&exe));
    let confinement = match probed {
        Ok(confinement) => confinement,
        Err(error) => return finding(State::Warning, format!("it cannot be tried: {error}")),
    };
    if let Some(warning) = confinement.warning() {
        return finding(State::Warning, warning)
            .fix("run the gateway on a kernel with seccomp filters or Landlock (Linux 5.13), and let the container use them");
    }
    let mut says = "opens no files, makes no sockets, starts no processes".to_owned();
    if !confinement.missing.is_empty() {
        says = format!("{says} ({})", confinement.missing.join("; "));
    }
    finding(State::Ok, says)
}

fn data_dir(dir: &Path) -> Finding {
    let name = dir.display();
    let finding = |state, says: String| Finding::new("data-dir", state, says);
    match std::fs::metadata(dir) {
        Ok(metadata) if !metadata.is_dir() => finding(State::Wrong, format!("{name} is no directory"))
            .fix("give another one: `data_dir`, HOOKGATE_DATA_DIR or --data-dir"),
        Ok(metadata) => permissions(dir, &metadata),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let parent = dir.ancestors().skip(1).find(|parent| parent.exists());
            let parent = parent
                .filter(|parent| !parent.as_os_str().is_empty())
                .unwrap_or(Path::new("."));
            if writable(parent) {
                finding(State::Ok, format!("{name} is made at the first start"))
            } else {
                finding(
                    State::Wrong,
                    format!("{name} is not there, and cannot be made in {}", parent.display()),
                )
                .fix(format!(
                    "make it for the gateway's user: install -d -m 700 -o USER {name}"
                ))
            }
        }
        Err(error) => finding(State::Wrong, format!("{name}: {error}")).fix("run this as the gateway's user"),
    }
}

fn permissions(dir: &Path, metadata: &Metadata) -> Finding {
    let (name, mode) = (dir.display(), metadata.permissions().mode() & 0o777);
    let open: Vec<String> = secrets(dir)
        .filter(|file| open_to_others(file))
        .map(|file| file.display().to_string())
        .collect();
    if !writable(dir) {
        let says = format!(
            "{name} (owner {}, mode {mode:o}) cannot be written by this user",
            metadata.uid()
        );
        return Finding::new("data-dir", State::Wrong, says)
            .fix(format!("chown -R USER {name}, for the gateway's user"));
    }
    if !open.is_empty() {
        let says = format!("others can read secrets: {}", open.join(", "));
        return Finding::new("data-dir", State::Warning, says).fix(format!("chmod 600 {}", open.join(" ")));
    }
    if mode & 0o077 != 0 {
        let says = format!("{name} has mode {mode:o}: others can list its files");
        return Finding::new("data-dir", State::Warning, says).fix(format!("chmod 700 {name}"));
    }
    Finding::new("data-dir", State::Ok, format!("{name} is there, mode {mode:o}"))
}

/// Files of a data directory with the gateway's keys.
fn secrets(dir: &Path) -> impl Iterator<Item = std::path::PathBuf> {
    ["operator.key", "secrets.key"]
        .into_iter()
        .map(|name| dir.join(name))
}

fn open_to_others(file: &Path) -> bool {
    std::fs::metadata(file).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0)
}

fn writable(dir: &Path) -> bool {
    rustix::fs::access(dir, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK).is_ok()
}

async fn stored(loaded: &Loaded) -> Vec<Finding> {
    let config = &loaded.config;
    let url = config.store_url();
    if let StoreUrl::Embedded(directory) = &url {
        return vec![embedded(directory), keys_elsewhere()];
    }
    let opening = store::open(&url, &config.store, &config.retention, Clock::System);
    let store = match tokio::time::timeout(PATIENCE, opening).await {
        Ok(Ok(store)) => store,
        Ok(Err(error)) => {
            let says = format!("{url}: {}", error_chain(&error));
            return vec![Finding::new("store", State::Wrong, says).fix("start it, or correct `store.url`")];
        }
        Err(_) => {
            let says = format!("{url} does not answer within {} seconds", PATIENCE.as_secs());
            return vec![Finding::new("store", State::Wrong, says).fix("start it, or correct `store.url`")];
        }
    };
    let health = store.health().await;
    let state = match (health.available && health.accepting, health.warnings.is_empty()) {
        (false, _) => State::Wrong,
        (true, false) => State::Warning,
        (true, true) => State::Ok,
    };
    let says = if health.warnings.is_empty() {
        "it answers".to_owned()
    } else {
        health.warnings.join("; ")
    };
    vec![
        Finding::new("store", state, format!("{url}: {says}")),
        clock(store.as_ref()).await,
        keys(store.as_ref()).await,
    ]
}

/// Warns of tenants whose keys all have every scope. Checks up to [`MOST_TENANTS`].
async fn keys(store: &dyn Store) -> Finding {
    let finding = |state, says: String| Finding::new("keys", state, says);
    let unread = |error: &StoreError| finding(State::Warning, format!("tenants cannot be read: {error}"));
    let tenants = match store.registry_changes(0).await {
        Ok((_, tenants)) => tenants,
        Err(error) => return unread(&error),
    };
    let (mut found, mut first) = (0, None);
    for tenant in tenants.iter().take(MOST_TENANTS) {
        match store.registry_load(tenant).await {
            Ok(Some(record)) if have_every_scope(&record) => {
                found += 1;
                first.get_or_insert(tenant);
            }
            Ok(_) => {}
            Err(error) => return unread(&error),
        }
    }
    let Some(first) = first else {
        return finding(State::Ok, "no tenant has keys with every scope alone".to_owned());
    };
    finding(
        State::Warning,
        match found {
            1 => format!("all keys of the tenant `{first}` have every scope"),
            _ => format!("all keys of {found} tenants have every scope, such as those of `{first}`"),
        },
    )
    .fix("give producers keys with the scope `publish`, customers keys with `consumer`, and revoke the others: /v1/tenants/ID/keys")
}

/// Checks the embedded store without opening it: a gateway may be running on it.
fn embedded(directory: &Path) -> Finding {
    let name = directory.display();
    if !directory.exists() {
        return Finding::new(
            "store",
            State::Ok,
            format!("embedded: {name} is made at the first start"),
        );
    }
    if writable(directory) {
        return Finding::new(
            "store",
            State::Ok,
            format!("embedded: {name}; its clock is this machine's"),
        );
    }
    Finding::new(
        "store",
        State::Wrong,
        format!("embedded: {name} cannot be written by this user"),
    )
    .fix(format!("chown -R USER {name}, for the gateway's user"))
}

fn keys_elsewhere() -> Finding {
    let says = "advice on keys is the running gateway's: GET /readyz with the operator's key";
    Finding::new("keys", State::Ok, says)
}

/// Measures the difference between the store's clock and this machine's.
/// Leases and retries follow the store's clock; signatures carry this machine's.
async fn clock(store: &dyn Store) -> Finding {
    let asked = Clock::System.now();
    // Claims nothing: only the time is needed.
    let turns = store.turns(Shard(0), 0).await;
    let answered = Clock::System.now();
    match turns {
        Ok(turns) => skew(turns.now, asked, answered),
        Err(error) => Finding::new(
            "clock",
            State::Warning,
            format!("the store does not say its time: {error}"),
        ),
    }
}

fn skew(store: Timestamp, asked: Timestamp, answered: Timestamp) -> Finding {
    let off = asked.since(store).max(store.since(answered));
    let says = format!(
        "this machine's clock and the store's differ by {} ms",
        off.as_millis()
    );
    if off <= MOST_SKEW {
        return Finding::new("clock", State::Ok, says);
    }
    let says = format!("{says}: receivers refuse signatures whose time is too far from theirs");
    Finding::new("clock", State::Warning, says)
        .fix("let both follow a time server (chrony, systemd-timesyncd)")
}

/// Timeout of the store.
const PATIENCE: Duration = Duration::from_secs(10);
/// Maximum of tenants whose keys are checked.
const MOST_TENANTS: usize = 1_000;
/// Largest acceptable clock difference; receivers commonly allow five minutes.
const MOST_SKEW: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_that_differ() {
        let at = Timestamp::from_millis;
        for (store, asked, answered, state) in [
            (1_000, 900, 1_100, State::Ok),
            (10_000, 900, 1_100, State::Ok),
            (20_000, 900, 1_100, State::Warning),
            (1_000, 20_000, 20_100, State::Warning),
        ] {
            assert_eq!(
                skew(at(store), at(asked), at(answered)).state,
                state,
                "{store} {asked} {answered}"
            );
        }
    }

    #[test]
    fn the_data_directory() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
        assert_eq!(data_dir(&dir.path().join("a/b")).state, State::Ok);
        assert_eq!(data_dir(dir.path()).state, State::Ok);
        let key = dir.path().join("operator.key");
        std::fs::write(&key, "x").unwrap();
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
        let open = data_dir(dir.path());
        assert_eq!(open.state, State::Warning);
        assert!(open.fix[0].contains("chmod 600"), "{open:?}");
        assert_eq!(data_dir(&key).state, State::Wrong);
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let open = data_dir(dir.path());
        assert_eq!(open.state, State::Warning);
        assert!(open.fix[0].contains("chmod 700"), "{open:?}");
    }
}
