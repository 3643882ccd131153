//! Selection of the gateway, the key and the tenant: flags win over the environment, and both win
//! over the context.
//!
//! A context's key belongs to the context's URL and is never sent to another one.

use std::path::PathBuf;

use clap::Args;

use super::client::Client;
use super::context::{self, Context};
use super::output::Failure;

/// Arguments that select the gateway and the check of its certificate.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct Address {
    /// URL of the gateway; default: the context's, or http://127.0.0.1:8080.
    #[arg(help_heading = "Gateway", long, env = "HG_URL")]
    url: Option<String>,
    /// Certificate authorities (PEM) to trust beside the public ones, for a gateway over https.
    #[arg(help_heading = "Gateway", long, value_name = "FILE", env = "HG_CA")]
    ca: Option<PathBuf>,
    /// Context to use in place of the current one (`hookgate context list`).
    #[arg(
        help_heading = "Gateway",
        long = "context",
        value_name = "NAME",
        env = "HG_CONTEXT"
    )]
    context: Option<String>,
}

/// Arguments of a command for one tenant.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct AsTenant {
    #[command(flatten)]
    address: Address,
    /// API key of the tenant; default: the context's. With `--tenant`, the operator's key, which may
    /// also be in HG_OPERATOR_KEY.
    #[arg(help_heading = "Gateway", long, env = "HG_KEY", hide_env_values = true)]
    key: Option<String>,
    /// Tenant that the operator acts for.
    #[arg(help_heading = "Gateway", long, value_name = "TENANT", env = "HG_TENANT")]
    tenant: Option<String>,
}

/// Arguments of a command of the operator.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct AsOperator {
    #[command(flatten)]
    address: Address,
    /// Operator's key; default: the context's.
    #[arg(
        help_heading = "Gateway",
        long,
        env = "HG_OPERATOR_KEY",
        hide_env_values = true
    )]
    key: Option<String>,
}

/// Selected gateway, and the context if it applies to it.
struct Selected {
    url: String,
    ca: Option<PathBuf>,
    context: Option<Context>,
    /// Name of a context that is for another URL.
    other: Option<String>,
}

impl Address {
    fn select(&self) -> Result<Selected, Failure> {
        // Without a wish for a context, a file that cannot be used concerns only those who need it.
        let context = match (&self.context, &self.url) {
            (None, Some(_)) => context::current().unwrap_or_default(),
            (None, None) => context::current()?,
            (Some(name), _) => Some(context::named(name)?),
        };
        let Some((name, context)) = context else {
            return Ok(Selected {
                url: self.url.clone().unwrap_or_else(|| DEFAULT_URL.to_owned()),
                ca: self.ca.clone(),
                context: None,
                other: None,
            });
        };
        let own = self.url.as_ref().is_none_or(|url| same(url, &context.url));
        let url = self.url.clone().unwrap_or_else(|| context.url.clone());
        let ca = context.ca.clone().filter(|_| own);
        Ok(Selected {
            url,
            ca: self.ca.clone().or(ca),
            context: own.then_some(context),
            other: (!own).then_some(name),
        })
    }

    /// URL of the selected gateway.
    pub(super) fn url(&self) -> Result<String, Failure> {
        Ok(self.select()?.url)
    }

    /// Authorities to trust beside the public ones.
    pub(super) fn ca(&self) -> Result<Option<PathBuf>, Failure> {
        Ok(self.select()?.ca)
    }
}

impl Selected {
    fn client(&self, key: &str) -> Result<Client, Failure> {
        Client::new(&self.url, self.ca.as_deref(), key)
    }

    /// Key of the context.
    fn key(&self, variable: &str) -> Result<&str, Failure> {
        if let Some(context) = &self.context {
            return Ok(&context.key);
        }
        let failure = Failure::new("no key is given").misconfigured();
        Err(match &self.other {
            Some(name) => failure.hint(format!(
                "give `--key` or {variable}: the key of the context `{name}` is for another URL, and is not sent to {}",
                self.url
            )),
            None => failure.hint(format!(
                "give `--key` or {variable}, or keep one with `hookgate context add NAME --key-file FILE`"
            )),
        })
    }
}

impl AsTenant {
    /// Client with the tenant's key, or with the operator's for the tenant.
    pub(super) fn client(&self) -> Result<Client, Failure> {
        let selected = self.address.select()?;
        let operator = self
            .tenant
            .as_ref()
            .and_then(|_| std::env::var(OPERATOR_KEY).ok());
        if let Some(key) = self.key.as_ref().or(operator.as_ref()) {
            return Ok(selected.client(key)?.acting_for(self.tenant.as_deref()));
        }
        let key = selected.key("HG_KEY")?;
        let own = selected
            .context
            .as_ref()
            .and_then(|context| context.tenant.as_ref());
        let tenant = self.tenant.as_ref().or(own);
        Ok(selected.client(key)?.acting_for(tenant.map(String::as_str)))
    }

    /// Client for the lists of all tenants.
    pub(super) fn operator(&self) -> Result<Client, Failure> {
        let operator = AsOperator {
            address: self.address.clone(),
            key: self.key.clone().or_else(|| std::env::var(OPERATOR_KEY).ok()),
        };
        operator.client()
    }

    /// Tenant that is named on the command line or in the environment.
    pub(super) fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }
}

impl AsOperator {
    /// Client with the operator's key.
    pub(super) fn client(&self) -> Result<Client, Failure> {
        let selected = self.address.select()?;
        match &self.key {
            Some(key) => selected.client(key),
            None => selected.client(selected.key(OPERATOR_KEY)?),
        }
    }

    /// Address of the gateway.
    pub(super) fn address(&self) -> &Address {
        &self.address
    }
}

/// Returns `true` if two URLs have the same scheme, host and port.
fn same(one: &str, other: &str) -> bool {
    let parsed = |text: &str| url::Url::parse(text).ok();
    match (parsed(one), parsed(other)) {
        (Some(one), Some(other)) => one.origin() == other.origin(),
        _ => one == other,
    }
}

const OPERATOR_KEY: &str = "HG_OPERATOR_KEY";
pub(super) const DEFAULT_URL: &str = "http://127.0.0.1:8080";
