//! Closed sets of words in responses, as schemas of the OpenAPI document.
//!
//! A record holds such a word as text; `#[schemars(with = "…")]` names its set.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use hookgate_domain::{OutcomeKind, Scope};

macro_rules! words {
    ($($(#[doc = $about:literal])+ $name:ident: $words:expr;)+) => {$(
        $(#[doc = $about])+
        pub(super) enum $name {}

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                let about = concat!($($about),+).trim();
                json_schema!({ "type": "string", "description": about, "enum": $words })
            }
        }
    )+};
}

words! {
    /// Outcome of an attempt. `http_error`: an answer that is not 2xx.
    AttemptOutcome: OutcomeKind::ALL.map(OutcomeKind::word);
    /// Stage of an attempt.
    AttemptStage: ["resolve", "connect", "tls", "send", "head", "body"];
    /// Result of a step. `skipped`: it failed, and the chain went on without it. `failed`: a canary failed.
    StepResult: ["passed", "dropped", "skipped", "failed"];
    /// Reason for the disabling of a subscription. `gone`: the endpoint answered 410.
    DisableReason: ["asked", "gone", "failing"];
    /// Reason for a pause. `asked`: 429 or 503 with `Retry-After`.
    PauseReason: ["failing", "asked"];
    /// Scope of counts or of a state: the gateway process that answers.
    ProcessScope: ["process"];
    /// Status of an event. `filtered`: a plugin dropped it.
    StoredEventStatus: ["published", "filtered", "test"];
    /// Class of a field.
    FieldClass: ["public", "internal", "confidential", "restricted"];
    /// Source of a field's class.
    FieldClassBasis: ["schema", "name", "default"];
    /// Origin of an event type.
    EventTypeSource: ["tenant", "profile"];
    /// Action on a chain.
    ChainAction: [
        "chain_set", "chain_removed", "uploaded", "deleted", "moved", "kept", "canary_begun", "promoted", "canary_stopped",
        "rolled_back",
    ];
    /// Verdict of a step or a chain.
    StepVerdict: ["pass", "drop", "reject", "delay", "failed"];
    /// Operation of a change.
    ChangeOperation: ["add", "remove", "replace"];
    /// Scope of an API key.
    KeyScope: Scope::ALL.map(Scope::name);
    /// Period of a rate.
    RatePeriod: ["1s", "1m"];
    /// Kind of a row of an imported document.
    RowKind: ["tenant", "event_type", "subscription", "key"];
    /// Change of a row.
    RowChange: ["created", "changed"];
    /// Status of a gateway that answers.
    HealthStatus: ["ok"];
    /// Method of a delivery.
    DeliveryMethod: ["POST"];
}
