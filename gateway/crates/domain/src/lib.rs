//! Domain types of hookgate and the rules between them.
//!
//! Everything here is a value or a pure function: no I/O, no clock, no randomness. Functions that
//! need the time or chance take it as an argument. Every rule can therefore be tested with a table
//! and read without knowledge of its callers.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout))]

pub mod decide;
pub mod delivery;
pub mod event;
pub mod filter;
pub mod hops;
pub mod ids;
pub mod near;
pub mod outcome;
pub mod pattern;
pub mod quota;
pub mod retry;
pub mod scope;
pub mod secret;
pub mod spelling;
pub mod stats;
pub mod subscription;
pub mod time;
pub mod token_bucket;
pub mod trace_context;
pub mod units;

pub use decide::{AnswerRules, Gone, Pause, RetryAfter, RetryRules};
pub use delivery::{Attempt, Delivery, DeliveryState, Outcome, Target, Trigger, UnsentRequest};
pub use event::{Event, EventType, Fate, StepReport};
pub use filter::{Filter, FilterLimits, FilterProblem};
pub use hops::{BadHops, Hops};
pub use ids::{DeliveryId, EventId, KeyId, SubscriptionId, TenantId};
pub use near::nearest;
pub use outcome::{OutcomeKind, StatusClass};
pub use pattern::EventPattern;
pub use quota::{KEPT_ANSWERS, OverQuota, Quota, Quotas, StoredLimits, StoredUsage, TenantQuotas};
pub use retry::RetryPolicy;
pub use scope::{BadScopes, Scope, Scopes};
pub use secret::Secret;
pub use stats::{Stats, Tally};
pub use subscription::{DeliveryMode, PayloadMode, Status, Subscription};
pub use time::Timestamp;
pub use token_bucket::{BucketEmpty, Rate, TokenBucket};
pub use trace_context::TraceContext;
