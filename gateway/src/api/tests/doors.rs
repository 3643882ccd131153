//! Tests of product routes: those of the shipped profiles as documented, and of a made-up product.

mod made_up;
mod refusals;
mod shipped;

use axum::body::Body;
use http::Request;
use serde_json::Value;

use super::rig::{Answer, Rig};

/// Names of an object's members, in order.
fn names(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

/// Checks the form `2024-01-15T10:00:00Z`.
fn is_to_the_second(value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default();
    text.len() == 20 && text.ends_with('Z') && text.parse::<jiff::Timestamp>().is_ok()
}

async fn post_text(rig: &Rig, header: (&str, &str), path: &str, text: &str) -> Answer {
    let request = Request::post(path)
        .header(header.0, header.1)
        .header("content-type", "application/json");
    rig.send(request.body(Body::from(text.to_owned())).unwrap()).await
}

const SYNTHESQ: &str = "/api/v1/webhooks/subscriptions";
