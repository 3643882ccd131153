//! Stored form of an event type.

use serde::{Deserialize, Serialize};

use super::record::VERSION;
use hookgate_contract::catalogue::TypeSpec;
use hookgate_contract::privacy::Authority;
use hookgate_domain::EventType;

/// Entry `type:NAME`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct TypeRecord {
    pub v: u8,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Schema as JSON text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    #[serde(default)]
    pub validate: bool,
    #[serde(default)]
    pub declared: bool,
    /// Set by the operator.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub operators: bool,
}

impl TypeRecord {
    pub(super) fn from_spec(spec: &TypeSpec, declared: bool) -> Self {
        Self {
            v: VERSION,
            entity: spec.entity.clone(),
            description: spec.description.clone(),
            schema: spec.schema.clone(),
            validate: spec.validate,
            declared,
            operators: spec.authority == Authority::Operator,
        }
    }

    pub(super) fn into_spec(self, kind: EventType) -> TypeSpec {
        TypeSpec {
            kind,
            entity: self.entity,
            description: self.description,
            schema: self.schema,
            validate: self.validate,
            authority: if self.operators || self.declared {
                Authority::Operator
            } else {
                Authority::Tenant
            },
        }
    }
}
