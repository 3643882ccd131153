//! A short round of faults on each store: each fault once.

use std::time::Duration;

use hookgate_tests::faults::{Plan, Store, run};

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
