//! Asks a running gateway how it is, at the address that its configuration names.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use http::Method;

use crate::cli::client::Client;
use crate::cli::output::{Failure, say};
use crate::config::Config;

/// Asks for `/readyz` or `/healthz`.
///
/// # Errors
/// There is no answer within [`WITHIN`], or another than success.
pub(super) fn ask(config: &Config, path: &str) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::of(&error))?;
    let answer = runtime.block_on(async {
        let client = Client::new(&url(config)?, None, "")?;
        match tokio::time::timeout(WITHIN, client.ask(Method::GET, path, None)).await {
            Ok(answer) => answer,
            Err(_) => Err(Failure::new(format!(
                "no answer within {} seconds",
                WITHIN.as_secs()
            ))),
        }
    })?;
    for warning in answer["warnings"].as_array().into_iter().flatten() {
        say(format_args!("warning: {}", warning.as_str().unwrap_or_default()));
    }
    say("ok");
    Ok(())
}

/// Tells whether a gateway answers there.
pub(super) fn answers(config: &Config) -> bool {
    let Ok(url) = url(config) else { return false };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.is_ok_and(|runtime| {
        runtime.block_on(async {
            let Ok(client) = Client::new(&url, None, "") else {
                return false;
            };
            let asked = client.ask(Method::GET, "/healthz", None);
            let answered = tokio::time::timeout(WITHIN, asked).await;
            answered.is_ok_and(|answer| answer.is_ok_and(|body| body["status"] == "ok"))
        })
    })
}

/// The health listener, where there is one: it speaks http, and clients cannot fill it. Else where the API is.
fn url(config: &Config) -> Result<String, Failure> {
    let server = &config.server;
    if let Some(health) = server.health_listen {
        return Ok(format!("http://{}", reached(health)));
    }
    let (listen, tls) = match &server.admin {
        Some(admin) => (admin.listen, admin.tls.is_some() || server.tls.is_some()),
        None => (server.listen, server.tls.is_some()),
    };
    if tls {
        let failure =
            Failure::new("the gateway serves https, with a certificate for another name than this machine's");
        return Err(failure.hint("set server.health_listen, such as 127.0.0.1:9090: it speaks http"));
    }
    Ok(format!("http://{}", reached(listen)))
}

/// An address that connects to a listener of this machine.
fn reached(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

/// A gateway that does not answer by then does not answer.
const WITHIN: Duration = Duration::from_secs(5);
