//! `hookgate subscription update`.

use clap::Args;
use http::Method;
use serde_json::Value;
use serde_json::value::RawValue;

use super::super::access::AsTenant;
use super::super::body::Object;
use super::super::output::{Failure, say};
use super::fields::Fields;

#[derive(Debug, Args)]
pub(super) struct Update {
    /// Id of the subscription.
    id: String,
    /// URL of the endpoint.
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// Event types: patterns separated by commas.
    #[arg(long, value_name = "PATTERNS", value_delimiter = ',')]
    events: Option<Vec<String>>,
    #[command(flatten)]
    fields: Fields,
    /// Fields to set back to their defaults, separated by commas.
    #[arg(long, value_name = "FIELDS", value_delimiter = ',', value_parser = CLEARABLE)]
    clear: Vec<String>,
    #[command(flatten)]
    gateway: AsTenant,
    /// Print the gateway's response as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(update: &Update) -> Result<(), Failure> {
    let body = update.body()?;
    let client = update.gateway.client()?;
    let changed: Box<RawValue> = client
        .submit_as(Method::PATCH, &super::path(&update.id), &body)
        .await?;
    if update.json {
        say(changed.get());
    } else {
        super::print(&changed);
    }
    Ok(())
}

impl Update {
    fn body(&self) -> Result<Object, Failure> {
        let mut body = Object::default();
        body.set_some("url", self.endpoint.as_ref())
            .set_some("events", self.events.as_ref());
        self.fields.add_to(&mut body)?;
        for name in CLEARABLE {
            if !self.clear.iter().any(|cleared| cleared == name) {
                continue;
            }
            if body.has(name) {
                return Err(Failure::new(format!("`{name}` is both set and cleared")).misconfigured());
            }
            body.set(name, &Value::Null);
        }
        if body.is_empty() {
            let failure = Failure::new("there is nothing to change").misconfigured();
            return Err(failure.hint("give a field, such as `--events 'invoice.*'`, or `--clear FIELDS`"));
        }
        Ok(body)
    }
}

/// Fields with a default.
const CLEARABLE: [&str; 5] = ["filter", "description", "headers", "timeout", "retry"];
