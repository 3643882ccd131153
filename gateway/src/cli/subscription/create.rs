//! `hookgate subscription create`.

use clap::Args;
use http::Method;
use indexmap::IndexMap;
use serde_json::Value;

use super::super::access::AsTenant;
use super::super::body::Object;
use super::super::client::Client;
use super::super::output::{Failure, note, say};
use super::super::show::{facts, text, word};
use super::PATH;

#[derive(Debug, Args)]
pub(super) struct Create {
    /// URL of the endpoint.
    #[arg(value_name = "URL")]
    endpoint: String,
    /// Event types: patterns separated by commas.
    #[arg(long, value_name = "PATTERNS", default_value = "*", value_delimiter = ',')]
    events: Vec<String>,
    /// Further conditions on an event, as JSON.
    #[arg(long, value_name = "JSON")]
    filter: Option<String>,
    /// Description for people.
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Header of every attempt, `name: value`; may be repeated.
    #[arg(short = 'H', long = "header", value_name = "LINE")]
    headers: Vec<String>,
    /// Timeout of a whole attempt, such as `5s`.
    #[arg(long, value_name = "SPAN")]
    timeout: Option<String>,
    /// Retry policy as JSON, such as `{"schedule":["1m","10m"]}`.
    #[arg(long, value_name = "JSON")]
    retry: Option<String>,
    /// Part of an event that is sent.
    #[arg(long, value_parser = ["full", "thin"])]
    payload: Option<String>,
    /// Owner within the tenant.
    #[arg(long, value_parser = ["tenant", "consumer"])]
    owner: Option<String>,
    /// Delivery mode: `shadow` records deliveries in place of sending them.
    #[arg(long, value_parser = ["send", "shadow"])]
    mode: Option<String>,
    /// Algorithm of the generated secret.
    #[arg(long, value_parser = ["hmac", "ed25519"])]
    signature: Option<String>,
    /// Signing secret in place of a generated one.
    #[arg(long, value_name = "SECRET", env = "HG_SECRET", hide_env_values = true)]
    secret: Option<String>,
    /// Receive no events until `subscription resume`.
    #[arg(long)]
    disabled: bool,
    #[command(flatten)]
    gateway: AsTenant,
    /// Print the gateway's response as JSON.
    #[arg(long)]
    json: bool,
}

/// Subscription that was created.
pub(in crate::cli) struct Created {
    /// Id of the subscription.
    pub id: String,
    /// Secret or public key that deliveries verify with.
    pub verifies_with: Option<String>,
}

pub(super) async fn run(arguments: &Create) -> Result<(), Failure> {
    let body = arguments.body()?;
    let client = arguments.gateway.client()?;
    let made = client.submit(Method::POST, PATH, &body).await?;
    if arguments.json {
        say(made);
        return Ok(());
    }
    let optional = |name: &str| match &made[name] {
        Value::Null => String::new(),
        value => word(value),
    };
    say(format_args!("subscription {} is created", text(&made["id"])));
    facts(&[
        ("secret", optional("secret")),
        ("public key", optional("public_key")),
    ]);
    note("deliveries verify with it: `hookgate verify`, docs/receivers.md");
    Ok(())
}

/// Creates a subscription for a command of this machine.
pub(in crate::cli) async fn create(
    client: &Client,
    url: &str,
    events: &str,
    description: &str,
) -> Result<Created, Failure> {
    let events: Vec<_> = events.split(',').map(str::trim).collect();
    let mut body = Object::default();
    body.set("url", url)
        .set("events", &events)
        .set("description", description);
    let made = client.submit(Method::POST, PATH, &body).await?;
    let verifies_with = made["secret"].as_str().or(made["public_key"].as_str());
    Ok(Created {
        id: text(&made["id"]).to_owned(),
        verifies_with: verifies_with.map(str::to_owned),
    })
}

impl Create {
    fn body(&self) -> Result<Object, Failure> {
        let headers: Result<IndexMap<_, _>, _> = self.headers.iter().map(|line| header(line)).collect();
        let headers = headers?;
        let mut body = Object::default();
        body.set("url", &self.endpoint)
            .set("events", &self.events)
            .set_json("filter", self.filter.as_deref())?
            .set_some("description", self.description.as_ref())
            .set_some("headers", (!headers.is_empty()).then_some(&headers))
            .set_some("timeout", self.timeout.as_ref())
            .set_json("retry", self.retry.as_deref())?
            .set_some("payload", self.payload.as_ref())
            .set_some("owner", self.owner.as_ref())
            .set_some("mode", self.mode.as_ref())
            .set_some("signature", self.signature.as_ref())
            .set_some("secret", self.secret.as_ref())
            .set_some("status", self.disabled.then_some("disabled"));
        Ok(body)
    }
}

fn header(line: &str) -> Result<(&str, &str), Failure> {
    // The value may be a secret and is not repeated.
    let Some((name, value)) = line.split_once(':') else {
        let failure = Failure::new("a header has no `:`").misconfigured();
        return Err(failure.hint("write `name: value`"));
    };
    Ok((name.trim(), value.trim()))
}
