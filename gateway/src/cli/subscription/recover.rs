//! `hookgate subscription recover`.

use clap::Args;
use http::Method;
use serde_json::Value;

use super::super::body::Object;
use super::super::list;
use super::super::output::{Failure, Progress, note, say};
use super::One;

#[derive(Debug, Args)]
pub(super) struct Recover {
    #[command(flatten)]
    one: One,
    /// Events accepted from this time on: RFC 3339, or a span before now such as `15m`.
    #[arg(long, value_name = "TIME", required_unless_present = "dead")]
    since: Option<String>,
    /// Only events accepted before this time: RFC 3339, or a span before now.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Only events of these types: patterns separated by commas.
    #[arg(long, value_name = "PATTERNS", value_delimiter = ',')]
    types: Option<Vec<String>>,
    /// Only deliveries that died.
    #[arg(long, conflicts_with = "all")]
    dead: bool,
    /// Deliveries that succeeded, too.
    #[arg(long)]
    all: bool,
    /// Cursor that an interrupted recovery has given.
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
}

/// Recovers part by part, until everything is done.
pub(super) async fn run(recover: &Recover) -> Result<(), Failure> {
    let client = recover.one.gateway.client()?;
    let path = format!("{}/recover", recover.one.path());
    let mut body = recover.body()?;
    let (mut deliveries, mut events, mut left_out) = (0, 0, 0);
    let mut cursor = recover.cursor.clone();
    let mut progress = Progress::new();
    loop {
        body.set_some("cursor", cursor.as_ref());
        let part = match client.submit(Method::POST, &path, &body).await {
            Ok(part) => part,
            Err(failure) => {
                progress.end();
                if let Some(cursor) = &cursor {
                    note(format_args!(
                        "{deliveries} deliveries are made; the same command with `--cursor {cursor}` goes on"
                    ));
                }
                return Err(failure);
            }
        };
        deliveries += number(&part["deliveries"]);
        events += number(&part["events"]);
        left_out += number(&part["left_out"]);
        if recover.one.json {
            say(&part);
        }
        cursor = part["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            break;
        }
        progress.show(format_args!("{deliveries} deliveries of {events} events"));
    }
    progress.end();
    if !recover.one.json {
        say(format_args!(
            "{deliveries} deliveries are made of {events} events"
        ));
        if left_out > 0 {
            note(format_args!(
                "{left_out} events were left out: the filter is too much work for them"
            ));
        }
    }
    Ok(())
}

impl Recover {
    fn body(&self) -> Result<Object, Failure> {
        let time = |text: &Option<String>| text.as_deref().map(list::time).transpose();
        let only = match (self.dead, self.all) {
            (true, _) => Some("dead"),
            (_, true) => Some("all"),
            (false, false) => None,
        };
        let mut body = Object::default();
        body.set_some("since", time(&self.since)?.as_ref())
            .set_some("until", time(&self.until)?.as_ref())
            .set_some("types", self.types.as_ref())
            .set_some("only", only);
        Ok(body)
    }
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}
