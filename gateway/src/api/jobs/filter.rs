//! Filter of a bulk job: checked once, when the job is started, and stored with it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::fields::Parsed;
use super::super::input::Consuming;
use super::super::lists::{Filter, TriesView};
use super::super::subscriptions::recover::time;
use super::super::views::{DeliveryStatus, StatusClassView};
use crate::http::{Code, FieldError, Problem};
use hookgate_domain::{EventPattern, StatusClass, Subscription, Target};
use hookgate_registry::Tenant;

/// Action of a bulk job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum BulkAction {
    /// Delivers again: a pending delivery now, another one as a new delivery.
    Retry,
    /// Cancels pending deliveries.
    Cancel,
    /// Makes what active subscriptions missed.
    Recover,
    /// Disables active subscriptions.
    Disable,
}

impl BulkAction {
    /// Name in the API.
    pub fn word(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Cancel => "cancel",
            Self::Recover => "recover",
            Self::Disable => "disable",
        }
    }
}

/// Filter of a bulk job. At least one field; which ones an action takes, its route says.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct BulkFilter {
    /// Only from this time on (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Only from before this time (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Only of events of these types: patterns such as `invoice.*`. Of subscriptions to disable: only those that take no others.
    #[schemars(length(max = 64))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub types: Option<Vec<Parsed<EventPattern>>>,
    /// Only to this subscription; `inline`: to endpoints that events name themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subscription: Option<String>,
    /// Only deliveries in this status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<DeliveryStatus>,
    /// Only deliveries whose last attempt came to this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_class: Option<StatusClassView>,
    /// Only deliveries with at most one attempt, or with more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<TriesView>,
    /// Only deliveries in whose place another one was made, or only those without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replayed: Option<bool>,
}

impl BulkFilter {
    /// Checks a filter for an action, and narrows its types to those of the caller's session.
    ///
    /// # Errors
    /// `invalid_field`, `forbidden`.
    pub fn checked(mut self, action: BulkAction, caller: &Consuming) -> Result<Self, Problem> {
        let mut errors = self.unfit(action);
        if self.types.as_ref().is_some_and(|types| types.len() > MOST_TYPES) {
            errors.push(error("types", &format!("at most {MOST_TYPES} patterns")));
        }
        if self.is_empty() {
            errors.push(FieldError::new(
                "/filter",
                "say what the job is about; `types: [\"*\"]` is all",
            ));
        }
        if !errors.is_empty() {
            return Err(Problem::fields(Code::InvalidField, errors));
        }
        self.conditions(&caller.tenant)?;
        let asked = self.patterns().cloned().collect();
        let narrowed = caller.granted.narrow(asked)?;
        self.types = (!narrowed.is_empty()).then(|| narrowed.into_iter().map(Parsed).collect());
        if action == BulkAction::Cancel {
            self.status = Some(DeliveryStatus::Pending);
        }
        Ok(self)
    }

    /// Errors of the fields that do not fit an action.
    fn unfit(&self, action: BulkAction) -> Vec<FieldError> {
        let given = [
            ("since", self.since.is_some()),
            ("until", self.until.is_some()),
            ("status", self.status.is_some()),
            ("status_class", self.status_class.is_some()),
            ("attempt", self.attempt.is_some()),
            ("replayed", self.replayed.is_some()),
        ];
        let (unfit, detail) = match action {
            BulkAction::Retry => (&[][..], ""),
            BulkAction::Cancel => (&["replayed"][..], "goes with `retry` only"),
            BulkAction::Recover => (
                &["status", "status_class", "attempt", "replayed"][..],
                "does not go with `recover`",
            ),
            BulkAction::Disable => (
                &["since", "until", "status", "status_class", "attempt", "replayed"][..],
                "does not go with `disable`",
            ),
        };
        let refused = given
            .iter()
            .filter(|(name, given)| *given && unfit.contains(name));
        let mut errors: Vec<_> = refused.map(|(name, _)| error(name, detail)).collect();
        if action == BulkAction::Cancel
            && self
                .status
                .is_some_and(|status| status != DeliveryStatus::Pending)
        {
            errors.push(error("status", "only `pending` deliveries can be cancelled"));
        }
        if action == BulkAction::Recover && self.since.is_none() {
            errors.push(error("since", "say from which time on"));
        }
        errors
    }

    fn is_empty(&self) -> bool {
        let texts = [&self.since, &self.until, &self.subscription];
        texts.into_iter().all(Option::is_none)
            && self.types.as_ref().is_none_or(Vec::is_empty)
            && self.status.is_none()
            && self.status_class.is_none()
            && self.attempt.is_none()
            && self.replayed.is_none()
    }

    /// Patterns of the types; none: all types.
    pub fn patterns(&self) -> impl Iterator<Item = &EventPattern> {
        self.types.iter().flatten().map(|pattern| &pattern.0)
    }

    /// Conditions of a search in the list of deliveries.
    ///
    /// # Errors
    /// `invalid_field`.
    pub fn conditions(&self, tenant: &Tenant) -> Result<Filter, Problem> {
        let target = match self.subscription.as_deref() {
            None => None,
            Some("inline") => Some(Target::Inline),
            Some(text) => {
                let id = tenant.subscription_id(text).map(Target::Subscription);
                let none = || vec![error("subscription", "it is not a subscription's id")];
                Some(id.ok_or_else(|| Problem::fields(Code::InvalidField, none()))?)
            }
        };
        Ok(Filter {
            since: time("filter/since", self.since.as_deref())?,
            until: time("filter/until", self.until.as_deref())?,
            types: self.patterns().cloned().collect(),
            target,
            status: self.status,
            class: self.status_class.map(StatusClass::from),
            tries: self.attempt,
            replayed: self.replayed,
            ..Filter::default()
        })
    }

    /// Returns `true` if a subscription's types are within the filter's.
    pub fn covers(&self, subscription: &Subscription) -> bool {
        let covered = |pattern: &EventPattern| self.patterns().any(|own| own.covers(pattern));
        self.patterns().next().is_none() || subscription.events.iter().all(covered)
    }
}

fn error(field: &str, detail: &str) -> FieldError {
    FieldError::new(format!("/filter/{field}"), detail)
}

/// Maximum number of patterns, as in a query.
const MOST_TYPES: usize = 64;
