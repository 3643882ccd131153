//! Start of a gateway without its port and its store: what `config check` and `doctor` find wrong is what `serve` would refuse.
//!
//! The same code runs, on a store of its own among the temporary files and at ports that are free. Nothing of the real data
//! directory or store is read or written, so that it can be done beside a running gateway.

use std::net::{Ipv4Addr, SocketAddr};

use tokio_util::sync::CancellationToken;

use super::output::Failure;
use super::serve;
use super::temporary::TemporaryDir;
use crate::app::App;
use crate::config::{Config, Loaded};
use hookgate_domain::units::Size;
use hookgate_registry::{ChainSpec, DeclaredTenant, StepSpec, is_shipped};

/// Starts and ends a gateway with this configuration. Returns what could not be checked: steps of declared chains whose plugins are
/// in the store.
///
/// # Errors
/// That which `serve` would refuse.
pub(super) fn rehearse(loaded: &Loaded) -> Result<Vec<String>, Failure> {
    let mut declared = loaded.config.declared_tenants()?;
    let unchecked = leave_uploaded_out(&mut declared);
    let dir = TemporaryDir::new("check")?;
    let config = elsewhere(&loaded.config, &dir);
    let runtime = tokio::runtime::Runtime::new().map_err(|error| Failure::of(&error))?;
    runtime.block_on(async {
        let started = App::start(&config, &declared).await;
        let app = started.map_err(|error| serve::refused(loaded, error))?;
        let ended = CancellationToken::new();
        ended.cancel();
        app.run(ended).await;
        Ok(unchecked)
    })
}

/// The same settings, with another place for everything that is written, and free ports.
fn elsewhere(config: &Config, dir: &TemporaryDir) -> Config {
    let mut config = config.clone();
    let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    config.data_dir = dir.path().to_owned();
    config.store.url = None;
    config.store.embedded.min_free_disk = Size::from_bytes(0);
    config.backup.every = None;
    config.server.listen = free;
    config.server.health_listen = config.server.health_listen.map(|_| free);
    if let Some(public) = &mut config.server.public {
        public.listen = free;
    }
    if let Some(admin) = &mut config.server.admin {
        admin.listen = free;
    }
    config
}

/// Takes the steps out whose plugins do not ship with the gateway: they are in its store, or missing there.
fn leave_uploaded_out(tenants: &mut [DeclaredTenant]) -> Vec<String> {
    let mut left_out = Vec::new();
    for declared in tenants {
        let tenant = declared.tenant.id.to_string();
        let chains = declared.subscriptions.iter_mut().map(|given| &mut given.chain);
        for chain in chains.chain([&mut declared.chain]).flatten() {
            left_out.extend(uploaded(chain).map(|step| format!("tenants.{tenant}: `{}`", step.plugin)));
            chain.steps.retain(|step| !is_uploaded(step));
        }
    }
    left_out
}

fn uploaded(chain: &ChainSpec) -> impl Iterator<Item = &StepSpec> {
    chain.steps.iter().filter(|step| is_uploaded(step))
}

fn is_uploaded(step: &StepSpec) -> bool {
    !is_shipped(&step.plugin) || step.version.is_some() || step.canary.is_some()
}
