//! Log of refused connections: one line when refusals begin and one when they end.
//! It has no line per connection.

use std::time::{Duration, Instant};

use super::connection_table::Refused;

/// State of one listener's refusals.
#[derive(Debug, Default)]
pub(super) struct RefusalLog {
    refusing: Option<Refusing>,
}

#[derive(Debug)]
struct Refusing {
    last: Instant,
    count: u64,
}

impl RefusalLog {
    /// Records a refused connection.
    pub(super) fn refused(&mut self, why: Refused) {
        if self.is_first() {
            let reason = match why {
                Refused::Full => "every connection has a request under way (server.max_connections)",
                Refused::Address => {
                    "one address has as many connections as it may (server.max_connections_per_address)"
                }
            };
            tracing::warn!(reason, "connections.refused");
        }
    }

    /// Records a connection that could not be accepted.
    pub(super) fn not_accepted(&mut self, error: &std::io::Error) {
        if self.is_first() {
            tracing::warn!(error = %error, "connections.not_accepted");
        }
    }

    /// Records an accepted connection.
    pub(super) fn accepted(&mut self) {
        // Refused and accepted connections alternate: refusals end after a while without any.
        if let Some(refusing) = &self.refusing
            && refusing.last.elapsed() > QUIET
        {
            tracing::info!(count = refusing.count, "connections.accepted_again");
            self.refusing = None;
        }
    }

    fn is_first(&mut self) -> bool {
        let count = self.refusing.as_ref().map_or(0, |refusing| refusing.count);
        self.refusing = Some(Refusing {
            last: Instant::now(),
            count: count + 1,
        });
        count == 0
    }
}

/// Time without a refusal after which refusals have ended.
const QUIET: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusal_log_has_one_line_for_a_flood() {
        let mut log = RefusalLog::default();
        assert!(log.is_first());
        log.accepted();
        assert!((0..1000).all(|_| !log.is_first()));
    }
}
