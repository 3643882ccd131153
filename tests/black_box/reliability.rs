//! A short round of faults on each store, each fault once; and tests of the oracle.

use std::time::Duration;

use hookgate_tests::faults::{Fault, Oracle, Plan, Report, Store, run};
use hookgate_tests::{Received, signature};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_fault_on_the_embedded_store_loses_nothing() {
    round(Store::Embedded).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_fault_on_redis_loses_nothing() {
    round(Store::Redis).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_fault_on_a_cluster_loses_nothing_untold() {
    let report = round(Store::Cluster).await;
    assert!(report.lost_by_store <= report.ending.told_lost, "{report}");
}

async fn round(store: Store) -> Report {
    let mut told = Vec::new();
    let plan = Plan::short(store);
    let report = tokio::time::timeout(ROUND, run(&plan, |line| told.push(line.to_owned()))).await;
    let told = told.join("\n");
    let report = match report {
        Ok(report) => report.unwrap_or_else(|error| panic!("{told}\n{error:#}")),
        Err(_) => panic!("the round did not end within {ROUND:?}:\n{told}"),
    };
    assert!(report.is_right(), "{told}\n{report}");
    assert!(report.ending.accepted > 0);
    report
}

/// A request with an event's number, signed as by the gateway.
fn request(id: &str, number: u64) -> Received {
    let body = format!(r#"{{"type":"order.created","data":{{"n":{number}}}}}"#);
    let headers = [
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", "1700000000".to_owned()),
        (
            "webhook-signature",
            signature::sign(SECRET, id, "1700000000", body.as_bytes()),
        ),
    ];
    Received {
        path: "/hook".to_owned(),
        headers: headers.map(|(name, value)| (name.to_owned(), value)).into(),
        body: body.into(),
        answered: 200,
    }
}

#[test]
fn oracle_notices_what_must_not_be() {
    let oracle = Oracle::default();
    oracle.posted(1);
    oracle.accepted(1, "evt_1");
    assert_eq!(oracle.awaited_count(), 1, "it is lost until it arrives");
    oracle.arrived(&request("evt_1", 1), SECRET);
    assert_eq!((oracle.awaited_count(), oracle.duplicates()), (0, 0));
    oracle.arrived(&request("evt_1", 1), SECRET);
    assert_eq!((oracle.duplicates(), oracle.unexplained()), (1, 1));
    oracle.hold(Fault::KilledGateway);
    oracle.arrived(&request("evt_1", 1), SECRET);
    assert_eq!(
        (oracle.duplicates(), oracle.unexplained()),
        (2, 1),
        "it was in hand"
    );
    assert_eq!(oracle.release(), 1);
    oracle.refused(503, "store_unavailable", true);
    assert_eq!(oracle.faults(), Vec::<String>::new());

    oracle.arrived(&request("evt_9", 1), SECRET);
    oracle.arrived(&request("evt_2", 2), SECRET);
    let mut forged = request("evt_1", 1);
    forged.body = "{}".into();
    oracle.arrived(&forged, SECRET);
    oracle.refused(500, "internal_error", true);
    let faults = oracle.faults();
    for word in [
        "answered 500 `internal_error`",
        "was accepted as evt_1 and arrived as evt_9",
        "never sent",
        "wrong signature",
    ] {
        assert!(
            faults.iter().any(|fault| fault.contains(word)),
            "{word}: {faults:?}"
        );
    }
}

/// Maximum time of a round, which takes one or two minutes: it bounds a failed test.
const ROUND: Duration = Duration::from_secs(1_200);
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
