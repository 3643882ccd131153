//! Runs the commands of the README and of pages for producers and consumers as written.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use hookgate_tests::gateway::{OPERATOR_KEY, binary, root};

use crate::site::{On, Site, on_both_stores};

on_both_stores!(
    the_walk_in_the_readme_works_as_written,
    producing_and_reading_work_as_written
);

/// Runs the `sh` blocks below the README's heading "First subscription" in a shell, and its
/// `hookgate listen` beside it.
///
/// Only the gateway's address, the file of the operator's key and the receiver's port are inserted.
/// The gateway is the test's.
async fn the_walk_in_the_readme_works_as_written(on: On) {
    let site = Site::start(on).await;
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let section = section(&readme, "## First subscription");
    let blocks = shell_blocks(section);
    assert_eq!(
        blocks.len(),
        2,
        "the README has the walk before and after the endpoint"
    );
    let listen = section.lines().find(|line| line.starts_with("$ hookgate listen"));
    let listen = listen
        .expect("the README has the endpoint")
        .trim_start_matches("$ ");
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join("hookgate-data")).unwrap();
    std::fs::write(home.path().join("hookgate-data/operator.key"), OPERATOR_KEY).unwrap();

    let run = |text: &str| {
        shell(
            &text.replace("http://127.0.0.1:8080", site.gateway.base()),
            home.path(),
        )
    };
    let said = ran(run(&blocks[0])).await;
    assert!(!said.contains("hg_"), "the key is kept, not shown:\n{said}");
    let mut listening = run(&format!("exec {listen} --port 0"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(listening.stdout.take().unwrap()).lines();
    let (first, mut output) = tokio::task::spawn_blocking(move || (output.next(), output))
        .await
        .unwrap();
    assert!(first.unwrap().unwrap().contains("listening on http://"));
    ran(run(&blocks[1])).await;
    let shown = tokio::task::spawn_blocking(move || {
        let lines = output.by_ref().map_while(Result::ok);
        let mut shown = String::new();
        for line in lines {
            shown.push_str(&line);
            shown.push('\n');
            if line == "}" {
                break;
            }
        }
        shown
    });
    let shown = shown.await.unwrap();
    listening.kill().unwrap();
    listening.wait().unwrap();
    assert!(
        shown.contains("signature genuine") && shown.contains("customer.created"),
        "{shown}"
    );
    assert!(
        shown.contains("cus_1") && !shown.contains("someone@"),
        "it is redacted:\n{shown}"
    );
}

/// Runs the `sh` blocks of `docs/producing.md` and then of `docs/feed.md`, with the address and a key of a tenant.
async fn producing_and_reading_work_as_written(on: On) {
    let site = Site::start(on).await;
    let home = tempfile::tempdir().unwrap();
    let page = |name: &str| std::fs::read_to_string(root().join("docs").join(name)).unwrap();
    let run = |block: &str| {
        let mut shell = shell(block, home.path());
        shell.env("URL", site.gateway.base()).env("KEY", site.acme.key());
        ran(shell)
    };
    let mut answers = String::new();
    for block in shell_blocks(&page("producing.md")) {
        answers.push_str(&run(&block).await);
    }
    let count = |status: &str| answers.matches(&format!("\"status\":\"{status}\"")).count();
    assert_eq!((count("accepted"), count("duplicate")), (5, 1), "{answers}");
    let [some, walk] = shell_blocks(&page("feed.md")).try_into().unwrap();
    let some = run(&some).await;
    assert_eq!(some.matches("\"type\":\"invoice.").count(), 4, "{some}");
    assert!(some.contains("8500.00") && some.contains("cus_7"), "{some}");
    let pages = run(&walk).await;
    // The second page goes on where the first one ended.
    let at = |id: &str| {
        pages
            .find(id)
            .unwrap_or_else(|| panic!("{id} is missing: {pages}"))
    };
    assert!(at("inv_1-paid") < at("cus_7"), "{pages}");
    assert_eq!(pages.matches("inv_1-paid").count(), 1, "{pages}");
}

/// A shell script with the built `hookgate`, in a directory of its own.
fn shell(script: &str, home: &Path) -> Command {
    let own = binary().parent().unwrap().to_owned();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(own).chain(std::env::split_paths(&path)));
    let mut shell = Command::new("bash");
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("HG_")) {
        shell.env_remove(name);
    }
    shell
        .args(["-c", &format!("set -eu\n{script}")])
        .current_dir(home)
        .env("PATH", path.unwrap())
        .env("XDG_CONFIG_HOME", home)
        .stdin(Stdio::null());
    shell
}

/// Output of a script that succeeds.
async fn ran(mut shell: Command) -> String {
    let ran = tokio::task::spawn_blocking(move || shell.output())
        .await
        .unwrap()
        .unwrap();
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&ran.stdout),
        String::from_utf8_lossy(&ran.stderr)
    );
    assert!(ran.status.success(), "{said}");
    said
}

/// Text between a heading and the next heading of its level.
fn section<'a>(text: &'a str, heading: &str) -> &'a str {
    let section = text.split_once(heading).expect("the heading").1;
    section.split("\n## ").next().unwrap_or(section)
}

/// The `sh` blocks of a text.
fn shell_blocks(text: &str) -> Vec<String> {
    text.split("```sh\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap_or_default().to_owned())
        .collect()
}
