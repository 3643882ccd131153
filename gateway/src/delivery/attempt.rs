//! One attempt: looks up the destination, builds and signs the request, and sends it. Decides and
//! writes nothing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Attempter;
use super::destination::{Destination, NoDestination};
use super::traced;
use super::transform::NotSent;
use hookgate_contract::profile::{Message, Signature};
use hookgate_domain::units::Size;
use hookgate_domain::{Attempt, DeliveryMode, Event, Hops, Outcome, StepReport, Timestamp, Trigger};
use hookgate_egress::{Answer, HeaderMap, HeaderName, HeaderValue, Request};
use hookgate_runtime::telemetry::traces::Span;
use hookgate_store::Leased;

/// Result of trying an attempt.
#[derive(Debug)]
pub enum Attempted {
    /// An attempt was made.
    Made(Attempt),
    /// No attempt was possible for too long: the delivery is given up, with this as its last one.
    Expired(Attempt),
    /// The delivery is cancelled; nothing was sent.
    CalledOff {
        /// Reason, from a closed set.
        reason: &'static str,
    },
    /// Its endpoint has its maximum in flight, or is paused; nothing was sent.
    Returned,
    /// Deferred; nothing was sent.
    ///
    /// The destination is uncertain, or the endpoint is paused and shares a queue with others, or
    /// this process has no file descriptor for it.
    Postponed {
        /// Length of the delay.
        by: Duration,
    },
    /// Its lease is too short for an attempt; nothing was sent.
    TooLate,
    /// The gateway's process ended during its attempts too often; nothing was sent.
    Crashed,
}

impl Attempter {
    /// Attempts a delivery. The output of its chain is stored in the lease.
    pub async fn attempt(&self, leased: &mut Leased) -> Attempted {
        let mut span = self.span(leased);
        let attempted = self.attempt_in(leased, span.as_mut()).await;
        if let Some(span) = span {
            traced::end(span, &attempted);
        }
        attempted
    }

    async fn attempt_in(&self, leased: &mut Leased, mut span: Option<&mut Span>) -> Attempted {
        let (started, clock) = (self.parts.clock.now(), Instant::now());
        let (mut steps, mut expired) = (Vec::new(), false);
        let mut keep = self.config.keep_response;
        let answer = match self.destination(leased, started).await {
            Ok(mut destination) => match self
                .prepare(leased, &mut destination, span.as_deref(), &mut steps)
                .await
            {
                Ok(made) => {
                    let takes_out = destination.profile.privacy.takes_out();
                    keep = keep.or(Some(!takes_out));
                    let _in_flight = self.parts.metrics.in_flight();
                    let event = made.as_ref().unwrap_or(&leased.event);
                    Signature::in_turn(&mut destination.keys, leased.attempts);
                    if leased.trigger == Trigger::Test {
                        let headers = &mut destination.headers;
                        headers.insert(TEST_HEADER, HeaderValue::from_static("true"));
                    }
                    self.pass_trace_on(&mut destination.headers, leased, span.as_deref());
                    if let Some(span) = &mut span {
                        traced::describe_request(span, &destination.url);
                    }
                    let answer = self.send(event, destination, started).await;
                    // Nothing was sent, because this process or machine lacks a resource.
                    if let Outcome::Postponed { by } = answer.outcome {
                        return Attempted::Postponed { by };
                    }
                    answer
                }
                Err(NotSent::Deferred(by)) => return Attempted::Postponed { by },
                Err(NotSent::Expired(outcome)) => {
                    expired = true;
                    without_body(outcome)
                }
                Err(NotSent::Failed(outcome, ran)) => {
                    steps = ran;
                    without_body(outcome)
                }
            },
            Err(NoDestination::CalledOff(reason)) => return Attempted::CalledOff { reason },
            Err(NoDestination::Unknown) => return Attempted::Postponed { by: UNKNOWN_FOR },
            Err(NoDestination::Unusable(reason)) => blocked(reason),
        };
        let attempt = Attempt {
            number: leased.attempts.saturating_add(1),
            started,
            took: clock.elapsed(),
            outcome: answer.outcome,
            response: kept(answer.body, keep.unwrap_or_default(), self.config.max_response),
            steps,
        };
        if expired {
            Attempted::Expired(attempt)
        } else {
            Attempted::Made(attempt)
        }
    }

    /// Records an attempt that panicked: it counts as a failure, and the retry policy applies.
    pub fn panicked(&self, leased: &Leased) -> Attempted {
        tracing::error!(tenant = %leased.event.tenant, delivery = %leased.id, "delivery.attempt_panicked");
        Attempted::Made(self.crashed(leased, 0))
    }

    /// Records an attempt during which the gateway itself failed.
    pub(super) fn crashed(&self, leased: &Leased, times: u32) -> Attempt {
        Attempt {
            number: leased.attempts.saturating_add(1),
            started: self.parts.clock.now(),
            took: Duration::ZERO,
            outcome: Outcome::Crashed { times },
            response: Vec::new(),
            steps: Vec::new(),
        }
    }

    /// Prepares the event to send: removes data classified since it was accepted, and applies the
    /// chain.
    ///
    /// The subscription's chain transforms the data once per delivery; `steps` holds what its steps
    /// did then.
    async fn prepare(
        &self,
        leased: &mut Leased,
        destination: &mut Destination,
        span: Option<&Span>,
        steps: &mut Vec<StepReport>,
    ) -> Result<Option<Event>, NotSent> {
        let anew = destination.tenant.privacy.anew(&leased.event).is_some();
        let made = leased.body.take().filter(|_| !anew);
        let (event, data) = match (made, destination.chain(leased.id.target)) {
            (Some(made), _) => (Arc::clone(&leased.event), made),
            (None, None) if !anew => return Ok(None),
            (None, Some(_)) if destination.is_loading(leased.id.target) => {
                return Err(NotSent::Deferred(LOADING_FOR));
            }
            (None, chain) => {
                let began = Instant::now();
                let tenant = Arc::clone(&destination.tenant);
                let screened = self
                    .transform(
                        leased,
                        &tenant,
                        (chain, span.map(Span::recording)),
                        destination.timeout,
                    )
                    .await?;
                destination.timeout = destination.timeout.saturating_sub(began.elapsed());
                let Some(made) = screened.made else {
                    return Ok(Some(Event::clone(&screened.event)));
                };
                *steps = made.steps;
                (screened.event, made.data)
            }
        };
        leased.body = Some(data.clone());
        Ok(Some(Event {
            data,
            ..Event::clone(&event)
        }))
    }

    async fn send(&self, event: &Event, destination: Destination, now: Timestamp) -> Answer {
        let profile = &destination.profile;
        let body = match profile.body(event, &event.data, destination.payload) {
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
        carry_hops(&mut headers, event.hops);
        if let Err(name) = sign(&mut headers, &profile.user_agent, signature) {
            return blocked(format!("the profile's header `{name}` cannot be sent"));
        }
        let request = Request {
            url: &destination.url,
            headers,
            body,
            timeout: destination.timeout,
        };
        if destination.mode == DeliveryMode::Shadow {
            return without_body(self.shadow(request));
        }
        let Answer { outcome, body } = self.parts.client.send(request).await;
        Answer {
            outcome: profile.endpoint.success.judge(outcome),
            body,
        }
    }
}

/// Sets Hookgate's headers over the subscription's. Fails with the name of a header that cannot be
/// sent.
fn sign(headers: &mut HeaderMap, user_agent: &str, signature: Vec<(&str, String)>) -> Result<(), String> {
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    if !headers.contains_key("user-agent") {
        let value = user_agent.parse().map_err(|_| "user-agent".to_owned())?;
        headers.insert("user-agent", value);
    }
    for (name, value) in signature {
        let parsed: Option<HeaderName> = name.parse().ok();
        let parsed = parsed.zip(HeaderValue::try_from(value).ok());
        let (name, value) = parsed.ok_or_else(|| name.to_owned())?;
        headers.insert(name, value);
    }
    Ok(())
}

/// Adds the hop headers, which mark the request as a delivery wherever it is forwarded to.
fn carry_hops(headers: &mut HeaderMap, before: Hops) {
    let (own, cdn_loop) = before.next().values();
    headers.insert(Hops::HEADER, HeaderValue::from_static(own));
    headers.insert(Hops::CDN_LOOP, HeaderValue::from_static(cdn_loop));
}

fn kept(mut body: Vec<u8>, keep: bool, most: Size) -> Vec<u8> {
    body.truncate(if keep { most.bytes() } else { 0 });
    body.shrink_to_fit();
    body
}

fn blocked(reason: String) -> Answer {
    without_body(Outcome::Blocked { reason })
}

fn without_body(outcome: Outcome) -> Answer {
    let body = Vec::new();
    Answer { outcome, body }
}

/// Retry delay of a delivery whose chain is still being loaded.
const LOADING_FOR: Duration = Duration::from_secs(1);
/// Retry delay of a delivery whose destination is unknown because the store did not answer.
const UNKNOWN_FOR: Duration = Duration::from_secs(1);
/// Header that marks a test event, for events of every type.
const TEST_HEADER: &str = "webhook-test";
