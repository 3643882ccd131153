//! Time series: what is added is there, by minute and by hour, and goes when it is old.

use super::*;
use crate::series::{Cells, Point, RollUp, SeriesKey, SeriesKind, SeriesStep, Waiting};

fn cells(of: &[(usize, u64)]) -> Cells {
    let mut cells = Cells::default();
    for (cell, count) in of {
        cells.0[*cell] = *count;
    }
    cells
}

async fn points(
    subject: &impl Subject,
    tenant: &TenantId,
    kind: SeriesKind,
    step: SeriesStep,
    range: (Timestamp, Timestamp),
) -> Vec<Point> {
    let found = subject.store().series(tenant, kind, step, range).await;
    let mut found = found.unwrap();
    found.sort_by_key(|point| (point.start, point.key.text()));
    found
}

pub(crate) async fn counts_are_added_by_minute_and_by_hour(subject: &impl Subject) {
    let (acme, other) = (tenant("acme"), tenant("acme-2"));
    let hour = SeriesStep::Hour.start(now(subject).await);
    let minute = |n: u64| Timestamp::from_millis(hour.as_millis() + n * 60_000);
    let one = |tenant: &TenantId, minute, key: &SeriesKey, cells| RollUp {
        tenant: tenant.clone(),
        minute,
        key: key.clone(),
        cells,
    };
    let (to, kind, plugin) = (
        SeriesKey::Target(target(1)),
        SeriesKey::Type("a.b:c".parse().unwrap()),
        SeriesKey::Plugin("my:plugin".to_owned()),
    );
    let added = vec![
        one(&acme, minute(0), &SeriesKey::All, cells(&[(0, 1), (20, 2)])),
        one(&acme, minute(0), &to, cells(&[(0, 1)])),
        one(&acme, minute(0), &kind, cells(&[(3, 4)])),
        one(&acme, minute(1), &to, cells(&[(0, 10)])),
        one(&acme, minute(1), &SeriesKey::OtherTargets, cells(&[(1, 1)])),
        one(&other, minute(0), &SeriesKey::All, cells(&[(0, 100)])),
        one(&acme, minute(0), &plugin, cells(&[(2, 5)])),
        one(
            &TenantId::operator(),
            minute(0),
            &SeriesKey::All,
            cells(&[(4, 6)]),
        ),
    ];
    for _ in 0..2 {
        subject.store().roll_up(added.clone()).await.unwrap();
    }
    let day = (hour, hour.plus(Duration::from_secs(86_400)));
    let point = |start, key: &SeriesKey, cells| Point {
        start,
        key: key.clone(),
        cells,
    };
    assert_eq!(
        points(subject, &acme, SeriesKind::All, SeriesStep::Minute, day).await,
        [point(minute(0), &SeriesKey::All, cells(&[(0, 2), (20, 4)]))]
    );
    assert_eq!(
        points(subject, &acme, SeriesKind::Types, SeriesStep::Minute, day).await,
        [point(minute(0), &kind, cells(&[(3, 8)]))]
    );
    assert_eq!(
        points(subject, &acme, SeriesKind::Targets, SeriesStep::Minute, day).await,
        [
            point(minute(0), &to, cells(&[(0, 2)])),
            point(minute(1), &SeriesKey::OtherTargets, cells(&[(1, 2)])),
            point(minute(1), &to, cells(&[(0, 20)])),
        ]
    );
    assert_eq!(
        points(subject, &acme, SeriesKind::Plugins, SeriesStep::Hour, day).await,
        [point(hour, &plugin, cells(&[(2, 10)]))]
    );
    let operator = TenantId::operator();
    assert_eq!(
        points(subject, &operator, SeriesKind::All, SeriesStep::Hour, day).await,
        [point(hour, &SeriesKey::All, cells(&[(4, 12)]))]
    );
    let late = (minute(1), minute(2));
    assert_eq!(
        points(subject, &acme, SeriesKind::Targets, SeriesStep::Minute, late)
            .await
            .len(),
        2
    );
    let early = (minute(0), minute(1));
    assert_eq!(
        points(subject, &acme, SeriesKind::Targets, SeriesStep::Minute, early)
            .await
            .len(),
        1
    );
    assert_eq!(
        points(subject, &acme, SeriesKind::Targets, SeriesStep::Hour, day).await,
        [
            point(hour, &SeriesKey::OtherTargets, cells(&[(1, 2)])),
            point(hour, &to, cells(&[(0, 22)])),
        ]
    );
    let all = (SeriesKind::All, SeriesStep::Minute);
    subject.store().sweep().await.unwrap();
    assert_eq!(points(subject, &acme, all.0, all.1, day).await.len(), 1);
    accept(subject, submission(&acme, &["e1"], &[])).await;
    let end = crate::FeedPosition::END;
    while subject.store().forget_tenant(&acme, end).await.unwrap() {}
    assert_eq!(points(subject, &acme, all.0, all.1, day).await, []);
    let hours = (SeriesKind::Targets, SeriesStep::Hour);
    assert_eq!(points(subject, &acme, hours.0, hours.1, day).await, []);
    assert_eq!(points(subject, &other, all.0, all.1, day).await.len(), 1);
}

pub(crate) async fn waiting_deliveries_are_told_by_target(subject: &impl Subject) {
    let (acme, store) = (tenant("acme"), subject.store());
    let targets = [target(1), target(2), target(3)];
    assert_eq!(store.waiting(&acme, &targets).await.unwrap(), []);
    accept(subject, submission(&acme, &["e1", "e2"], &[target(1)])).await;
    accept(subject, submission(&acme, &["e3"], &targets[..2])).await;
    accept(subject, submission(&tenant("other"), &["e1"], &[target(3)])).await;
    let pending =
        |found: &[Waiting]| -> Vec<_> { found.iter().map(|one| (one.target, one.pending)).collect() };
    let found = store.waiting(&acme, &targets).await.unwrap();
    assert_eq!(pending(&found), [(target(1), 3), (target(2), 1)]);
    // Of what is leased nothing is due.
    let lease = Duration::from_secs(600);
    store.claim(store.shard_of(&acme), 100, lease).await.unwrap();
    let found = store.waiting(&acme, &targets).await.unwrap();
    assert_eq!(pending(&found), [(target(1), 3), (target(2), 1)]);
    assert!(found.iter().all(|one| one.overdue == Duration::ZERO), "{found:?}");
    // What is due becomes overdue.
    accept(subject, submission(&acme, &["e4"], &[target(3)])).await;
    subject.pass(Duration::from_millis(20)).await;
    let found = store.waiting(&acme, &targets[2..]).await.unwrap();
    assert_eq!(pending(&found), [(target(3), 1)]);
    assert!(found[0].overdue > Duration::ZERO, "{found:?}");
}
