//! Plan of an import: the outcome of each of a tenant's rows, and the entries to write.
//!
//! Rows are planned in the order of their dependencies: settings, event types, subscriptions, keys.
//! Each is compared with the existing entry; a row that equals it is not checked again.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;

use super::super::entry::Changes;
use super::super::entry::{TENANT, key_entry, subscription_entry, type_entry};
use super::super::event_type_record::TypeRecord;
use super::super::record::{KeyRecord, SubscriptionRecord, TenantRecord, VERSION, encode};
use super::super::subscriptions::check;
use super::super::tenant_state::{Declarable, TenantState};
use super::super::{ApiKey, Registry, RegistryError, key};
use super::rows::{
    check_key, check_subscription_secrets, check_tenant_secrets, key_differences, merged, signing_now,
    subscription_differences, type_differences,
};
use super::{
    ImportRules, ImportedKey, ImportedSubscription, ImportedTenant, Outcome, Row, RowKind, RowOutcome,
    TenantImport,
};
use hookgate_contract::catalogue::TypeSpec;
use hookgate_contract::privacy::Authority;
use hookgate_contract::profile::Profile;
use hookgate_domain::{EventType, SubscriptionId, Timestamp};
use hookgate_store::FeedPosition;

/// Plan under construction.
struct Plan<'a> {
    registry: &'a Registry,
    rules: &'a ImportRules,
    /// Existing entries; only the settings if the tenant is created by this import.
    tenant_state: &'a TenantState,
    /// Profile of the tenant after the import.
    profile: Option<Arc<Profile>>,
    now: Timestamp,
    changes: Changes,
    outcomes: Vec<RowOutcome>,
    /// Size of the tenant's entries after the changes so far, in bytes.
    bytes: usize,
}

/// Outcome of a row: the changed fields and the entry to write; `None`: the entry equals the row.
type Decided = Result<Option<(Outcome, (String, Bytes))>, RegistryError>;

/// Plans an import. `feed_from`: position after the feed of a deleted tenant of this name.
pub(super) fn plan(
    registry: &Registry,
    tenant_state: Option<&TenantState>,
    import: &TenantImport,
    rules: &ImportRules,
    feed_from: Option<FeedPosition>,
) -> (Changes, Vec<RowOutcome>) {
    let now = registry.inner.clock.now();
    let made;
    let tenant_state = match (tenant_state, &import.settings) {
        (Some(tenant_state), _) => tenant_state,
        (None, Some(row)) => {
            made = TenantState::empty(&import.id, new_record(&row.value, feed_from, now));
            &made
        }
        (None, None) => return (Changes::new(), all_refused(import, None)),
    };
    let mut plan = Plan {
        registry,
        rules,
        tenant_state,
        profile: None,
        now,
        changes: Changes::new(),
        outcomes: Vec::new(),
        bytes: tenant_state.bytes(),
    };
    if let Some(row) = &import.settings {
        let decided = plan.settings(&row.value);
        if tenant_state.revision == 0
            && let Err(error) = decided
        {
            return (Changes::new(), all_refused(import, Some(error)));
        }
        plan.take(row.line, RowKind::Tenant, || import.id.to_string(), decided);
    } else {
        plan.profile = registry.profile(&tenant_state.tenant.profile).ok();
    }
    let types = plan.types(&import.types);
    let subscriptions = plan.subscriptions(&import.subscriptions, &types);
    plan.keys(&import.keys, &subscriptions);
    plan.outcomes.sort_by_key(|row| row.line);
    (plan.changes, plan.outcomes)
}

fn new_record(new: &ImportedTenant, feed_from: Option<FeedPosition>, now: Timestamp) -> TenantRecord {
    TenantRecord {
        v: VERSION,
        created: new.created.unwrap_or(now).as_micros(),
        profile: new.profile.clone(),
        signing_secret: None,
        previous_secrets: Vec::new(),
        declared: false,
        feed_from: feed_from.map(|from| (from.major, from.minor)),
        secret_declared: false,
        quotas: new.quotas.into(),
        keep_metadata: new.keep_metadata,
    }
}

/// Outcomes of the rows of a tenant that neither exists nor is created: all refused.
fn all_refused(import: &TenantImport, why: Option<RegistryError>) -> Vec<RowOutcome> {
    let refused = |line, kind, id, error| RowOutcome {
        line,
        kind,
        id,
        outcome: Outcome::Refused(error),
    };
    let unknown = || RegistryError::NotFound("tenant");
    let mut outcomes = Vec::new();
    if let (Some(row), Some(error)) = (&import.settings, why) {
        outcomes.push(refused(row.line, RowKind::Tenant, import.id.to_string(), error));
    }
    let types = import.types.iter();
    outcomes.extend(types.map(|row| {
        let id = row.value.kind.to_string();
        refused(row.line, RowKind::EventType, id, unknown())
    }));
    let subscriptions = import.subscriptions.iter();
    outcomes.extend(subscriptions.map(|row| {
        let id = row.value.id.to_string();
        refused(row.line, RowKind::Subscription, id, unknown())
    }));
    let keys = import.keys.iter();
    outcomes.extend(keys.map(|row| refused(row.line, RowKind::Key, name_of_key(&row.value), unknown())));
    outcomes.sort_by_key(|row| row.line);
    outcomes
}

fn name_of_key(key: &ImportedKey) -> String {
    key.id
        .map_or_else(|| hex::encode(key.digest), |id| id.to_string())
}

impl Plan<'_> {
    /// Records the outcome of a row, and its entry if the tenant's quota permits. Returns `true` if
    /// the entry exists after it.
    fn take(&mut self, line: usize, kind: RowKind, id: impl Fn() -> String, decided: Decided) -> bool {
        let decided = decided.and_then(|decided| match decided {
            Some((outcome, (entry, bytes))) => self.write(entry, bytes).map(|()| outcome),
            None => Ok(Outcome::Unchanged),
        });
        let outcome = decided.unwrap_or_else(Outcome::Refused);
        let there = !outcome.is_refused();
        let id = match outcome {
            Outcome::Unchanged => String::new(),
            _ => id(),
        };
        self.outcomes.push(RowOutcome {
            line,
            kind,
            id,
            outcome,
        });
        there
    }

    fn write(&mut self, entry: String, bytes: Bytes) -> Result<(), RegistryError> {
        let size = |bytes: &Bytes| entry.len() + bytes.len();
        let (before, comes) = (
            self.tenant_state.entries.get(&entry).map_or(0, size),
            size(&bytes),
        );
        let after = self.bytes - before + comes;
        let limit = self.registry.inner.config.max_bytes_per_tenant;
        if comes > before && after > limit.bytes() {
            return Err(RegistryError::RegistryFull { bytes: after, limit });
        }
        self.bytes = after;
        self.changes.push((entry, Some(bytes)));
        Ok(())
    }

    /// Refuses a change that is reserved to the operator.
    fn operators(&self, what: &'static str) -> Result<(), RegistryError> {
        match self.rules.authority {
            Authority::Operator => Ok(()),
            Authority::Tenant => Err(RegistryError::OperatorsOnly(what)),
        }
    }

    fn settings(&mut self, given: &ImportedTenant) -> Decided {
        let (registry, tenant_state) = (self.registry, self.tenant_state);
        let is_new = tenant_state.revision == 0;
        let secrets = match &given.signing_secrets {
            Some(given) => signing_now(given, self.now),
            None => tenant_state.signing_secrets.clone(),
        };
        let kept = &tenant_state.tenant;
        let differences = [
            ("profile", kept.profile != given.profile),
            ("quotas", kept.quotas != given.quotas.into()),
            ("keep_metadata", kept.keep_metadata != given.keep_metadata),
        ];
        let mut fields: Vec<_> = differences
            .iter()
            .filter(|(_, differs)| *differs)
            .map(|(field, _)| *field)
            .collect();
        let other_secrets = secrets != signing_now(&tenant_state.signing_secrets, self.now);
        if !is_new && fields.is_empty() && !other_secrets {
            self.profile = registry.profile(&kept.profile).ok();
            return Ok(None);
        }
        // If the row is refused, the others are checked against the profile that remains.
        self.profile = registry.profile(&kept.profile).ok().filter(|_| !is_new);
        if is_new || !fields.is_empty() {
            self.operators("a tenant's profile, quotas and metadata")?;
        }
        let limit = registry.inner.config.max_tenants;
        if is_new && registry.count() >= limit {
            return Err(RegistryError::LimitReached {
                what: "tenants",
                limit,
            });
        }
        if !is_new && kept.declared {
            return Err(RegistryError::Declared("tenant"));
        }
        if other_secrets && kept.secret_declared {
            return Err(RegistryError::Declared("signing secret"));
        }
        let profile = registry.lasting_profile(&given.profile)?;
        check_tenant_secrets(&secrets, &profile)?;
        let mut record = kept.clone();
        record.profile.clone_from(&given.profile);
        record.quotas = given.quotas.into();
        record.keep_metadata = given.keep_metadata;
        registry.put_tenant_secrets(&tenant_state.id, &mut record, &secrets);
        self.profile = Some(profile);
        if other_secrets {
            fields.push("signing_secrets");
        }
        let outcome = if is_new {
            Outcome::Created
        } else {
            Outcome::Changed(fields)
        };
        Ok(Some((outcome, (TENANT.to_owned(), encode(&record)))))
    }

    /// Plans event types. Returns the names of all types that the tenant will have.
    fn types(&mut self, rows: &[Row<TypeSpec>]) -> Vec<EventType> {
        let mut names: BTreeSet<_> = self.tenant_state.own_types().into_iter().collect();
        for row in rows {
            let spec = &row.value;
            let decided = self.event_type(spec, names.len());
            if self.take(row.line, RowKind::EventType, || spec.kind.to_string(), decided) {
                names.insert(spec.kind.clone());
            }
        }
        names.into_iter().collect()
    }

    fn event_type(&self, spec: &TypeSpec, count: usize) -> Decided {
        let kept = self.tenant_state.types.get(&spec.kind);
        let fields = kept.map(|kept| type_differences(&kept.value, spec));
        if fields.as_ref().is_some_and(Vec::is_empty) {
            return Ok(None);
        }
        if spec.authority == Authority::Operator {
            self.operators("an event type of the operator's")?;
        }
        if kept.is_some_and(|kept| kept.declared) {
            return Err(RegistryError::Declared("event type"));
        }
        let read = self.registry.check_type(spec)?;
        let profile = self.profile.as_ref().map(|profile| profile.name.as_str());
        self.registry
            .check_floor(profile.unwrap_or(&self.tenant_state.tenant.profile), &read)?;
        let limit = self.registry.inner.config.max_event_types;
        if kept.is_none() && count >= limit {
            let what = "event types";
            return Err(RegistryError::LimitReached { what, limit });
        }
        let outcome = fields.map_or(Outcome::Created, Outcome::Changed);
        let record = TypeRecord::from_spec(spec, false);
        Ok(Some((outcome, (type_entry(&spec.kind), encode(&record)))))
    }

    /// Plans subscriptions. Returns the ids of all subscriptions that the tenant will have.
    fn subscriptions(
        &mut self,
        rows: &[Row<ImportedSubscription>],
        types: &[EventType],
    ) -> BTreeSet<SubscriptionId> {
        let mut ids: BTreeSet<_> = self.tenant_state.subscriptions.keys().copied().collect();
        for row in rows {
            let id = row.value.id;
            let decided = self.subscription(&row.value, types, ids.len());
            if self.take(row.line, RowKind::Subscription, || id.to_string(), decided) {
                ids.insert(id);
            }
        }
        ids
    }

    fn subscription(&self, given: &ImportedSubscription, types: &[EventType], count: usize) -> Decided {
        let (registry, tenant_state) = (self.registry, self.tenant_state);
        let kept = tenant_state.subscriptions.get(&given.id);
        let profile = match &self.profile {
            Some(profile) => Arc::clone(profile),
            None => registry.profile(&tenant_state.tenant.profile)?,
        };
        let fresh = registry.new_subscription(&tenant_state.id, given.id, given.spec.clone(), &profile);
        let made = merged(
            kept.map(|kept| &*kept.value),
            given,
            fresh,
            (self.rules.begin, self.now),
        );
        let fields = kept.map(|kept| subscription_differences(&kept.value, &made, self.now));
        if fields.as_ref().is_some_and(Vec::is_empty) {
            return Ok(None);
        }
        if kept.is_some_and(|kept| kept.declared) {
            return Err(RegistryError::Declared("subscription"));
        }
        let owners = self.rules.owners.get(&given.id);
        if owners.is_some_and(|owners| owners.iter().any(|owner| *owner != tenant_state.id)) {
            return Err(RegistryError::TakenByAnother("subscription"));
        }
        check(&made, &registry.inner.config, &profile, types)?;
        let rotated = fields.as_ref().is_none_or(|fields| fields.contains(&"secrets"));
        if rotated {
            check_subscription_secrets(&made, &profile)?;
        }
        let limit = registry.most_subscriptions(&profile);
        if kept.is_none() && count >= limit {
            let what = "subscriptions";
            return Err(RegistryError::LimitReached { what, limit });
        }
        let record = SubscriptionRecord::from_subscription(&made, false, &registry.inner.sealer);
        let outcome = fields.map_or(Outcome::Created, Outcome::Changed);
        Ok(Some((outcome, (subscription_entry(given.id), encode(&record)))))
    }

    fn keys(&mut self, rows: &[Row<ImportedKey>], subscriptions: &BTreeSet<SubscriptionId>) {
        let mut count = self.tenant_state.keys.len();
        for row in rows {
            let decided = self.key(&row.value, subscriptions, count);
            let created = matches!(&decided, Ok(Some((Outcome::Created, _))));
            if self.take(row.line, RowKind::Key, || name_of_key(&row.value), decided) {
                count += usize::from(created);
            }
        }
    }

    fn key(&self, given: &ImportedKey, subscriptions: &BTreeSet<SubscriptionId>, count: usize) -> Decided {
        let kept = self.known_key(given)?;
        let made = self.made_key(kept.map(|kept| &kept.value), given);
        let fields = kept.map(|kept| key_differences(&kept.value, &made));
        if fields.as_ref().is_some_and(Vec::is_empty) {
            return Ok(None);
        }
        self.operators("API keys")?;
        if kept.is_some_and(|kept| kept.declared) {
            return Err(RegistryError::Declared("key"));
        }
        check_key(&made, subscriptions)?;
        let limit = self.registry.inner.config.max_keys;
        if kept.is_none() && count >= limit {
            return Err(RegistryError::LimitReached { what: "keys", limit });
        }
        let outcome = fields.map_or(Outcome::Created, Outcome::Changed);
        let record = KeyRecord::from_key(&made, false);
        Ok(Some((outcome, (key_entry(made.id), encode(&record)))))
    }

    /// Existing key that a row is about.
    fn known_key(&self, given: &ImportedKey) -> Result<Option<&Declarable<ApiKey>>, RegistryError> {
        let mut keys = self.tenant_state.keys.values();
        if let Some(kept) = keys.find(|kept| kept.value.digest == given.digest) {
            if given.id.is_some_and(|id| id != kept.value.id) {
                let problem = "the tenant has the key of this digest under another id";
                return Err(RegistryError::invalid("id", problem));
            }
            return Ok(Some(kept));
        }
        if given
            .id
            .is_some_and(|id| self.tenant_state.keys.contains_key(&id))
        {
            let problem = "the tenant has another key under this id";
            return Err(RegistryError::invalid("digest", problem));
        }
        if self.registry.has_key(&given.digest) {
            return Err(RegistryError::TakenByAnother("key"));
        }
        Ok(None)
    }

    fn made_key(&self, kept: Option<&ApiKey>, given: &ImportedKey) -> ApiKey {
        let new_id = || given.id.unwrap_or_else(|| self.registry.inner.ids.key());
        let kept_hint = || kept.map_or_else(|| key::NO_HINT.to_owned(), |kept| kept.hint.clone());
        let created = || given.created.unwrap_or(self.now);
        ApiKey {
            id: kept.map_or_else(new_id, |kept| kept.id),
            digest: given.digest,
            hint: given.hint.clone().unwrap_or_else(kept_hint),
            created: kept.map_or_else(created, |kept| kept.created),
            scopes: given.spec.scopes,
            expires: given.spec.expires,
            subscription: given.spec.subscription,
            last_use: kept.map(|kept| kept.last_use.clone()).unwrap_or_default(),
        }
    }
}
