//! `hookgate api`: any route of the API, with the key of the context.

use std::path::Path;

use bytes::Bytes;
use clap::{Args, ValueEnum};
use http::Method;

use super::access::AsTenant;
use super::block_on;
use super::body::{json, read};
use super::output::{Failure, say};

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  hookgate api get /v1/usage
  hookgate api post /v1/subscriptions/sub_01J0000000000000000000000A/rotate-secret '{\"grace\":\"24h\"}'
  hookgate api patch /v1/subscriptions/sub_01J0000000000000000000000A '{\"events\":[\"invoice.*\"]}'
  hookgate api put /v1/event-types/invoice.paid @invoice-paid.json
  hookgate api post /v1/tenants/acme/keys '{\"scopes\":[\"publish\"]}'")]
pub(super) struct Arguments {
    /// Method of the request.
    #[arg(ignore_case = true)]
    method: Verb,
    /// Path of the route with its query, such as `/v1/deliveries?status=dead`.
    path: String,
    /// Body as JSON; `@FILE`: from a file, `-`: from the standard input.
    body: Option<String>,
    #[command(flatten)]
    gateway: AsTenant,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Verb {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

/// Sends a request and prints the JSON of its answer. Routes of the operator get the operator's key.
pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    block_on(send(arguments))
}

async fn send(arguments: &Arguments) -> Result<(), Failure> {
    let Arguments {
        method,
        path,
        body,
        gateway,
    } = arguments;
    if !path.starts_with('/') {
        let failure = Failure::new(format!("`{}` is no path of the API", path.escape_default()));
        return Err(failure
            .misconfigured()
            .hint("begin with `/v1/`; `/docs` of the gateway has the routes"));
    }
    let text = body.as_deref().map(|body| match body.strip_prefix('@') {
        Some(file) => read(Some(Path::new(file))),
        None if body == "-" => read(None),
        None => Ok(body.to_owned()),
    });
    // Not parsed into numbers, so that they keep their digits.
    let body = text.transpose()?.map(|text| json(&text)).transpose()?;
    let body = body.map(|body| Bytes::from(body.get().to_owned()));
    let client = match OPERATORS.iter().any(|prefix| path.starts_with(prefix)) {
        true => gateway.operator()?,
        false => gateway.client()?,
    };
    let answer = client
        .send_bytes(
            (*method).into(),
            path,
            "application/json",
            body.unwrap_or_default(),
        )
        .await?;
    if !answer.is_null() {
        say(answer);
    }
    Ok(())
}

impl From<Verb> for Method {
    fn from(verb: Verb) -> Self {
        match verb {
            Verb::Get => Self::GET,
            Verb::Post => Self::POST,
            Verb::Put => Self::PUT,
            Verb::Patch => Self::PATCH,
            Verb::Delete => Self::DELETE,
        }
    }
}

/// Beginnings of the operator's routes.
const OPERATORS: [&str; 2] = ["/v1/operator/", "/v1/tenants"];
