//! `hookgate tail`: what is accepted, attempted and given up, as it happens.
//!
//! A connection that ends is opened again after the last line, with `Last-Event-ID`.

use std::time::Duration;

use clap::Args;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde_json::Value;

use super::access::AsTenant;
use super::block_on;
use super::client::Client;
use super::list::CommonFilters;
use super::output::{Failure, bold, dim, green, note, red_out, say, yellow};
use super::show::{outcome, text, time};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Only these lines, separated by commas: `accepted`, `attempted`, `dead`.
    #[arg(long, value_delimiter = ',', value_parser = ["accepted", "attempted", "dead"])]
    events: Vec<String>,
    #[command(flatten)]
    filters: CommonFilters,
    /// Begin after this line, which an earlier call has printed with `--json`.
    #[arg(long, value_name = "ID")]
    last_event_id: Option<String>,
    /// End after so many lines.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    #[command(flatten)]
    gateway: AsTenant,
    /// Print one JSON object per line.
    #[arg(long)]
    json: bool,
}

/// Connection that ended, and whether it had begun.
enum End {
    /// As many lines came as are wanted.
    Enough,
    /// The connection broke or was closed.
    Cut,
}

/// Lines of a stream of server-sent events (HTML Living Standard, section 9.2).
#[derive(Debug, Default)]
struct Frames {
    rest: Vec<u8>,
    id: Option<String>,
    name: String,
    data: String,
}

/// Server-sent event.
#[derive(Debug, PartialEq, Eq)]
struct Frame {
    id: Option<String>,
    name: String,
    data: String,
}

/// Output of lines.
struct Printer {
    json: bool,
    left: u64,
    last: Option<String>,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    block_on(async {
        tokio::select! {
            done = follow(arguments) => done,
            _ = tokio::signal::ctrl_c() => Ok(()),
        }
    })
}

async fn follow(arguments: &Arguments) -> Result<(), Failure> {
    let client = arguments.gateway.client()?;
    let mut query = arguments.filters.query();
    let events = arguments.events.join(",");
    query.add("events", (!events.is_empty()).then_some(&events));
    let path = query.of("/v1/tail");
    let mut printer = Printer {
        json: arguments.json,
        left: arguments.limit.unwrap_or(u64::MAX),
        last: arguments.last_event_id.clone(),
    };
    // A first connection that fails is the user's to know of; later ones are tried again.
    let mut body = open(&client, &path, &printer).await?;
    loop {
        if let End::Enough = printer.read(body).await {
            return Ok(());
        }
        note("the connection ended; it is opened again");
        let mut wait = FIRST_WAIT;
        body = loop {
            tokio::time::sleep(wait).await;
            match open(&client, &path, &printer).await {
                Ok(body) => break body,
                Err(failure) if failure.is_refusal() => return Err(failure),
                Err(_) => wait = (wait * 2).min(LONGEST_WAIT),
            }
        };
    }
}

async fn open(client: &Client, path: &str, printer: &Printer) -> Result<Incoming, Failure> {
    let last = printer.last.as_deref().map(|id| (LAST_EVENT_ID, id));
    client.open_with(path, last).await
}

impl Printer {
    async fn read(&mut self, mut body: Incoming) -> End {
        let mut frames = Frames::default();
        loop {
            // The gateway sends something every 15 seconds.
            let Ok(Some(Ok(frame))) = tokio::time::timeout(SILENCE, body.frame()).await else {
                return End::Cut;
            };
            let Ok(data) = frame.into_data() else { continue };
            let Ok(frames) = frames.take(&data) else {
                return End::Cut;
            };
            for frame in frames {
                self.print(&frame);
                if let Some(id) = frame.id {
                    self.last = Some(id);
                }
                self.left -= 1;
                if self.left == 0 {
                    return End::Enough;
                }
            }
        }
    }

    fn print(&self, frame: &Frame) {
        let mut data: Value = serde_json::from_str(&frame.data).unwrap_or_default();
        if self.json {
            if let Some(object) = data.as_object_mut() {
                object.insert("line".to_owned(), frame.name.as_str().into());
                object.insert("line_id".to_owned(), frame.id.as_deref().into());
            }
            say(data);
            return;
        }
        let at = dim(&time(&data["at"]));
        match frame.name.as_str() {
            "accepted" => say(format_args!(
                "{at} accepted   {} {}",
                bold(text(&data["type"])),
                text(&data["event"])
            )),
            "attempted" | "dead" => {
                let result = outcome(&data["outcome"], &data["response_status"]);
                let shown = match (frame.name.as_str(), text(&data["outcome"])) {
                    ("dead", _) => red_out(&result),
                    (_, "delivered" | "shadowed") => green(&result),
                    _ => yellow(&result),
                };
                say(format_args!(
                    "{at} {:<10} {} {} attempt {}: {shown} after {} ms, {}",
                    frame.name,
                    bold(text(&data["type"])),
                    text(&data["delivery"]),
                    data["number"],
                    data["took_ms"],
                    text(&data["status"]),
                ));
            }
            "lagged" => {
                let more = if data["more"] == true { "more than " } else { "" };
                say(yellow(&format!("{more}{} lines were left out", data["missed"])));
            }
            _ => {}
        }
    }
}

impl Frames {
    /// Takes bytes of the stream, and returns the events that are complete.
    ///
    /// # Errors
    /// A line longer than [`LONGEST_LINE`].
    fn take(&mut self, bytes: &[u8]) -> Result<Vec<Frame>, ()> {
        self.rest.extend_from_slice(bytes);
        let mut frames = Vec::new();
        let mut begin = 0;
        while let Some(length) = self.rest[begin..].iter().position(|byte| *byte == b'\n') {
            let line = String::from_utf8_lossy(&self.rest[begin..begin + length]).into_owned();
            begin += length + 1;
            frames.extend(self.line(line.trim_end_matches('\r')));
        }
        self.rest.drain(..begin);
        if self.rest.len() > LONGEST_LINE || self.data.len() > LONGEST_LINE {
            return Err(());
        }
        Ok(frames)
    }

    fn line(&mut self, line: &str) -> Option<Frame> {
        if line.is_empty() {
            let (name, data) = (std::mem::take(&mut self.name), std::mem::take(&mut self.data));
            let id = self.id.take();
            return (!data.is_empty()).then_some(Frame { id, name, data });
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => self.id = Some(value.to_owned()),
            "event" => value.clone_into(&mut self.name),
            "data" => self.data.push_str(value),
            // Comments, and fields that are not used here.
            _ => {}
        }
        None
    }
}

const LAST_EVENT_ID: &str = "last-event-id";
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// Silence after which a connection counts as broken: three heartbeats.
const SILENCE: Duration = Duration::from_secs(45);
/// Maximum length of a line in bytes.
const LONGEST_LINE: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_sent_events_are_read_in_any_division() {
        let text = ": heartbeat\n\nid: a.b\nevent: accepted\ndata: {\"at\":1}\n\nevent: lagged\r\ndata:{}\r\n\r\nid: c\n";
        let frame = |id: Option<&str>, name: &str, data: &str| Frame {
            id: id.map(str::to_owned),
            name: name.to_owned(),
            data: data.to_owned(),
        };
        let expected = [
            frame(Some("a.b"), "accepted", "{\"at\":1}"),
            frame(None, "lagged", "{}"),
        ];
        for size in [1, 2, 7, text.len()] {
            let mut frames = Frames::default();
            let parts = text.as_bytes().chunks(size);
            let found: Vec<_> = parts.flat_map(|part| frames.take(part).unwrap()).collect();
            assert_eq!(found, expected, "{size}");
        }
        assert!(Frames::default().take(&vec![b'x'; LONGEST_LINE + 1]).is_err());
    }
}
