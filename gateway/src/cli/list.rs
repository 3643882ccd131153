//! Lists of the API on the command line: filters, pages, and the output as a table or as JSON.

use std::time::Duration;

use clap::Args;
use indexmap::IndexMap;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::client::Client;
use super::output::{Failure, note, say, table};
use super::show::encoded;
use hookgate_domain::Timestamp;
use hookgate_domain::units::Span;
use hookgate_runtime::clock::Clock;

/// Filters of the lists of events, deliveries and attempts.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct Filters {
    /// Only from this time on: RFC 3339, or a span before now such as `15m`.
    #[arg(help_heading = "Filters", long, value_name = "TIME")]
    since: Option<String>,
    /// Only from before this time: RFC 3339, or a span before now.
    #[arg(help_heading = "Filters", long, value_name = "TIME")]
    until: Option<String>,
    /// Exactly one event's id, one delivery's id, or one Idempotency-Key.
    #[arg(help_heading = "Filters", long, short, value_name = "TEXT")]
    query: Option<String>,
    #[command(flatten)]
    common: CommonFilters,
}

/// Filters of lists and of the tail.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct CommonFilters {
    /// Only of events of these types: patterns separated by commas, such as `invoice.*,order.paid`.
    #[arg(help_heading = "Filters", long, value_name = "PATTERNS")]
    types: Option<String>,
    /// Only to this subscription.
    #[arg(help_heading = "Filters", long, value_name = "ID")]
    subscription: Option<String>,
    /// Only where the delivery has this status.
    #[arg(help_heading = "Filters", long, value_parser = ["pending", "delivered", "dead", "cancelled", "shadowed"])]
    status: Option<String>,
    /// Only where the attempt, or the last one, came to this.
    #[arg(help_heading = "Filters", long, value_parser = ["2xx", "3xx", "4xx", "5xx", "network", "plugin"])]
    status_class: Option<String>,
    /// Only first attempts, or only later ones.
    #[arg(help_heading = "Filters", long, value_parser = ["first", "retry"])]
    attempt: Option<String>,
}

/// Selection of a page.
#[derive(Debug, Clone, Args)]
pub(super) struct Paging {
    /// Maximum number of items: 1 to 500.
    #[arg(help_heading = "Page", long, default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=500))]
    limit: u64,
    /// Cursor that another page has given.
    #[arg(help_heading = "Page", long, value_name = "CURSOR", conflicts_with = "all")]
    cursor: Option<String>,
    /// Read to the end of the list; with `--json`, one item a line.
    #[arg(help_heading = "Page", long)]
    all: bool,
}

/// Query of a request, percent-encoded.
#[derive(Debug, Clone, Default)]
pub(super) struct Query(Vec<String>);

impl Query {
    /// Adds a parameter if it has a value.
    pub(super) fn add(&mut self, name: &str, value: Option<&str>) -> &mut Self {
        let pair = value.map(|value| format!("{name}={}", encoded(value)));
        self.0.extend(pair);
        self
    }

    /// Path with this query.
    pub(super) fn of(&self, path: &str) -> String {
        match self.0.as_slice() {
            [] => path.to_owned(),
            pairs => format!("{path}?{}", pairs.join("&")),
        }
    }
}

impl CommonFilters {
    pub(super) fn query(&self) -> Query {
        let mut query = Query::default();
        query
            .add("types", self.types.as_deref())
            .add("subscription", self.subscription.as_deref())
            .add("status", self.status.as_deref())
            .add("status_class", self.status_class.as_deref())
            .add("attempt", self.attempt.as_deref());
        query
    }

    /// The filters as an object, for the body of a request. Types are a list.
    pub(super) fn object(&self) -> Map<String, Value> {
        let texts = [
            ("subscription", &self.subscription),
            ("status", &self.status),
            ("status_class", &self.status_class),
            ("attempt", &self.attempt),
        ];
        let given = texts
            .into_iter()
            .filter_map(|(name, text)| Some((name.to_owned(), Value::String(text.clone()?))));
        let types = self.types.iter().map(|types| {
            let types = types.split(',').map(|text| Value::from(text.trim()));
            ("types".to_owned(), types.collect())
        });
        given.chain(types).collect()
    }
}

impl Filters {
    pub(super) fn query(&self) -> Result<Query, Failure> {
        let mut query = self.common.query();
        query
            .add("since", self.since.as_deref().map(time).transpose()?.as_deref())
            .add("until", self.until.as_deref().map(time).transpose()?.as_deref())
            .add("q", self.query.as_deref());
        Ok(query)
    }
}

/// Time of an argument: RFC 3339, or a span before now.
pub(super) fn time(text: &str) -> Result<String, Failure> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time.to_string());
    }
    let span: Result<Span, _> = text.parse();
    let time = span.map(|span| Clock::System.now().minus(span.get()));
    time.map(|time| time.to_string()).map_err(|_| {
        let failure = Failure::new(format!("`{}` is no time", text.escape_default())).misconfigured();
        failure.hint("write RFC 3339 such as 2026-01-15T00:00:00Z, or a span before now such as `15m`")
    })
}

/// Prints a list: one page, or all of it.
///
/// Pages that end because a request looks at no more are continued until there is something to show.
pub(super) async fn print<const N: usize>(
    client: &Client,
    (path, query): (&str, &Query),
    paging: &Paging,
    as_json: bool,
    columns: ([&str; N], impl Fn(&Value) -> [String; N]),
) -> Result<(), Failure> {
    let (names, row) = columns;
    let mut cursor = paging.cursor.clone();
    let mut is_first = true;
    loop {
        let page = page(client, (path, query), paging.limit, cursor.take()).await?;
        let items: Vec<Box<RawValue>> = member(&page, "data");
        match (as_json, paging.all) {
            (true, true) => items.iter().for_each(|item| say(item.get())),
            (true, false) => say(serde_json::to_string(&page).unwrap_or_default()),
            (false, _) => {
                let values = items
                    .iter()
                    .map(|item| serde_json::from_str(item.get()).unwrap_or_default());
                let rows: Vec<_> = values.map(|value: Value| row(&value)).collect();
                if is_first || !rows.is_empty() {
                    table(names, &rows);
                }
            }
        }
        is_first = false;
        cursor = member(&page, "next_cursor");
        match &cursor {
            Some(cursor) if !paging.all => {
                if !as_json {
                    note(format_args!("there is more: --cursor {cursor}"));
                }
                return Ok(());
            }
            Some(_) => {}
            None => return Ok(()),
        }
    }
}

/// Page of a list. Its values keep the digits of their numbers.
type Page = IndexMap<String, Box<RawValue>>;

/// Member of a page; the default if it is absent, null or something else.
fn member<T: DeserializeOwned + Default>(page: &Page, name: &str) -> T {
    let member = page
        .get(name)
        .and_then(|raw| serde_json::from_str(raw.get()).ok());
    member.unwrap_or_default()
}

/// Reads a page. Continues where a page is empty because a request looks at no more.
async fn page(
    client: &Client,
    (path, query): (&str, &Query),
    limit: u64,
    mut cursor: Option<String>,
) -> Result<Page, Failure> {
    let mut previous = None;
    loop {
        let mut query = query.clone();
        query
            .add("limit", Some(&limit.to_string()))
            .add("cursor", cursor.as_deref());
        let mut page: Page = client.get(&query.of(path)).await?;
        // The way to what is newer begins at the first page that was read.
        if let Some(of_page) = page.get_mut("previous_cursor") {
            of_page.clone_from(previous.get_or_insert_with(|| of_page.clone()));
        }
        let is_empty = member::<Vec<Box<RawValue>>>(&page, "data").is_empty();
        match member(&page, "next_cursor") {
            Some(next) if is_empty && member(&page, "partial") => cursor = Some(next),
            _ => return Ok(page),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Pause between requests that found nothing, so that a long search leaves the gateway to others.
const PAUSE: Duration = Duration::from_millis(20);
