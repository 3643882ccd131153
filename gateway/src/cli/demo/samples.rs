//! Sample events as real products send them, with confidential fields.

use serde_json::{Value, json};

/// Event, with texts of it that must never reach a receiver, the feed or the store.
pub(super) struct Sample {
    pub kind: &'static str,
    pub data: Value,
    pub confidential: &'static [&'static str],
}

pub(super) fn samples() -> Vec<Sample> {
    vec![
        Sample {
            kind: "lead.verified",
            data: json!({
                "lead_id": "lead_456def",
                "verification_status": "passed",
                "quality_score": 92,
                "contact": { "name": "Ada Example", "email": "ada@example.com", "phone": "+1 555 0100" },
                "checks": { "duplicate": { "is_duplicate": false }, "fraud": { "risk_score": 12, "risk_level": "low" } },
                "routing_decision": "approved",
                "timestamp": "2024-01-15T10:30:00Z",
            }),
            confidential: &["ada@example.com", "+1 555 0100"],
        },
        Sample {
            kind: "customer.created",
            data: json!({
                "id": "cus_1042",
                "status": "active",
                "assigned_to": "usr_7",
                "created_at": "2024-01-15T10:31:00Z",
                "email": "grace@example.com",
                "address": { "street": "1 Harbour Way", "city": "Springfield" },
                "lifetimeValue": 18250.75,
                "notes": "prefers to be called after six",
            }),
            confidential: &["grace@example.com", "1 Harbour Way", "18250.75", "after six"],
        },
        Sample {
            kind: "product.price_changed",
            data: json!({
                "id": "prd_88",
                "status": "active",
                "price": 129.00,
                "cost": 61.35,
                "margin": 0.5244,
                "changed_at": "2024-01-15T10:32:00Z",
            }),
            confidential: &["61.35", "0.5244"],
        },
    ]
}
