//! The pages in a real browser: runs the specs of `tests/browser` against the gateway of this tree. They start a gateway of their own.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use hookgate_tests::gateway::{binary, root};
use rustix::process::{Pid, Signal, kill_process_group};

/// Bound of the whole run. It bounds a failed one and is no claim about speed.
const LONGEST: Duration = Duration::from_secs(30 * 60);

/// The specs with everything that they start, which ends with the test.
struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        let _ = kill_process_group(Pid::from_child(&self.0), Signal::KILL);
        let _ = self.0.wait();
    }
}

#[test]
fn pages_work_in_a_browser() {
    let specs = root().join("tests/browser");
    let installed = Command::new(specs.join("install")).status().unwrap();
    assert!(installed.success(), "tests/browser/install failed");
    let output = tempfile::tempdir().unwrap();
    let said = std::fs::File::create(output.path().join("said")).unwrap();
    let mut run = Group(
        Command::new("node")
            .args(["node_modules/@playwright/test/cli.js", "test"])
            .current_dir(&specs)
            .env("HOOKGATE_BINARY", binary())
            .env("HOOKGATE_BROWSER_OUTPUT", output.path())
            .env_remove("HOOKGATE_PAGES")
            .env("NO_COLOR", "1")
            .stdout(said.try_clone().unwrap())
            .stderr(said)
            .process_group(0)
            .spawn()
            .unwrap(),
    );
    let started = Instant::now();
    let status = loop {
        if let Some(status) = run.0.try_wait().unwrap() {
            break Some(status);
        }
        if started.elapsed() > LONGEST {
            break None;
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    let said = std::fs::read_to_string(output.path().join("said")).unwrap();
    let passed = status.is_some_and(|status| status.success());
    assert!(passed, "{status:?}, tests/browser says:\n{said}");
}
