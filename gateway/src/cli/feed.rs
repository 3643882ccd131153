//! `hookgate feed`: the events of a tenant in their order, once or as they come.

use clap::Args;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::access::AsTenant;
use super::block_on;
use super::list::{Query, time};
use super::output::{Failure, bold, dim, note, say};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Go on with the events that come later, until Ctrl-C.
    #[arg(long, short)]
    follow: bool,
    /// Begin with the first event that was accepted at this time or later: RFC 3339, or a span before
    /// now such as `15m`; default: the oldest event.
    #[arg(long, value_name = "TIME", conflicts_with = "cursor")]
    since: Option<String>,
    /// Begin after this cursor, which an earlier call has printed.
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
    /// Only events of these types: patterns separated by commas.
    #[arg(long, value_name = "PATTERNS")]
    types: Option<String>,
    /// End after so many events.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    #[command(flatten)]
    gateway: AsTenant,
    /// Print one event as JSON per line.
    #[arg(long)]
    json: bool,
}

/// Page of the feed. Events keep the digits of their numbers.
#[derive(Deserialize)]
struct Page {
    data: Vec<Box<RawValue>>,
    next_cursor: String,
    has_more: bool,
}

/// Event of a page.
#[derive(Deserialize)]
struct Event<'a> {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    created: String,
    #[serde(borrow)]
    data: &'a RawValue,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    block_on(async {
        tokio::select! {
            done = read(arguments) => done,
            _ = tokio::signal::ctrl_c() => Ok(()),
        }
    })
}

async fn read(arguments: &Arguments) -> Result<(), Failure> {
    let client = arguments.gateway.client()?;
    let since = arguments.since.as_deref().map(time).transpose()?;
    let (mut since, mut cursor) = (since, arguments.cursor.clone());
    let mut left = arguments.limit.unwrap_or(u64::MAX);
    loop {
        let mut query = Query::default();
        query
            .add("limit", Some(&left.min(PAGE).to_string()))
            .add("types", arguments.types.as_deref())
            .add("since", since.as_deref())
            .add("cursor", cursor.as_deref())
            .add("wait", arguments.follow.then_some(WAIT));
        let page: Page = client.get(&query.of("/v1/events")).await?;
        for event in &page.data {
            print(event, arguments.json);
            left = left.saturating_sub(1);
        }
        since = None;
        let ends = left == 0 || !(page.has_more || arguments.follow);
        if ends {
            if !arguments.json {
                note(format_args!("go on with --cursor {}", page.next_cursor));
            }
            return Ok(());
        }
        cursor = Some(page.next_cursor);
    }
}

fn print(event: &RawValue, as_json: bool) {
    let parsed: Option<Event<'_>> = serde_json::from_str(event.get()).ok();
    match parsed.filter(|_| !as_json) {
        None => say(event.get()),
        Some(event) => say(format_args!(
            "{} {} {} {}",
            dim(&event.created),
            event.id,
            bold(&event.kind),
            event.data.get()
        )),
    }
}

/// Maximum number of events of a page.
const PAGE: u64 = 100;
/// Seconds for which the gateway waits for new events.
const WAIT: &str = "20";
