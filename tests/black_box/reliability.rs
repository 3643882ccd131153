//! A short round of faults on each store, each fault once; and tests of the oracle.

use std::time::Duration;

use hookgate_tests::faults::{Oracle, Plan, Store, run};
use hookgate_tests::{Received, signature};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_fault_on_the_embedded_store_loses_nothing() {
    round(Store::Embedded).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_fault_on_redis_loses_nothing() {
    round(Store::Redis).await;
}

async fn round(store: Store) {
    let plan = Plan {
        store,
        rate: 50,
        seed: 7,
        time: Duration::ZERO,
    };
    let mut told = Vec::new();
    let report = run(&plan, |line| told.push(line.to_owned())).await.unwrap();
    let told = told.join("\n");
    assert_eq!(
        (report.lost, &report.faulty),
        (0, &Vec::new()),
        "{told}\n{report}"
    );
    assert_eq!(report.unexpected_duplicates(), 0, "{told}\n{report}");
    assert!(report.accepted > 0);
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
    assert_eq!(oracle.duplicates(), 1);
    assert_eq!(oracle.faults(), Vec::<String>::new());

    oracle.arrived(&request("evt_9", 1), SECRET);
    oracle.arrived(&request("evt_2", 2), SECRET);
    let mut forged = request("evt_1", 1);
    forged.body = "{}".into();
    oracle.arrived(&forged, SECRET);
    let faults = oracle.faults();
    for word in [
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

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
