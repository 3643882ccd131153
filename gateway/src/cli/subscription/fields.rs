//! Fields of a subscription that its creation and its changes have in common.

use clap::Args;
use indexmap::IndexMap;

use super::super::body::Object;
use super::super::output::Failure;

/// Arguments of the optional fields.
#[derive(Debug, Args)]
pub(super) struct Fields {
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
}

impl Fields {
    /// Adds the given fields to the body of a request.
    ///
    /// # Errors
    /// Text that is not JSON, and a header without `:`.
    pub(super) fn add_to(&self, body: &mut Object) -> Result<(), Failure> {
        let headers: Result<IndexMap<_, _>, _> = self.headers.iter().map(|line| header(line)).collect();
        let headers = headers?;
        body.set_json("filter", self.filter.as_deref())?
            .set_some("description", self.description.as_ref())
            .set_some("headers", (!headers.is_empty()).then_some(&headers))
            .set_some("timeout", self.timeout.as_ref())
            .set_json("retry", self.retry.as_deref())?
            .set_some("payload", self.payload.as_ref())
            .set_some("owner", self.owner.as_ref())
            .set_some("mode", self.mode.as_ref());
        Ok(())
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
