//! Cluster parts whose server does not answer, by hash tag.
//! Requests to them fail at once, except an occasional one that checks whether the server is back.
//! Requests to other parts go on.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use redis::{Arg, Pipeline};

use super::fault::Failure;

/// Parts that do not answer; at most as many as hash tags.
#[derive(Debug, Default)]
pub(super) struct Lost {
    any: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    reasons: BTreeMap<String, String>,
    /// Time of the next check, for all parts together.
    /// The client library delays all requests while it looks for a server that does not answer.
    try_at: Option<Instant>,
    pause: Duration,
}

impl Lost {
    /// Checks that a request to a part may be sent now.
    ///
    /// # Errors
    /// The part is lost, and its next check is not yet due.
    pub(super) fn admit(&self, tag: &str, now: Instant) -> Result<(), Failure> {
        if !self.any.load(Ordering::Acquire) {
            return Ok(());
        }
        let Ok(mut state) = self.state.lock() else {
            return Ok(());
        };
        let Some(reason) = state.reasons.get(tag) else {
            return Ok(());
        };
        if state.try_at.is_some_and(|at| now < at) {
            return Err(Failure::away(reason));
        }
        state.try_at = Some(now + state.pause);
        Ok(())
    }

    /// Records a part that does not answer; returns `true` if that is new.
    pub(super) fn lose(&self, tag: &str, reason: &str, now: Instant) -> bool {
        let Ok(mut state) = self.state.lock() else {
            return false;
        };
        self.any.store(true, Ordering::Release);
        let new = state.reasons.insert(tag.to_owned(), reason.to_owned()).is_none();
        state.pause = if new {
            FIRST_PAUSE
        } else {
            (state.pause * 2).min(LONGEST_PAUSE)
        };
        state.try_at = Some(now + state.pause);
        new
    }

    /// Records a part that answers; returns `true` if it was lost.
    pub(super) fn find(&self, tag: &str) -> bool {
        if !self.any.load(Ordering::Acquire) {
            return false;
        }
        let Ok(mut state) = self.state.lock() else {
            return false;
        };
        let found = state.reasons.remove(tag).is_some();
        if found {
            // The server may serve other lost parts too: they are tried at once.
            state.try_at = None;
            state.pause = FIRST_PAUSE;
        }
        self.any.store(!state.reasons.is_empty(), Ordering::Release);
        found
    }

    /// Assumes that all parts answer, after a new connection.
    pub(super) fn clear(&self) {
        if let Ok(mut state) = self.state.lock() {
            *state = State::default();
            self.any.store(false, Ordering::Release);
        }
    }

    /// Number of lost parts, and the reason of one of them.
    pub(super) fn count(&self) -> Option<(usize, String)> {
        let state = self.state.lock().ok()?;
        let reason = state.reasons.values().next()?;
        Some((state.reasons.len(), reason.clone()))
    }
}

/// Hash tag of the first key in a pipeline; every key begins with its tag (`keys`).
pub(super) fn tag_of(pipeline: &Pipeline) -> Option<String> {
    let command = pipeline.cmd_iter().next()?;
    command.args_iter().find_map(|arg| {
        let Arg::Simple(arg) = arg else { return None };
        let end = arg.iter().take(LONGEST_TAG).position(|byte| *byte == b'}')?;
        let tag = arg.strip_prefix(b"{")?.get(..end.checked_sub(1)?)?;
        std::str::from_utf8(tag).ok().map(str::to_owned)
    })
}

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Maximum length of a tag: a prefix of up to 32 bytes, braces, a colon and the shard's name.
const LONGEST_TAG: usize = 48;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lost_part_fails_at_once_and_others_go_on() {
        let lost = Lost::default();
        let now = Instant::now();
        assert!(lost.admit("a", now).is_ok());
        assert!(lost.lose("a", "refused", now));
        assert!(!lost.lose("a", "refused", now));
        assert!(lost.admit("a", now).is_err());
        assert!(lost.admit("b", now).is_ok());
        assert!(!lost.find("b"));
        assert_eq!(lost.count(), Some((1, "refused".to_owned())));

        let later = now + LONGEST_PAUSE;
        assert!(lost.admit("a", later).is_ok(), "one finds out");
        assert!(lost.admit("a", later).is_err(), "and one only");
        assert!(lost.find("a"));
        assert!(lost.admit("a", later).is_ok());
        assert_eq!(lost.count(), None);
    }

    #[test]
    fn tag_is_of_the_first_key() {
        for (words, tag) in [
            (&["GET", "{hg:03}seq"][..], Some("hg:03")),
            (&["EVALSHA", "abc", "1", "{hg:reg}meta", "x"][..], Some("hg:reg")),
            (&["TIME"][..], None),
            (&["SET", "plain", "}{"][..], None),
        ] {
            let mut pipeline = Pipeline::new();
            let mut command = redis::cmd(words[0]);
            words[1..].iter().for_each(|word| {
                command.arg(*word);
            });
            pipeline.add_command(command);
            assert_eq!(tag_of(&pipeline).as_deref(), tag, "{words:?}");
        }
    }
}
