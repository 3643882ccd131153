//! Lines of the tail, and the places that they lead back to.

use serde::Serialize;
use serde_json::json;

use super::super::Api;
use super::super::lists::attempts::AttemptLine;
use super::super::page::bad_cursor;
use super::super::views::text;
use crate::feed::Cursor;
use crate::http::Problem;
use hookgate_domain::{Event, TenantId};
use hookgate_store::FeedPosition;

/// The place that a tail has come to, in the feed and in the attempt log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Places {
    pub feed: FeedPosition,
    pub log: FeedPosition,
}

impl Places {
    /// Reads a line's id.
    ///
    /// # Errors
    /// `invalid_cursor`.
    pub fn read(api: &Api, tenant: &TenantId, id: &str) -> Result<Self, Problem> {
        let read = |text: &str, list: &str| {
            let cursor = Cursor::from_text(text, api.feed.cursor_key(), tenant, list).ok()?;
            Some(cursor.position)
        };
        let places = id.split_once('.').and_then(|(feed, log)| {
            Some(Self {
                feed: read(feed, FEED)?,
                log: read(log, LOG)?,
            })
        });
        places.ok_or_else(bad_cursor)
    }

    fn to_id(self, api: &Api, tenant: &TenantId) -> String {
        let text = |at, list| Cursor::at(at).to_text(api.feed.cursor_key(), tenant, list);
        format!("{}.{}", text(self.feed, FEED), text(self.log, LOG))
    }
}

/// Lines that are to be sent, as text.
#[derive(Debug, Default)]
pub(super) struct Lines(pub String);

impl Lines {
    /// An event that was accepted.
    pub fn accepted(&mut self, api: &Api, tenant: &TenantId, places: Places, event: &Event) {
        let data = json!({
            "at": text(event.accepted),
            "event": event.id.to_string(),
            "type": event.kind.to_string(),
        });
        self.add("accepted", Some(places.to_id(api, tenant)), &data);
    }

    /// An attempt.
    pub fn attempted(
        &mut self,
        api: &Api,
        tenant: &TenantId,
        places: Places,
        (dead, line): (bool, &AttemptLine),
    ) {
        let name = if dead { "dead" } else { "attempted" };
        self.add(name, Some(places.to_id(api, tenant)), line);
    }

    /// Lines that are left out. `more`: than were counted.
    pub fn lagged(&mut self, missed: u64, more: bool) {
        self.add("lagged", None, &json!({ "missed": missed, "more": more }));
    }

    fn add(&mut self, name: &str, id: Option<String>, data: &impl Serialize) {
        // Texts and numbers only; JSON in one line.
        let data = serde_json::to_string(data).unwrap_or_default();
        let out = &mut self.0;
        if let Some(id) = id {
            out.push_str("id: ");
            out.push_str(&id);
            out.push('\n');
        }
        for part in ["event: ", name, "\ndata: ", &data, "\n\n"] {
            out.push_str(part);
        }
    }
}

/// Name that places in the feed belong to.
const FEED: &str = "tail.feed";
/// Name that places in the attempt log belong to.
const LOG: &str = "tail.log";
