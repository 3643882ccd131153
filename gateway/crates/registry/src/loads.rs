//! Background loading of the components of tenants' chains: one task per tenant, one load at once.
//!
//! `publish` reports the components that a snapshot lacks ([`Loads::want`]); the task compiles them
//! in the tenant's place of the compiler's queue and rebuilds the chains that can run then. A
//! component that cannot be loaded is *missing*: its step fails, and the load is retried with
//! growing delays.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tracing::warn;

use super::tenant_chain::Wanted;
use super::{Registry, RegistryError};
use hookgate_domain::TenantId;
use hookgate_plugin_host::Component;
use hookgate_runtime::telemetry::error_chain;

/// Pending loads by tenant. Tenants without any are absent.
#[derive(Debug, Default)]
pub(super) struct Loads {
    tenants: Mutex<HashMap<TenantId, Load>>,
}

#[derive(Debug, Default)]
struct Load {
    wanted: VecDeque<Wanted>,
    /// Components whose load failed, by digest.
    missing: HashMap<String, Wanted>,
    /// Set while the tenant has a running task.
    running: bool,
    /// Consecutive rounds in which a component was missing.
    failures: u32,
    retry_at: Option<Instant>,
}

impl Loads {
    /// Digests whose load failed: a chain does not wait for them.
    pub(super) fn missing(&self, tenant: &TenantId) -> HashSet<String> {
        let tenants = self.tenants();
        let missing = tenants
            .get(tenant)
            .into_iter()
            .flat_map(|load| load.missing.keys());
        missing.cloned().collect()
    }

    /// Replaces the components that a tenant lacks. Returns `true` if a task must be started for
    /// it.
    pub(super) fn want(&self, tenant: &TenantId, unloaded: Vec<Wanted>) -> bool {
        let mut tenants = self.tenants();
        if unloaded.is_empty() {
            match tenants.get_mut(tenant) {
                Some(load) if load.running => {
                    *load = Load {
                        running: true,
                        ..Load::default()
                    }
                }
                Some(_) => drop(tenants.remove(tenant)),
                None => {}
            }
            return false;
        }
        let load = tenants.entry(tenant.clone()).or_default();
        let still: HashSet<&str> = unloaded.iter().map(|wanted| wanted.digest.as_str()).collect();
        load.missing.retain(|digest, _| still.contains(digest.as_str()));
        load.wanted.clear();
        let mut seen = HashSet::new();
        for wanted in unloaded {
            if !load.missing.contains_key(&wanted.digest) && seen.insert(wanted.digest.clone()) {
                load.wanted.push_back(wanted);
            }
        }
        let begin = !load.running && !load.wanted.is_empty();
        load.running |= begin;
        begin
    }

    /// Next component of a tenant's task; `None`: nothing is left, and the task ends.
    fn next(&self, tenant: &TenantId) -> Option<Wanted> {
        let mut tenants = self.tenants();
        let load = tenants.get_mut(tenant)?;
        let next = load.wanted.pop_front();
        if next.is_none() {
            load.running = false;
            if load.missing.is_empty() {
                tenants.remove(tenant);
            }
        }
        next
    }

    fn loaded(&self, tenant: &TenantId, wanted: &Wanted) {
        if let Some(load) = self.tenants().get_mut(tenant) {
            load.missing.remove(&wanted.digest);
            if load.missing.is_empty() {
                load.failures = 0;
            }
        }
    }

    fn failed(&self, tenant: &TenantId, wanted: Wanted) {
        let mut tenants = self.tenants();
        let load = tenants.entry(tenant.clone()).or_default();
        load.missing.insert(wanted.digest.clone(), wanted);
        load.failures = load.failures.saturating_add(1);
        let pause = RETRY_FIRST.saturating_mul(1 << load.failures.saturating_sub(1).min(10));
        load.retry_at = Some(Instant::now() + pause.min(RETRY_LAST));
    }

    /// Tenants whose missing components are due for a retry; each needs a task.
    fn due(&self, now: Instant) -> Vec<TenantId> {
        let mut due = Vec::new();
        for (tenant, load) in self.tenants().iter_mut() {
            if load.running || load.missing.is_empty() || load.retry_at.is_some_and(|at| now < at) {
                continue;
            }
            load.wanted.extend(load.missing.values().cloned());
            load.running = true;
            due.push(tenant.clone());
        }
        due
    }

    fn tenants(&self) -> MutexGuard<'_, HashMap<TenantId, Load>> {
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Registry {
    /// Starts the tenant's task for these components, unless one runs.
    pub(super) fn begin_loading(&self, id: &TenantId, unloaded: Vec<Wanted>) {
        if self.inner.loads.want(id, unloaded) {
            let tasks = &self.inner.tasks;
            tasks.spawn_until_stopped(self.clone().load_components(id.clone()));
        }
    }

    /// Retries the loads of missing components that are due.
    pub(super) fn retry_loads(&self) {
        for id in self.inner.loads.due(Instant::now()) {
            let tasks = &self.inner.tasks;
            tasks.spawn_until_stopped(self.clone().load_components(id));
        }
    }

    /// Task of a tenant. It holds the loaded components until its end: all steps of a chain become
    /// ready together.
    async fn load_components(self, id: TenantId) {
        let loads = &self.inner.loads;
        let mut held = Vec::new();
        while let Some(wanted) = loads.next(&id) {
            match self.load_component(&id, &wanted).await {
                Ok(Some(component)) => {
                    held.push(component);
                    loads.loaded(&id, &wanted);
                }
                Ok(None) => {
                    warn!(tenant = %id, plugin = wanted.plugin, "plugin.missing");
                    loads.failed(&id, wanted);
                }
                Err(error) => {
                    warn!(tenant = %id, plugin = wanted.plugin, error = %error_chain(&error), "plugin.missing");
                    loads.failed(&id, wanted);
                }
            }
            self.rebuild_chains(&id).await;
        }
    }

    /// Loads a component; retries for a while when the host is busy.
    async fn load_component(
        &self,
        id: &TenantId,
        wanted: &Wanted,
    ) -> Result<Option<Arc<Component>>, RegistryError> {
        for _ in 0..BUSY_TRIES {
            match self.inner.components.load(Some(id), &wanted.digest).await {
                Err(RegistryError::Component(error)) if error.is_busy() => {
                    tokio::time::sleep(BUSY_PAUSE).await;
                }
                other => return other,
            }
        }
        self.inner.components.load(Some(id), &wanted.digest).await
    }
}

/// First delay before a missing component is retried.
const RETRY_FIRST: Duration = Duration::from_secs(5);
const RETRY_LAST: Duration = Duration::from_secs(300);
/// Attempts at a busy host, and the pause between them: a minute in all.
const BUSY_TRIES: u32 = 240;
const BUSY_PAUSE: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tenant_chain::Role;

    fn wanted(digest: &str) -> Wanted {
        Wanted {
            digest: digest.to_owned(),
            plugin: "guest".to_owned(),
            role: Role::Step,
        }
    }

    #[test]
    fn loads_have_one_task_a_tenant_and_each_component_once() {
        let (loads, acme) = (Loads::default(), "acme".parse().unwrap());
        assert!(!loads.want(&acme, Vec::new()));
        assert!(loads.want(&acme, vec![wanted("a"), wanted("b"), wanted("a")]));
        assert!(
            !loads.want(&acme, vec![wanted("b"), wanted("c")]),
            "the task goes on"
        );
        assert_eq!(loads.next(&acme), Some(wanted("b")));
        assert_eq!(loads.next(&acme), Some(wanted("c")));
        assert_eq!(loads.next(&acme), None);
        assert!(loads.tenants().is_empty());
        assert!(loads.want(&acme, vec![wanted("d")]), "another task");
    }

    #[test]
    fn missing_components_are_retried_with_backoff_and_forgotten_with_their_step() {
        let (loads, acme) = (Loads::default(), "acme".parse().unwrap());
        assert!(loads.want(&acme, vec![wanted("a"), wanted("b")]));
        for _ in 0..2 {
            let next = loads.next(&acme).unwrap();
            loads.failed(&acme, next);
        }
        assert_eq!(loads.next(&acme), None);
        assert_eq!(loads.missing(&acme).len(), 2);
        assert!(!loads.want(&acme, vec![wanted("a"), wanted("b")]), "not at once");
        assert!(loads.due(Instant::now()).is_empty());
        let later = Instant::now() + 2 * RETRY_FIRST;
        assert_eq!(loads.due(later), std::slice::from_ref(&acme));
        assert!(loads.due(later).is_empty(), "it has a task");
        assert!(!loads.want(&acme, vec![wanted("b")]));
        assert_eq!(loads.missing(&acme), HashSet::from(["b".to_owned()]));
        loads.loaded(&acme, &wanted("b"));
        assert_eq!(loads.next(&acme), None);
        assert!(loads.tenants().is_empty());
    }
}
