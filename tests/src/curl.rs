//! A printed `curl` line, run by real curl in a real shell.

use serde_json::Value;
use tokio::process::Command;

/// Runs a command line that begins with `curl`; returns the status and the body of the answer.
///
/// # Panics
/// If curl is missing or there is no answer.
pub async fn curl(line: &str) -> (u16, Value) {
    // Options that a document does not print are in curl's own configuration file, so that the line
    // is unchanged.
    let home = tempfile::tempdir().expect("a temporary directory");
    std::fs::write(
        home.path().join(".curlrc"),
        "silent\nshow-error\nnoproxy = \"*\"\nwrite-out = \"\\n%{http_code}\"\n",
    )
    .expect("it is written");
    let output = Command::new("sh")
        .args(["-c", line])
        .env("CURL_HOME", home.path())
        .output()
        .await
        .expect("a shell");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "curl (apt-get install curl) failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let (body, status) = said.rsplit_once('\n').expect("a status after the body");
    let body = serde_json::from_str(body).unwrap_or_else(|_| Value::String(body.to_owned()));
    (status.parse().expect("a status"), body)
}
