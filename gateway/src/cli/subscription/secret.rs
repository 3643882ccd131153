//! `hookgate subscription secret` and `rotate-secret`.

use std::path::PathBuf;

use clap::Args;
use http::Method;
use serde_json::Value;

use super::super::body::{Object, read};
use super::super::output::{Failure, note, say};
use super::super::show::{items, time, word};
use super::One;
use hookgate_domain::units::Span;

#[derive(Debug, Args)]
pub(super) struct Rotate {
    #[command(flatten)]
    one: One,
    /// Time for which the old secret signs beside the new one, such as `24h`; `0s`: it stops at
    /// once. Default: the gateway's.
    #[arg(long, value_name = "SPAN")]
    grace: Option<Span>,
    /// Algorithm of the generated secret; default: that of the old one.
    #[arg(long, value_parser = ["hmac", "ed25519"], conflicts_with = "secret_file")]
    signature: Option<String>,
    /// File of a secret to use in place of a generated one; `-`: the standard input.
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
}

/// Prints the current secret.
pub(super) async fn show(one: &One) -> Result<(), Failure> {
    let path = format!("{}/secret", one.path());
    let secrets = one.gateway.client()?.ask(Method::GET, &path, None).await?;
    print(&secrets, one.json);
    Ok(())
}

/// Rotates the secret and prints the new one.
pub(super) async fn rotate(rotate: &Rotate) -> Result<(), Failure> {
    let secret = rotate.secret_file.as_deref().map(|file| read(Some(file)));
    let secret = secret.transpose()?;
    let mut body = Object::default();
    body.set_some("grace", rotate.grace.as_ref())
        .set_some("signature", rotate.signature.as_ref())
        .set_some("secret", secret.as_deref().map(str::trim));
    let path = format!("{}/rotate-secret", rotate.one.path());
    let client = rotate.one.gateway.client()?;
    let secrets = client.submit(Method::POST, &path, &body).await?;
    print(&secrets, rotate.one.json);
    for old in items(&secrets["previous"]) {
        if !rotate.one.json && !old["expires"].is_null() {
            note(format_args!(
                "an old secret signs until {}",
                time(&old["expires"])
            ));
        }
    }
    Ok(())
}

/// Prints the secret alone, or the public key where the secret stays in the gateway.
fn print(secrets: &Value, as_json: bool) {
    if as_json {
        say(secrets);
        return;
    }
    let current = match &secrets["secret"] {
        Value::Null => &secrets["public_key"],
        secret => secret,
    };
    say(word(current));
}
