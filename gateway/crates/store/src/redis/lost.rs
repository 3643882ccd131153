//! Parts of a cluster whose server does not answer, by hash tag. Requests to them fail at once, but for one now and then that
//! finds out whether the server is back; requests to other parts go on.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use redis::{Arg, Pipeline};

use super::fault::Failure;

/// The parts that are lost. There are as many as hash tags at most.
#[derive(Debug, Default)]
pub(super) struct Lost {
    any: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    reasons: BTreeMap<String, String>,
    /// When the next request may find out, of all parts together: the client library holds all requests up while it looks for
    /// a server that does not answer.
    try_at: Option<Instant>,
    pause: Duration,
}

impl Lost {
    /// Tells whether a request to a part may be sent now.
    ///
    /// # Errors
    /// The part is lost, and it is not yet time to find out whether it is back.
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

    /// A part does not answer; whether that is new.
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

    /// A part answers; whether that is new.
    pub(super) fn find(&self, tag: &str) -> bool {
        if !self.any.load(Ordering::Acquire) {
            return false;
        }
        let Ok(mut state) = self.state.lock() else {
            return false;
        };
        let found = state.reasons.remove(tag).is_some();
        if found {
            // The server may have had others too: they are tried at once.
            state.try_at = None;
            state.pause = FIRST_PAUSE;
        }
        self.any.store(!state.reasons.is_empty(), Ordering::Release);
        found
    }

    /// All parts answer, as far as is known of a new connection.
    pub(super) fn clear(&self) {
        if let Ok(mut state) = self.state.lock() {
            *state = State::default();
            self.any.store(false, Ordering::Release);
        }
    }

    /// How many are lost, and why one of them is.
    pub(super) fn count(&self) -> Option<(usize, String)> {
        let state = self.state.lock().ok()?;
        let reason = state.reasons.values().next()?;
        Some((state.reasons.len(), reason.clone()))
    }
}

/// The hash tag of what a pipeline's first command touches; every key begins with its tag (`keys`).
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
/// A prefix has up to 32 bytes; braces, a colon and the shard's name are around it.
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
