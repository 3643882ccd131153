//! Every limit: a guest that goes over it is stopped, and told which.

use super::{Bench, Config, Done, Verdict};

fn failure(done: &Done) -> (&'static str, &str) {
    match &done.verdict {
        Verdict::Failed(failure) => (failure.kind, &failure.message),
        other => panic!("expected a failure, got {other:?}"),
    }
}

#[tokio::test]
async fn an_endless_loop_runs_out_of_time() {
    let bench = Bench::new(Config::default());
    let done = bench
        .run_guest("", "(loop $again (br $again)) (i32.const 64)", "{}")
        .await;
    assert_eq!(
        failure(&done),
        (
            "timeout",
            "ran longer than 10ms of processor time in one call (`plugins.call_deadline`)"
        )
    );
}
