//! Uploads: refusals with their messages, and machine code that is made once.

use std::num::NonZeroU32;

use super::{
    Artifacts, Bench, Clock, Compiler, ComponentLoader, Config, Host, UploadError, Verdict, call, failure,
    step,
};
use hookgate_domain::units::Size;
use hookgate_runtime::telemetry::Metrics;
use hookgate_testing::guests::{PASS, handling};

async fn refused(component: &str) -> String {
    let bench = Bench::new(Config::default());
    let bytes = wat::parse_str(component).unwrap();
    bench.host.load(bytes.into()).await.unwrap_err().to_string()
}

#[tokio::test]
async fn refusals_help() {
    for (component, expected) in [
        (
            "(module)",
            "this is a core WebAssembly module, not a component; build it with",
        ),
        ("(component)", "exports no `hookgate:plugin/handler@0.1.0`"),
        (
            r#"(component (import "wasi:sockets/network@0.2.0" (instance)))"#,
            "imports what plugins are not given: wasi:sockets/network@0.2.0",
        ),
        (
            r#"(component (instance $i) (export "hookgate:plugin/handler@2.0.0" (instance $i)))"#,
            "built for `hookgate:plugin@2.0.0`; this gateway offers 0.1",
        ),
        (
            r#"(component (instance $i) (export "hookgate:plugin/handler@0.1.0" (instance $i)))"#,
            "does not fit the world `hookgate:plugin/plugin@0.1.0`: ",
        ),
        (
            r#"(component
                (core module $m (memory 1000))
                (core instance (instantiate $m))
                (instance $i) (export "hookgate:plugin/handler@0.1.0" (instance $i)))"#,
            "asks for more than a plugin may have (`plugins.memory`, `plugins.table_elements`): ",
        ),
    ] {
        let message = refused(component).await;
        assert!(message.starts_with(expected), "{message}");
    }
}

#[tokio::test]
async fn machine_code_is_made_once_and_only_taken_from_who_has_the_key() {
    let directory = tempfile::tempdir().unwrap();
    let start = |compiler, key| {
        let artifacts = Artifacts::new(directory.path().to_owned(), key);
        let loader = ComponentLoader::new(compiler, artifacts, NonZeroU32::MIN);
        Host::start(
            &Config::default().into(),
            Clock::System,
            Metrics::new(),
            loader,
            [0; 32],
        )
        .unwrap()
    };
    let no_compiler = || Compiler::ChildProcess {
        exe: "/nowhere/hookgate".into(),
    };
    let bytes = handling("", PASS);

    start(Compiler::InProcess, [1; 32])
        .load(bytes.clone())
        .await
        .unwrap();

    let host = start(no_compiler(), [1; 32]);
    let component = host.load(bytes.clone()).await.expect("the artifact is there");
    let done = host.run(call("acme", vec![step(&component, "{}")], "{}")).await;
    assert_eq!(done.verdict, Verdict::Pass);

    let other = start(no_compiler(), [2; 32]).load(bytes).await;
    assert!(matches!(other, Err(UploadError::Host(_))), "{other:?}");
}

#[tokio::test]
async fn what_was_put_away_comes_back_from_disk() {
    // Space for the machine code in use only.
    let config = Config {
        code_cache_size: Size::from_bytes(1),
        ..Config::default()
    };
    let bench = Bench::new(config);
    let first = bench.host.load(handling("", PASS)).await.unwrap();
    let second = bench
        .host
        .load(handling("", &format!("(nop) {PASS}")))
        .await
        .unwrap();
    for component in [&first, &second, &second, &first] {
        let done = bench.run(vec![step(component, "{}")], "{}").await;
        assert_eq!(done.verdict, Verdict::Pass);
    }
    // The first's last call evicted the second; without its artifact it cannot be loaded again.
    for artifact in std::fs::read_dir(bench.directory.path()).unwrap() {
        std::fs::remove_file(artifact.unwrap().path()).unwrap();
    }
    let done = bench.run(vec![step(&first, "{}")], "{}").await;
    assert_eq!(done.verdict, Verdict::Pass);
    let done = bench.run(vec![step(&second, "{}")], "{}").await;
    assert_eq!(failure(&done).0, "missing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn compile_turns_are_fair_between_tenants() {
    use std::os::unix::fs::PermissionsExt as _;

    // A compiler that records the size of each component, and refuses it once the gate is open.
    let directory = tempfile::tempdir().unwrap();
    let (exe, order) = (directory.path().join("compiler"), directory.path().join("order"));
    let gate = directory.path().join("gate");
    let script = format!(
        "#!/bin/sh\nwc -c >> {}\nwhile [ ! -e {} ]; do sleep 0.02; done\nexit 65\n",
        order.display(),
        gate.display()
    );
    std::fs::write(&exe, script).unwrap();
    std::fs::set_permissions(&exe, std::fs::Permissions::from_mode(0o700)).unwrap();
    let artifacts = Artifacts::new(directory.path().join("compiled"), [3; 32]);
    let loader = ComponentLoader::new(Compiler::ChildProcess { exe }, artifacts, NonZeroU32::MIN);
    let host = Host::start(
        &Config::default().into(),
        Clock::System,
        Metrics::new(),
        loader,
        [0; 32],
    )
    .unwrap();
    let compiled = || -> Vec<usize> {
        let noted = std::fs::read_to_string(&order).unwrap_or_default();
        noted.lines().map(|line| line.trim().parse().unwrap()).collect()
    };

    let sized = |n: usize| handling("", &format!("{} {PASS}", "(nop) ".repeat(n)));
    let load = |tenant: &str, bytes: bytes::Bytes| {
        let (host, tenant) = (host.clone(), tenant.parse().unwrap());
        tokio::spawn(async move { host.load_for(&tenant, bytes).await })
    };
    // One of them is stored: components that a start loads wait in the same turns.
    let stored = |tenant: &str, bytes: bytes::Bytes| {
        let (host, tenant) = (host.clone(), tenant.parse().unwrap());
        tokio::spawn(async move {
            let fetch = || std::future::ready(Ok(Some(bytes.clone())));
            host.load_stored(Some(&tenant), fetch).await.map(|_| ())
        })
    };
    let mut jobs: Vec<_> = (1..=20).map(|n| stored("acme", sized(n))).collect();
    while compiled().is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let theirs = sized(100);
    let neighbour = load("globex", theirs.clone());
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    std::fs::write(&gate, "").unwrap();
    assert!(matches!(neighbour.await.unwrap(), Err(UploadError::Compile(_))));
    let place = compiled().iter().position(|size| *size == theirs.len()).unwrap();
    assert!(place <= 5, "after {place} of the other tenant's 20");
    for job in jobs.drain(..) {
        assert!(matches!(job.await.unwrap(), Err(UploadError::Compile(_))));
    }
    assert_eq!(compiled().len(), 21);
}
