//! Limits of the machine: file descriptors, and the confinement of compiler processes.

use crate::config::Config;
use crate::http::Descriptors;
use hookgate_plugin_host::Confinement;

/// Limits the server's connections to the file descriptors. Returns its settings, and warnings.
pub(super) fn limited(config: &Config) -> (crate::http::Config, Vec<String>) {
    let descriptors = Descriptors::raise();
    let (wanted, outgoing) = (config.server.connections(), config.outgoing_connections());
    let warning = descriptors.warning(wanted, outgoing);
    if let Some(warning) = &warning {
        tracing::warn!(reason = warning, "connections.limited");
    }
    let may = descriptors.connections(wanted, outgoing);
    let server = config.server.clone().with_connections(may);
    (server, warning.into_iter().collect())
}

/// Warning if compiler processes are not confined on this machine.
pub(super) async fn unconfined() -> Option<String> {
    let probe = || Confinement::probe(&std::env::current_exe()?);
    let probed = tokio::task::spawn_blocking(probe)
        .await
        .map_err(std::io::Error::from);
    let warning = match probed.flatten() {
        Ok(confinement) => confinement.warning(),
        Err(error) => Some(format!("it is not known whether compiling is confined: {error}")),
    };
    if let Some(reason) = &warning {
        tracing::warn!(reason, "compiling.unconfined");
    }
    warning
}
