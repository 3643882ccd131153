//! Checks of the repository itself, the same on a laptop and in CI: imports between modules, the
//! length of files, links in documents, freshness of generated files, and dependencies.

#[path = "tidy/dependencies.rs"]
mod dependencies;
#[path = "tidy/modules.rs"]
mod modules;
#[path = "tidy/prose.rs"]
mod prose;
#[path = "tidy/wit.rs"]
mod wit;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use hookgate_tests::bindings;
use hookgate_tests::gateway::root;
use modules::{COMPOSERS, IMPURE, MAY_USE, PURE};

const LONGEST_FILE: usize = 500;

#[test]
fn modules_use_only_what_the_table_allows() {
    let mut wrong = Vec::new();
    for (file, text) in gateway_sources() {
        let Some(module) = module_of(&file) else { continue };
        if COMPOSERS.contains(&module.as_str()) {
            continue;
        }
        let Some((_, allowed)) = MAY_USE.iter().find(|(name, _)| *name == module) else {
            wrong.push(format!(
                "{}: the module `{module}` is not in the table",
                file.display()
            ));
            continue;
        };
        for used in uses(without_tests(&text)) {
            if used != module && !allowed.contains(&used.as_str()) {
                wrong.push(format!("{}: `{module}` may not use `{used}`", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn pure_crates_touch_no_clock_chance_or_network() {
    let mut wrong = Vec::new();
    for (file, text) in gateway_sources() {
        if crate_of(&file).is_some_and(|name| PURE.contains(&name.as_str())) {
            let found = IMPURE
                .iter()
                .filter(|word| code(without_tests(&text)).contains(**word));
            wrong.extend(found.map(|word| format!("{}: {word}", file.display())));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The last column of the table of promises names tests, each in backquotes.
#[test]
fn every_promise_of_the_contracts_has_its_tests() {
    let table = root().join("tests/black_box/contracts/README.md");
    let table = fs::read_to_string(table).expect("the table of promises");
    let code: String = ["tests/black_box", "gateway/src", "gateway/crates"]
        .iter()
        .flat_map(|folder| sources(&root().join(folder)))
        .map(|(_, text)| text)
        .collect();
    let mut wrong = Vec::new();
    for row in table
        .lines()
        .filter(|row| row.starts_with("| ") && !row.starts_with("| promise"))
    {
        let tests = row.trim_end_matches('|').rsplit('|').next().unwrap_or_default();
        let names: Vec<_> = tests.split('`').skip(1).step_by(2).collect();
        let there = |name: &&str| !code.contains(&format!("fn {name}("));
        wrong.extend(names.iter().copied().filter(there).map(str::to_owned));
        if names.is_empty() {
            wrong.push(format!("without a test: {row}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Budgets of any size are created on guest threads only, where tenants take turns. A loop over a
/// tenant's declarations needs a budget, and therefore cannot run on a thread that serves
/// connections.
#[test]
fn work_budgets_are_made_on_guest_threads_alone() {
    let mut wrong = Vec::new();
    for (file, text) in gateway_sources() {
        let makes_them = crate_of(&file).is_some_and(|name| name == "plugin-host" || name == "json");
        // Property tests are in separate files.
        let tests = text.contains("proptest! {");
        if !tests && !makes_them && code(without_tests(&text)).contains("WorkBudget::new(") {
            wrong.push(file);
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn only_one_file_is_unsafe() {
    let unsafe_files: Vec<_> = gateway_sources()
        .into_iter()
        .filter(|(_, text)| code(text).contains("unsafe "))
        .map(|(file, _)| file)
        .collect();
    assert!(unsafe_files.len() <= 1, "{unsafe_files:?}");
}

#[test]
fn no_file_is_longer_than_one_concept() {
    let long: Vec<_> = sources(root())
        .into_iter()
        .filter(|(file, _)| !file.ends_with(bindings::KEPT))
        .map(|(file, text)| (file, without_tests(&text).lines().count()))
        .filter(|(_, lines)| *lines > LONGEST_FILE)
        .collect();
    assert!(
        long.is_empty(),
        "over {LONGEST_FILE} lines without their tests: {long:?}"
    );
}

#[test]
fn every_file_begins_by_saying_what_it_is() {
    let silent: Vec<_> = sources(root())
        .into_iter()
        .filter(|(_, text)| !text.starts_with("//!"))
        .map(|(file, _)| file)
        .collect();
    assert!(silent.is_empty(), "{silent:?}");
}

#[test]
fn nothing_is_left_behind() {
    let words = [
        concat!("to", "do!("),
        concat!("unimple", "mented!("),
        concat!("#[ign", "ore"),
        concat!("db", "g!("),
    ];
    let mut found = Vec::new();
    for (file, text) in sources(root()) {
        found.extend(
            words
                .iter()
                .filter(|word| text.contains(**word))
                .map(|word| format!("{}: {word}", file.display())),
        );
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn links_in_documents_lead_somewhere() {
    let mut broken = Vec::new();
    for file in documents() {
        let text = fs::read_to_string(&file).expect("a readable document");
        for link in links(&text) {
            let target = link.split('#').next().unwrap_or_default();
            let outside = target.is_empty() || target.contains("://") || target.starts_with("mailto:");
            if !outside && !file.parent().expect("a folder").join(target).exists() {
                broken.push(format!("{}: {link}", file.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn shipped_components_are_fresh() {
    let checked = Command::new(root().join("plugins/build"))
        .arg("--check")
        .output()
        .expect("plugins/build");
    assert!(
        checked.status.success(),
        "{}",
        String::from_utf8_lossy(&checked.stderr)
    );
}

#[test]
fn the_sdks_bindings_are_fresh() {
    let kept = fs::read_to_string(root().join(bindings::KEPT)).expect("the bindings");
    let fresh = bindings::generate().expect("bindings of the WIT") == kept;
    assert!(
        fresh,
        "{} is stale: cargo run -p hookgate-tests --bin sdk-bindings",
        bindings::KEPT
    );
}

#[test]
fn every_public_item_of_the_sdk_has_an_example() {
    let mut without = Vec::new();
    for (file, text) in sources(&root().join("sdk/src")) {
        let inner = [
            "guest",
            "double.rs",
            "node.rs",
            "parse.rs",
            "pattern.rs",
            "cases.rs",
            "schema.rs",
            "spans.rs",
            "words.rs",
        ];
        if inner
            .iter()
            .any(|part| file.components().any(|c| c.as_os_str() == *part))
        {
            continue;
        }
        let lines: Vec<&str> = without_tests(&text).lines().collect();
        let public = |line: &str| {
            ["fn ", "const fn ", "struct ", "enum ", "trait ", "type "]
                .iter()
                .any(|kind| {
                    line.trim_start()
                        .strip_prefix("pub ")
                        .is_some_and(|rest| rest.starts_with(kind))
                })
        };
        for (at, line) in lines.iter().enumerate().filter(|(_, line)| public(line)) {
            let above = lines[..at].iter().rev();
            let doc: Vec<_> = above
                .take_while(|line| {
                    line.trim_start().starts_with("///") || line.trim_start().starts_with("#[")
                })
                .collect();
            let hidden = doc.iter().any(|line| line.contains("doc(hidden)"));
            if !hidden && !doc.iter().any(|line| line.contains("```")) {
                without.push(format!("{}:{}: {}", file.display(), at + 1, line.trim()));
            }
        }
    }
    assert!(without.is_empty(), "{}", without.join("\n"));
}

#[test]
fn the_configuration_reference_is_fresh() {
    let made = hookgate_tests::gateway::command()
        .args(["config", "reference"])
        .output()
        .expect("the binary");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let kept = fs::read_to_string(root().join("docs/configuration.md")).expect("docs/configuration.md");
    let fresh = String::from_utf8_lossy(&made.stdout) == kept;
    assert!(
        fresh,
        "docs/configuration.md is stale: hookgate config reference > docs/configuration.md"
    );
}

/// Names of the gateway's modules that a text uses.
fn uses(text: &str) -> BTreeSet<String> {
    let code = code(text);
    let names = code.split("crate::").skip(1).flat_map(|rest| {
        let grouped = rest
            .strip_prefix('{')
            .and_then(|rest| rest.split_once("};"))
            .map(|(group, _)| group);
        match grouped {
            Some(group) => top_level_names(group),
            None => vec![leading_name(rest)],
        }
    });
    names
        .filter(|name| !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
        .collect()
}

/// `a::{b, c}, d::e` -> `a`, `d`.
fn top_level_names(group: &str) -> Vec<String> {
    let mut names = Vec::new();
    let (mut depth, mut start) = (0_usize, 0);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                names.push(leading_name(group[start..at].trim()));
                start = at + 1;
            }
            _ => {}
        }
    }
    names.push(leading_name(group[start..].trim()));
    names
}

fn leading_name(text: &str) -> String {
    text.chars()
        .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
        .collect()
}

/// A text without its comments.
fn code(text: &str) -> String {
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// A file up to its tests, which are at its end.
fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests").next().unwrap_or(text)
}

/// The module of a file in `gateway/src`.
fn module_of(file: &Path) -> Option<String> {
    first_name(file.strip_prefix(root().join("gateway/src")).ok()?)
}

/// The crate of a file in `gateway/crates`.
fn crate_of(file: &Path) -> Option<String> {
    first_name(file.strip_prefix(root().join("gateway/crates")).ok()?)
}

fn first_name(path: &Path) -> Option<String> {
    let first = path
        .components()
        .next()?
        .as_os_str()
        .to_string_lossy()
        .into_owned();
    Some(first.trim_end_matches(".rs").to_owned())
}

fn gateway_sources() -> Vec<(PathBuf, String)> {
    let tests_only = |file: &Path| {
        let tests = file
            .file_name()
            .is_some_and(|name| name == "tests.rs" || name == "testing.rs");
        let within = |folder: &str| file.components().any(|c| c.as_os_str() == folder);
        let contract = file.ends_with("store/src/contract.rs")
            || file.starts_with(root().join("gateway/crates/store/src/contract"));
        tests || contract || within("tests") || within("testing") || within("examples")
    };
    ["gateway/src", "gateway/crates"]
        .iter()
        .flat_map(|folder| sources(&root().join(folder)))
        .filter(|(file, _)| !tests_only(file))
        .collect()
}

/// Rust sources below a folder.
fn sources(below: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    walk(below, &mut |file| {
        if file.extension().is_some_and(|ending| ending == "rs") {
            found.push((
                file.to_owned(),
                fs::read_to_string(file).expect("a readable source"),
            ));
        }
    });
    assert!(!found.is_empty(), "no sources below {}", below.display());
    found
}

fn documents() -> Vec<PathBuf> {
    let mut found = Vec::new();
    walk(root(), &mut |file| {
        if file.extension().is_some_and(|ending| ending == "md") {
            found.push(file.to_owned());
        }
    });
    found
}

fn walk(folder: &Path, visit: &mut impl FnMut(&Path)) {
    for entry in fs::read_dir(folder)
        .expect("a readable folder")
        .map_while(Result::ok)
    {
        let (path, name) = (entry.path(), entry.file_name());
        let skipped = ["target", ".git", "node_modules", ".venv"]
            .iter()
            .any(|skip| name == *skip);
        match (path.is_dir(), skipped) {
            (true, false) => walk(&path, visit),
            (true, true) => {}
            (false, _) => visit(&path),
        }
    }
}

/// Targets of `[text](target)` outside code.
fn links(text: &str) -> Vec<String> {
    let mut in_code = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if !in_code {
            let targets = line
                .split("](")
                .skip(1)
                .filter_map(|rest| rest.split_once(')').map(|(target, _)| target));
            found.extend(targets.map(str::to_owned));
        }
    }
    found
}
