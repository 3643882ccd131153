//! One attempt: where to, which bytes, signed, sent. Decides nothing and writes nothing.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::destination::{Destination, NoDestination};
use super::{Config, Courier};
use crate::domain::{Attempt, Event, Outcome, Timestamp, Trigger};
use crate::egress::{Answer, HeaderMap, HeaderName, HeaderValue, Request};
use crate::profile::{Message, Unsendable};
use crate::store::Leased;

/// What came of trying.
#[derive(Debug)]
pub enum Attempted {
    /// An attempt was made.
    Made(Attempt),
    /// The delivery is called off; nothing was sent.
    CalledOff {
        /// Why, from a closed set.
        reason: &'static str,
    },
    /// Its endpoint is paused, or not known for certain; nothing was sent.
    Postponed {
        /// By how long.
        by: Duration,
    },
    /// Its lease is too short for an attempt; nothing was sent.
    TooLate,
}

impl Courier {
    /// Attempts a delivery.
    pub async fn attempt(&self, leased: &Leased) -> Attempted {
        let (started, clock) = (self.parts.clock.now(), Instant::now());
        let answer = match self.destination(leased, started).await {
            Ok(destination) => {
                let _in_flight = self.parts.metrics.in_flight();
                self.send(leased, destination, started).await
            }
            Err(NoDestination::CalledOff(reason)) => return Attempted::CalledOff { reason },
            Err(NoDestination::Unknown) => return Attempted::Postponed { by: UNKNOWN_FOR },
            Err(NoDestination::Unusable(reason)) => blocked(reason),
        };
        Attempted::Made(Attempt {
            number: leased.attempts.saturating_add(1),
            started,
            took: clock.elapsed(),
            outcome: answer.outcome,
            response: kept(answer.body, &self.config),
        })
    }

    async fn send(&self, leased: &Leased, destination: Destination, now: Timestamp) -> Answer {
        let profile = &destination.profile;
        // What was classified since the event was accepted is not sent.
        let shown = destination.tenant.privacy.shown(&leased.event);
        let event = shown.as_ref().unwrap_or(&leased.event);
        let made = leased.body.as_ref().filter(|_| shown.is_none());
        let body = match body(event, made, &destination) {
            Ok(body) => body,
            Err(unsendable) => return blocked(unsendable.to_string()),
        };
        let message = Message {
            id: event.id.as_str(),
            kind: event.kind.as_str(),
            timestamp: now,
            body: &body,
            data: profile.signed_data(&body, &event.data),
        };
        let signature = match profile.signature.headers(&message, &destination.keys) {
            Ok(signature) => signature,
            Err(unsendable) => return blocked(unsendable.to_string()),
        };
        let mut headers = destination.headers;
        if leased.trigger == Trigger::Test {
            headers.insert(TEST_HEADER, HeaderValue::from_static("true"));
        }
        if let Err(name) = sign(&mut headers, signature) {
            return blocked(format!("the profile's header `{name}` cannot be sent"));
        }
        let request = Request {
            url: &destination.url,
            headers,
            body,
            timeout: destination.timeout,
        };
        let Answer { outcome, body } = self.parts.client.send(request).await;
        Answer {
            outcome: profile.endpoint.success.judge(outcome),
            body,
        }
    }
}

/// The bytes of the first attempt where a chain made them; else the envelope, which is the same at every attempt.
fn body(event: &Event, made: Option<&Bytes>, destination: &Destination) -> Result<Bytes, Unsendable> {
    match made {
        Some(body) => Ok(body.clone()),
        None => destination.profile.body(event, &event.data, destination.payload),
    }
}

/// Hookgate's own headers, over whatever a subscription set. The name of one that cannot be sent, otherwise.
fn sign(headers: &mut HeaderMap, signature: Vec<(&str, String)>) -> Result<(), String> {
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    if !headers.contains_key("user-agent") {
        headers.insert("user-agent", HeaderValue::from_static(USER_AGENT));
    }
    for (name, value) in signature {
        let parsed: Option<(HeaderName, HeaderValue)> = name.parse().ok().zip(value.parse().ok());
        let (name, value) = parsed.ok_or_else(|| name.to_owned())?;
        headers.insert(name, value);
    }
    Ok(())
}

fn kept(mut body: Vec<u8>, config: &Config) -> Vec<u8> {
    body.truncate(if config.keep_response {
        config.max_response.bytes()
    } else {
        0
    });
    body.shrink_to_fit();
    body
}

fn blocked(reason: String) -> Answer {
    Answer {
        outcome: Outcome::Blocked { reason },
        body: Vec::new(),
    }
}

/// When to look again for a destination that the store could not be asked about.
const UNKNOWN_FOR: Duration = Duration::from_secs(1);
/// Tells a receiver that the event was made to try it, whatever the event's type.
const TEST_HEADER: &str = "hookgate-test";
const USER_AGENT: &str = concat!("hookgate/", env!("CARGO_PKG_VERSION"));
