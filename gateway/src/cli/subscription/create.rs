//! `hookgate subscription create`.

use clap::Args;
use http::Method;
use serde_json::Value;

use super::super::access::AsTenant;
use super::super::body::Object;
use super::super::client::Client;
use super::super::output::{Failure, note, say};
use super::super::show::{facts, text, word};
use super::PATH;
use super::fields::Fields;

#[derive(Debug, Args)]
pub(super) struct Create {
    /// URL of the endpoint.
    #[arg(value_name = "URL")]
    endpoint: String,
    /// Event types: patterns separated by commas.
    #[arg(long, value_name = "PATTERNS", default_value = "*", value_delimiter = ',')]
    events: Vec<String>,
    #[command(flatten)]
    fields: Fields,
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
        let mut body = Object::default();
        body.set("url", &self.endpoint).set("events", &self.events);
        self.fields.add_to(&mut body)?;
        body.set_some("signature", self.signature.as_ref())
            .set_some("secret", self.secret.as_ref())
            .set_some("status", self.disabled.then_some("disabled"));
        Ok(body)
    }
}
