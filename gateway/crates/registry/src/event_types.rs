//! Changes of a tenant's event types, and their preparation for a snapshot.

use std::sync::Arc;

use super::entry::Changes;
use super::entry::type_entry;
use super::error::not_declared;
use super::event_type_record::TypeRecord;
use super::record::encode;
use super::tenant_state::TenantState;
use super::{Registry, RegistryError};
use hookgate_contract::catalogue::{CatalogueType, TypeSpec, Types};
use hookgate_contract::privacy::Authority;
use hookgate_domain::{EventType, TenantId};

impl Registry {
    /// Creates or replaces an event type.
    /// This process checks events by it once the call returns, every other process within
    /// `poll_interval`.
    ///
    /// # Errors
    /// `NotFound`, `Invalid`, `SchemaRefused`, `LimitReached`, `Declared`, `Conflict`, `Store`.
    pub async fn put_event_type(
        &self,
        tenant: &TenantId,
        spec: TypeSpec,
    ) -> Result<Arc<CatalogueType>, RegistryError> {
        let read = self.check_type(&spec)?;
        self.change(tenant, |tenant_state| {
            self.check_floor(&tenant_state.tenant.profile, &read)?;
            let kept = tenant_state.types.get(&spec.kind);
            not_declared(kept.is_some_and(|kept| kept.declared), "event type")?;
            let limit = self.inner.config.max_event_types;
            if kept.is_none() && tenant_state.types.len() >= limit {
                let what = "event types";
                return Err(RegistryError::LimitReached { what, limit });
            }
            let same = kept.is_some_and(|kept| kept.value == spec);
            Ok((if same { Changes::new() } else { put(&spec, false) }, ()))
        })
        .await?;
        let held = self.held_tenant(tenant)?.types.get(&spec.kind).cloned();
        held.ok_or(RegistryError::NotFound("event type"))
    }

    /// Deletes an event type. Events of its name are accepted as if it had never existed.
    ///
    /// # Errors
    /// `NotFound`, `Declared`, `Conflict`, `Store`.
    pub async fn delete_event_type(&self, tenant: &TenantId, kind: &EventType) -> Result<(), RegistryError> {
        self.change_freely(tenant, |tenant_state| {
            let found = tenant_state
                .types
                .get(kind)
                .ok_or(RegistryError::NotFound("event type"))?;
            not_declared(found.declared, "event type")?;
            Ok((vec![(type_entry(kind), None)], ()))
        })
        .await
    }

    /// Event types in the form that events are checked by. Unchanged ones are taken from the last
    /// snapshot.
    pub(super) fn ready_types(&self, tenant_state: &TenantState) -> Result<Types, RegistryError> {
        let before = self.tenant(&tenant_state.id);
        let ready = tenant_state.types.iter().map(|(kind, kept)| {
            let known = before.as_ref().and_then(|tenant| tenant.types.get(kind));
            if let Some(known) = known.filter(|known| known.spec == kept.value) {
                return Ok((kind.clone(), Arc::clone(known)));
            }
            let ready = CatalogueType::stored(kept.value.clone());
            let ready = ready.map_err(|problems| {
                let kind = kind.clone();
                RegistryError::unreadable(
                    &type_entry(&kind),
                    RegistryError::SchemaRefused { kind, problems },
                )
            })?;
            let patterns = ready.unusable_patterns();
            if patterns > 0 {
                tracing::warn!(tenant = %tenant_state.id, kind = %kind, count = patterns, "event_type.patterns_too_large");
            }
            Ok((kind.clone(), Arc::new(ready)))
        });
        ready.collect()
    }

    /// Checks the declared types as a whole.
    pub(super) fn check_types(&self, types: &[TypeSpec]) -> Result<(), RegistryError> {
        let limit = self.inner.config.max_event_types;
        if types.len() > limit {
            let what = "event types";
            return Err(RegistryError::LimitReached { what, limit });
        }
        types.iter().try_for_each(|spec| self.check_type(spec).map(drop))
    }

    /// Changes that replace the declared types by these.
    pub(super) fn type_changes(
        &self,
        tenant_state: &TenantState,
        wanted: &[TypeSpec],
    ) -> Result<Changes, RegistryError> {
        self.check_types(wanted)?;
        let named = |kind: &EventType| wanted.iter().any(|spec| spec.kind == *kind);
        let kept = tenant_state.types.iter();
        let gone = kept.filter(|(kind, kept)| kept.declared && !named(kind));
        let mut changes: Changes = gone.map(|(kind, _)| (type_entry(kind), None)).collect();
        for spec in wanted {
            let kept = tenant_state.types.get(&spec.kind);
            if !kept.is_some_and(|kept| kept.declared && kept.value == *spec) {
                changes.extend(put(spec, true));
            }
        }
        Ok(changes)
    }

    /// Checks that a tenant's schema makes no field public that its profile takes out.
    pub(super) fn check_floor(&self, profile: &str, read: &CatalogueType) -> Result<(), RegistryError> {
        let profile = self.profile(profile)?;
        let names = profile.privacy.names.as_ref();
        let Some(names) = names.filter(|_| read.spec.authority == Authority::Tenant) else {
            return Ok(());
        };
        let problems = read.against(names);
        if problems.is_empty() {
            return Ok(());
        }
        let kind = read.spec.kind.clone();
        Err(RegistryError::SchemaRefused { kind, problems })
    }

    pub(super) fn check_type(&self, spec: &TypeSpec) -> Result<CatalogueType, RegistryError> {
        let entity = spec.entity.as_ref().map_or(0, String::len);
        let description = spec.description.as_ref().map_or(0, String::len);
        if entity > LONGEST_TEXT || description > LONGEST_TEXT {
            let field = if entity > LONGEST_TEXT {
                "entity"
            } else {
                "description"
            };
            return Err(RegistryError::invalid(
                field,
                format!("it is over {LONGEST_TEXT} bytes"),
            ));
        }
        let largest = self.inner.config.max_schema_size;
        let size = spec.schema.as_ref().map_or(0, String::len);
        if size > largest.bytes() {
            return Err(RegistryError::invalid(
                "schema",
                format!("it is {size} bytes; at most {largest} are taken"),
            ));
        }
        if spec.validate && spec.schema.is_none() {
            let problem = "there is no schema to check events by";
            return Err(RegistryError::invalid("validate", problem));
        }
        CatalogueType::new(spec.clone()).map_err(|problems| {
            let kind = spec.kind.clone();
            RegistryError::SchemaRefused { kind, problems }
        })
    }
}

fn put(spec: &TypeSpec, declared: bool) -> Changes {
    vec![(
        type_entry(&spec.kind),
        Some(encode(&TypeRecord::from_spec(spec, declared))),
    )]
}

const LONGEST_TEXT: usize = 1024;
