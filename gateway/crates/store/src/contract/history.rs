//! Random histories of operations: the store answers as a small model does.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};

use super::*;
use hookgate_domain::DeliveryState;

/// Operation of a history. Deliveries are named by small numbers, so that histories reuse them.
#[derive(Debug, Clone)]
enum Step {
    /// Accepts an event of a tenant, with this many targets.
    Accept { tenant: u8, event: u8, targets: u8 },
    /// Claims up to `max` deliveries.
    Claim { max: usize },
    /// Settles a delivery with its token, or with a wrong one.
    Settle { which: usize, end: End, stale: bool },
    /// Advances the time beyond all leases and waits, where the store's time can be advanced.
    Pass,
}

#[derive(Debug, Clone, Copy)]
enum End {
    Done,
    Dead,
    Cancelled,
    Release,
    RetryNow,
    RetryMuchLater,
    Extend,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Stands {
    Due,
    /// Leased, with the token.
    Leased(Timestamp),
    Waiting(Timestamp),
    Delivered,
    Dead,
    Cancelled,
}

/// State and number of attempts of every delivery.
#[derive(Default)]
struct Model(BTreeMap<(TenantId, DeliveryId), (Stands, u32)>);

fn step() -> impl Strategy<Value = Step> {
    let end = prop_oneof![
        3 => Just(End::Done),
        1 => Just(End::Dead),
        1 => Just(End::Cancelled),
        2 => Just(End::Release),
        2 => Just(End::RetryNow),
        1 => Just(End::RetryMuchLater),
        1 => Just(End::Extend),
    ];
    prop_oneof![
        4 => (0..2_u8, 0..6_u8, 0..4_u8)
            .prop_map(|(tenant, event, targets)| Step::Accept { tenant, event, targets }),
        3 => (1..5_usize).prop_map(|max| Step::Claim { max }),
        6 => (any::<usize>(), end, prop::bool::weighted(0.2))
            .prop_map(|(which, end, stale)| Step::Settle { which, end, stale }),
        1 => Just(Step::Pass),
    ]
}

/// Runs histories, each with separate tenants in the same store.
pub(crate) async fn any_history_is_as_the_model_says(subject: &impl Subject) {
    let mut runner = TestRunner::new(Config {
        failure_persistence: None,
        ..Config::default()
    });
    let histories = prop::collection::vec(step(), 1..60);
    for number in 0..20 {
        // Histories are generated and not shrunk: the cases run on an async store, which the runner
        // cannot await.
        let history = histories.new_tree(&mut runner).unwrap().current();
        let mut model = Model::default();
        for (at, step) in history.iter().enumerate() {
            model.take(subject, number, step).await;
            model
                .holds(subject)
                .await
                .unwrap_or_else(|what| panic!("{what} after step {at} of {history:?}"));
        }
        model.end_all(subject).await;
    }
}

impl Model {
    async fn take(&mut self, subject: &impl Subject, history: usize, step: &Step) {
        match step {
            Step::Accept {
                tenant,
                event,
                targets,
            } => {
                self.accept(subject, &format!("t{history}-{tenant}"), *event, *targets)
                    .await;
            }
            Step::Claim { max } => self.claim(subject, *max).await,
            Step::Settle { which, end, stale } => self.settle(subject, *which, *end, *stale).await,
            Step::Pass if subject.stands_still() => {
                subject.pass(Duration::from_secs(100_000)).await;
                for (stands, _) in self.0.values_mut() {
                    if matches!(stands, Stands::Leased(_) | Stands::Waiting(_)) {
                        *stands = Stands::Due;
                    }
                }
            }
            Step::Pass => {}
        }
    }

    async fn accept(&mut self, subject: &impl Subject, name: &str, event: u8, targets: u8) {
        let (of, id) = (tenant(name), format!("e{event}"));
        let targets: Vec<_> = (0..targets).map(|n| target(n.into())).collect();
        let known = subject
            .store()
            .event(&of, &id.parse().unwrap())
            .await
            .unwrap()
            .is_some();
        assert_eq!(
            accept(subject, submission(&of, &[&id], &targets)).await,
            stored(&[!known])
        );
        if !known {
            for target in targets {
                let key = (of.clone(), delivery_id(&id, target));
                assert!(self.0.insert(key, (Stands::Due, 0)).is_none());
            }
        }
    }

    async fn claim(&mut self, subject: &impl Subject, max: usize) {
        let due = self
            .0
            .values()
            .filter(|(stands, _)| *stands == Stands::Due)
            .count();
        let claimed = claim(subject, max, LONG).await;
        // Tenants may be in different shards, and `max` applies to each shard.
        assert!(claimed.len() >= due.min(max) && claimed.len() <= due);
        for leased in claimed {
            let key = (leased.event.tenant.clone(), leased.id.clone());
            let (stands, attempts) = self.0.get_mut(&key).expect("a delivery that was accepted");
            assert_eq!(*stands, Stands::Due, "{key:?}");
            assert_eq!(leased.attempts, *attempts);
            *stands = Stands::Leased(leased.token.0);
        }
    }

    async fn settle(&mut self, subject: &impl Subject, which: usize, end: End, stale: bool) {
        let count = self.0.len();
        let Some(((of, id), (stands, attempts))) = self.0.iter_mut().nth(which % count.max(1)) else {
            return;
        };
        let own = match stands {
            Stands::Leased(token) | Stands::Waiting(token) => *token,
            Stands::Due if stale => Timestamp::from_micros(1),
            // Only the store knows its score.
            Stands::Due => return,
            Stands::Delivered | Stands::Dead | Stands::Cancelled => Timestamp::from_micros(1),
        };
        let shown = if stale {
            own.minus(Duration::from_micros(1))
        } else {
            own
        };
        let now = now(subject).await;
        let later = now.plus(Duration::from_secs(5000));
        let tried = matches!(end, End::Done | End::Dead | End::RetryNow | End::RetryMuchLater);
        let (next, then) = match end {
            End::Done => (Next::Done, Stands::Delivered),
            End::Dead => (Next::Dead, Stands::Dead),
            End::Cancelled => (Next::Cancelled, Stands::Cancelled),
            End::Release => (Next::Release, Stands::Due),
            End::RetryNow => (Next::RetryAt { at: now, body: None }, Stands::Due),
            End::RetryMuchLater => (
                Next::RetryAt {
                    at: later,
                    body: None,
                },
                Stands::Waiting(later),
            ),
            End::Extend => {
                let until = own.plus(Duration::from_secs(5000));
                (Next::Extend(until), Stands::Leased(until))
            }
        };
        let asked = Settlement {
            tenant: of.clone(),
            id: id.clone(),
            token: Token(shown),
            attempt: tried.then(|| attempt(*attempts + 1, 500)),
            about: None,
            tally: None,
            next,
        };
        let answer = settle(subject, asked).await;
        let finished = matches!(*stands, Stands::Delivered | Stands::Dead | Stands::Cancelled);
        if finished {
            assert_eq!(answer, Settled::Missing);
        } else if stale && !matches!(end, End::Done) {
            assert_eq!(answer, Settled::Stale);
        } else {
            let Settled::Applied(token) = answer else {
                panic!("{id:?} was {stands:?} and its settlement {answer:?}")
            };
            assert_eq!(token.is_some(), matches!(end, End::Extend));
            *stands = token.map_or(then, |token| Stands::Leased(token.0));
            *attempts += u32::from(tried);
        }
    }

    /// Checks that the state of every delivery in the store is the model's.
    async fn holds(&self, subject: &impl Subject) -> Result<(), String> {
        for ((of, id), (stands, attempts)) in &self.0 {
            let (delivery, log) = delivery(subject, of, id).await;
            let same = match (stands, delivery.state) {
                (Stands::Due, DeliveryState::Pending { .. })
                | (Stands::Delivered, DeliveryState::Delivered { .. })
                | (Stands::Dead, DeliveryState::Dead { .. })
                | (Stands::Cancelled, DeliveryState::Cancelled { .. }) => true,
                (Stands::Leased(at) | Stands::Waiting(at), DeliveryState::Pending { next }) => *at == next,
                _ => false,
            };
            let counted = delivery.attempts == *attempts && log.len() == usize::try_from(*attempts).unwrap();
            if !same || !counted {
                return Err(format!("{id:?} is {delivery:?} and should be {stands:?}"));
            }
        }
        Ok(())
    }

    /// Ends every delivery, so that the next history starts without any.
    async fn end_all(mut self, subject: &impl Subject) {
        for which in 0..self.0.len() {
            self.settle(subject, which, End::Done, true).await;
        }
        assert_eq!(next_due(subject).await, None, "nothing is left over");
        assert!(self.holds(subject).await.is_ok());
    }
}
