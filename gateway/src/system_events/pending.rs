//! Pending notices. Pure state: time is an argument.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use super::Config;
use super::notice::{CanaryStopped, CircuitOpened, Dead, Notice, PluginFailing, Subject};
use hookgate_domain::{TenantId, Timestamp};

/// Reports, counted by their subjects.
#[derive(Debug)]
pub(super) struct Pending {
    every: Duration,
    per_minute: u32,
    subjects: usize,
    plugin_failures: u64,
    /// Changes of subscriptions, each sent separately, in this order.
    changes: VecDeque<Notice>,
    counted: HashMap<Subject, Counted>,
    minute: Option<Minute>,
    left_out: u64,
}

#[derive(Debug)]
struct Counted {
    count: u64,
    last: Last,
    /// Time before which no notice is sent.
    quiet_until: Instant,
    /// Time at which unsent counts expire.
    ends: Instant,
}

#[derive(Debug)]
enum Last {
    Dead(TenantId, Dead),
    Plugin(PluginFailing, Timestamp),
    CircuitOpened(CircuitOpened, Timestamp),
    Canary(CanaryStopped, Timestamp),
}

/// Number of notices sent in the minute that began at a time.
#[derive(Debug, Clone, Copy)]
struct Minute {
    began: Instant,
    told: u32,
}

impl Pending {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            every: config.window.get(),
            per_minute: config.per_minute.max(1),
            subjects: config.max_subjects.max(1),
            plugin_failures: u64::from(config.plugin_failures.max(1)),
            changes: VecDeque::new(),
            counted: HashMap::new(),
            minute: None,
            left_out: 0,
        }
    }

    /// Adds a change of a subscription, unless it is pending already.
    pub(super) fn changed(&mut self, notice: Notice) {
        let id = notice.id();
        if self.changes.iter().any(|waiting| waiting.id() == id) {
            return;
        }
        if self.changes.len() < self.subjects {
            self.changes.push_back(notice);
        } else {
            self.left_out += 1;
        }
    }

    /// Counts a delivery of a tenant that was given up.
    pub(super) fn dead(&mut self, tenant: &TenantId, dead: Dead, now: Instant) {
        let subject = Subject::Target(tenant.clone(), dead.delivery.target);
        self.add(subject, 1, Last::Dead(tenant.clone(), dead), now);
    }

    /// Counts a failure of a plugin.
    pub(super) fn plugin_failed(&mut self, failing: PluginFailing, at: Timestamp, now: Instant) {
        self.add(failing.subject(), 1, Last::Plugin(failing, at), now);
    }

    /// Counts an opened circuit breaker of a plugin version.
    pub(super) fn circuit_opened(&mut self, opened: CircuitOpened, at: Timestamp, now: Instant) {
        self.add(opened.subject(), 1, Last::CircuitOpened(opened, at), now);
    }

    /// Counts a canary that was stopped.
    pub(super) fn canary_stopped(&mut self, stopped: CanaryStopped, at: Timestamp, now: Instant) {
        self.add(stopped.subject(), 1, Last::Canary(stopped, at), now);
    }

    /// Takes the notices that are due, up to the limit per minute.
    pub(super) fn take(&mut self, now: Instant) -> Vec<Notice> {
        let mut room = self.room(now);
        let mut told = Vec::new();
        while room > 0
            && let Some(notice) = self.changes.pop_front()
        {
            told.push(notice);
            room -= 1;
        }
        let (every, plugin_failures) = (self.every, self.plugin_failures);
        for counted in self.counted.values_mut() {
            if room == 0 {
                break;
            }
            if counted.is_due(plugin_failures, now) {
                told.push(counted.tell(now + every));
                room -= 1;
            }
        }
        self.counted
            .retain(|_, counted| now < counted.ends || counted.is_due(plugin_failures, now));
        if let Some(minute) = &mut self.minute {
            minute.told += u32::try_from(told.len()).unwrap_or(u32::MAX);
        }
        told
    }

    /// Puts back a notice that could not be sent.
    pub(super) fn put_back(&mut self, notice: Notice, now: Instant) {
        match notice {
            Notice::Failing(_) | Notice::Disabled(..) => self.changes.push_front(notice),
            Notice::Dead(tenant, count, dead) => {
                let subject = Subject::Target(tenant.clone(), dead.delivery.target);
                self.add(subject, count, Last::Dead(tenant, dead), now);
            }
            Notice::Plugin(failing, count, at) => {
                self.add(failing.subject(), count, Last::Plugin(failing, at), now);
            }
            Notice::CircuitOpened(opened, count, at) => {
                self.add(opened.subject(), count, Last::CircuitOpened(opened, at), now);
            }
            Notice::Canary(stopped, count, at) => {
                self.add(stopped.subject(), count, Last::Canary(stopped, at), now);
            }
        }
    }

    /// Number of reports left out since the last call.
    pub(super) fn take_left_out(&mut self) -> u64 {
        std::mem::take(&mut self.left_out)
    }

    /// Returns `true` if nothing is due until the next report.
    pub(super) fn is_idle(&self) -> bool {
        self.changes.is_empty() && self.counted.is_empty()
    }

    fn add(&mut self, subject: Subject, count: u64, last: Last, now: Instant) {
        if let Some(counted) = self.counted.get_mut(&subject) {
            counted.count += count;
            counted.last = last;
        } else if self.counted.len() < self.subjects {
            let counted = Counted {
                count,
                last,
                quiet_until: now,
                ends: now + self.every,
            };
            self.counted.insert(subject, counted);
        } else {
            self.left_out += count;
        }
    }

    fn room(&mut self, now: Instant) -> u32 {
        let minute = self.minute.filter(|minute| now < minute.began + MINUTE);
        let minute = minute.unwrap_or(Minute { began: now, told: 0 });
        self.minute = Some(minute);
        self.per_minute.saturating_sub(minute.told)
    }
}

impl PluginFailing {
    fn subject(&self) -> Subject {
        Subject::Plugin(self.tenant.clone(), self.plugin.clone())
    }
}

impl CircuitOpened {
    fn subject(&self) -> Subject {
        Subject::CircuitOpened(self.tenant.clone(), self.plugin.clone(), self.version.clone())
    }
}

impl CanaryStopped {
    fn subject(&self) -> Subject {
        Subject::Canary(self.tenant.clone(), self.chain.clone(), self.plugin.clone())
    }
}

impl Counted {
    fn is_due(&self, plugin_failures: u64, now: Instant) -> bool {
        let least = match self.last {
            Last::Dead(..) | Last::CircuitOpened(..) | Last::Canary(..) => 1,
            Last::Plugin(..) => plugin_failures,
        };
        self.count >= least && now >= self.quiet_until
    }

    fn tell(&mut self, quiet_until: Instant) -> Notice {
        let count = std::mem::take(&mut self.count);
        self.quiet_until = quiet_until;
        self.ends = quiet_until;
        match &self.last {
            Last::Dead(tenant, dead) => Notice::Dead(tenant.clone(), count, dead.clone()),
            Last::Plugin(failing, at) => Notice::Plugin(failing.clone(), count, *at),
            Last::CircuitOpened(opened, at) => Notice::CircuitOpened(opened.clone(), count, *at),
            Last::Canary(stopped, at) => Notice::Canary(stopped.clone(), count, *at),
        }
    }
}

const MINUTE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::super::notice::Change;
    use super::*;
    use hookgate_domain::{SubscriptionId, Target};

    const SECOND: Duration = Duration::from_secs(1);

    fn pending(per_minute: u32, subjects: usize) -> Pending {
        Pending::new(&Config {
            per_minute,
            max_subjects: subjects,
            ..Config::default()
        })
    }

    fn dead(pending: &mut Pending, number: u128, now: Instant) {
        let target = Target::Subscription(SubscriptionId::new(ulid::Ulid(number)));
        let dead = Dead {
            delivery: hookgate_domain::DeliveryId {
                event: "evt_1".parse().expect("an id"),
                target,
                run: 0,
            },
            kind: "a.b".parse().expect("a type"),
            outcome: "refused",
            status: Some(500),
            at: Timestamp::default(),
        };
        pending.dead(&"acme".parse().expect("a tenant"), dead, now);
    }

    fn counts(told: &[Notice]) -> Vec<u64> {
        let count = |notice: &Notice| match notice {
            Notice::Dead(_, count, _)
            | Notice::Plugin(_, count, _)
            | Notice::CircuitOpened(_, count, _)
            | Notice::Canary(_, count, _) => *count,
            Notice::Failing(_) | Notice::Disabled(..) => 0,
        };
        told.iter().map(count).collect()
    }

    #[test]
    fn a_storm_is_told_at_once_and_then_once_a_while_with_its_count() {
        let now = Instant::now();
        let mut pending = pending(600, 10);
        dead(&mut pending, 1, now);
        assert_eq!(counts(&pending.take(now)), [1]);
        for _ in 0..1_000 {
            dead(&mut pending, 1, now + SECOND);
        }
        assert_eq!(pending.take(now + 59 * SECOND), []);
        assert_eq!(counts(&pending.take(now + 60 * SECOND)), [1_000]);
        assert_eq!(pending.take(now + 119 * SECOND), []);
        assert!(!pending.is_idle());
        assert_eq!(pending.take(now + 120 * SECOND), []);
        assert!(pending.is_idle());
    }

    #[test]
    fn there_are_so_many_a_minute_and_none_is_lost() {
        let now = Instant::now();
        let mut pending = pending(2, 4);
        for number in 0..5 {
            dead(&mut pending, number, now);
            dead(&mut pending, number, now);
        }
        assert_eq!(pending.take_left_out(), 2, "there is room for four");
        assert_eq!(counts(&pending.take(now)), [2, 2]);
        assert_eq!(pending.take(now + 59 * SECOND), []);
        assert_eq!(counts(&pending.take(now + 61 * SECOND)), [2, 2]);
    }

    #[test]
    fn a_plugin_is_told_of_when_it_fails_again_and_again() {
        let now = Instant::now();
        let mut pending = pending(600, 10);
        let failing = PluginFailing {
            tenant: "acme".parse().expect("a tenant"),
            plugin: "own".to_owned(),
            version: None,
            kind: "trap".to_owned(),
        };
        let fail = |pending: &mut Pending, times, now| {
            for _ in 0..times {
                pending.plugin_failed(failing.clone(), Timestamp::default(), now);
            }
        };
        fail(&mut pending, 4, now);
        assert_eq!(pending.take(now + 59 * SECOND), []);
        assert_eq!(pending.take(now + 60 * SECOND), []);
        assert!(pending.is_idle(), "four a minute are not many");
        fail(&mut pending, 5, now + 70 * SECOND);
        assert_eq!(counts(&pending.take(now + 70 * SECOND)), [5]);
    }

    #[test]
    fn a_change_waits_once_and_what_could_not_be_told_is_first_again() {
        let now = Instant::now();
        let mut pending = pending(600, 10);
        let change = |n| {
            Change::new(
                "acme".parse().expect("a tenant"),
                SubscriptionId::new(ulid::Ulid(n)),
                Timestamp::default(),
            )
        };
        pending.changed(Notice::Failing(change(1)));
        pending.changed(Notice::Failing(change(1)));
        pending.changed(Notice::Failing(change(2)));
        let told = pending.take(now);
        assert_eq!(told, [Notice::Failing(change(1)), Notice::Failing(change(2))]);
        dead(&mut pending, 7, now);
        let mut again = pending.take(now);
        for notice in told.iter().rev().cloned().chain(again.drain(..)) {
            pending.put_back(notice, now);
        }
        let after = pending.take(now + 60 * SECOND);
        assert_eq!(after[..2], told);
        assert_eq!(counts(&after[2..]), [1]);
    }
}
