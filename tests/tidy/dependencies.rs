//! Dependencies of the project: the rules of `deny.toml` that need no advisory database, and a
//! single build of each crate for builds, tests and `cargo run`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use hookgate_tests::gateway::root;
use serde_json::Value;
use toml_edit::DocumentMut;

/// `cargo deny check bans licenses sources` applies the same file, and `cargo deny check
/// advisories` checks the rest.
#[test]
fn dependencies_are_as_deny_toml_allows() {
    let rules = fs::read_to_string(root().join("deny.toml")).expect("deny.toml");
    let rules: DocumentMut = rules.parse().expect("TOML");
    let crates = crates();
    let mut wrong = Vec::new();
    licences(&rules, &crates, &mut wrong);
    sources(&crates, &mut wrong);
    bans(&rules, &crates, &mut wrong);
    duplicates(&rules, &crates, &mut wrong);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A crate whose features change with the tests' dependencies is compiled twice.
///
/// All crates that depend on it are compiled twice, too.
#[test]
fn a_build_and_a_test_have_the_same_features() {
    let (build, test) = (
        tree("normal,build", "{p} [{f}]"),
        tree("normal,build,dev", "{p} [{f}]"),
    );
    let differ: Vec<_> = build.difference(&test).collect();
    assert!(
        differ.is_empty(),
        "a build has these, a test has them with more features; name those in a `[dependencies]` of `tests/Cargo.toml`: {differ:#?}"
    );
}

/// Output of `cargo tree` for each package that is compiled for this machine.
fn tree(kinds: &str, format: &str) -> BTreeSet<String> {
    let fixed = ["tree", "--workspace", "--locked", "--prefix", "none"];
    let said = cargo(&[&fixed[..], &["--edges", kinds, "--format", format]].concat());
    let lines = said.lines().map(|line| line.trim_end_matches(" (*)").to_owned());
    lines.collect()
}

fn cargo(arguments: &[&str]) -> String {
    let ran = Command::new(option_env!("CARGO").unwrap_or("cargo"))
        .args(arguments)
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).expect("text")
}

/// The packages that are compiled for this machine, in the form of `cargo metadata`.
fn crates() -> Vec<Value> {
    let rustc = Command::new("rustc").arg("-vV").output().expect("rustc runs");
    let version = String::from_utf8_lossy(&rustc.stdout).into_owned();
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    let metadata = cargo(&[
        "metadata",
        "--locked",
        "--format-version=1",
        "--filter-platform",
        host.expect("its host"),
    ]);
    let mut metadata: Value = serde_json::from_str(&metadata).expect("JSON");
    let Value::Array(mut packages) = metadata["packages"].take() else {
        return Vec::new();
    };
    // The metadata also contains optional packages that no feature enables.
    let compiled: BTreeSet<String> = tree("normal,build,dev", "{p}")
        .iter()
        .map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" "))
        .collect();
    packages.retain(|package| {
        compiled.contains(&format!(
            "{} v{}",
            text(package, "name"),
            text(package, "version")
        ))
    });
    packages
}

fn text<'a>(package: &'a Value, name: &str) -> &'a str {
    package[name].as_str().unwrap_or_default()
}

fn list<'a>(rules: &'a DocumentMut, table: &str, name: &str) -> Vec<&'a str> {
    let items = rules[table][name].as_array().into_iter().flatten();
    let name_of = |item: &'a toml_edit::Value| {
        let named = item.as_inline_table().and_then(|table| table.get("crate"));
        named.unwrap_or(item).as_str()
    };
    items.filter_map(name_of).collect()
}

fn licences(rules: &DocumentMut, crates: &[Value], wrong: &mut Vec<String>) {
    let allowed = list(rules, "licenses", "allow");
    for package in crates {
        let licence = text(package, "license");
        if !allows(licence, &allowed) {
            wrong.push(format!("{}: its licence is `{licence}`", text(package, "name")));
        }
    }
}

/// Checks that the allowed licences satisfy an SPDX expression; `/` is the `OR` of old manifests.
fn allows(expression: &str, allowed: &[&str]) -> bool {
    let spaced = expression
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ");
    let words: Vec<_> = spaced.split_whitespace().collect();
    let mut at = 0;
    let satisfied = any_of(&words, &mut at, allowed);
    satisfied && at == words.len()
}

fn any_of(words: &[&str], at: &mut usize, allowed: &[&str]) -> bool {
    let mut satisfied = all_of(words, at, allowed);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        satisfied |= all_of(words, at, allowed);
    }
    satisfied
}

fn all_of(words: &[&str], at: &mut usize, allowed: &[&str]) -> bool {
    let mut satisfied = one(words, at, allowed);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        satisfied &= one(words, at, allowed);
    }
    satisfied
}

fn one(words: &[&str], at: &mut usize, allowed: &[&str]) -> bool {
    let Some(word) = words.get(*at) else {
        return false;
    };
    *at += 1;
    if *word == "(" {
        let satisfied = any_of(words, at, allowed);
        let closed = words.get(*at) == Some(&")");
        *at += 1;
        return satisfied && closed;
    }
    let mut licence = (*word).to_owned();
    if words.get(*at) == Some(&"WITH") {
        let exception = words.get(*at + 1).copied().unwrap_or_default();
        licence = format!("{licence} WITH {exception}");
        *at += 2;
    }
    allowed.contains(&&*licence)
}

fn sources(crates: &[Value], wrong: &mut Vec<String>) {
    const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";
    for package in crates {
        let source = package["source"].as_str();
        if source.is_some_and(|source| source != REGISTRY) {
            wrong.push(format!("{}: it comes from {source:?}", text(package, "name")));
        }
    }
}

fn bans(rules: &DocumentMut, crates: &[Value], wrong: &mut Vec<String>) {
    let banned = list(rules, "bans", "deny");
    assert!(!banned.is_empty(), "deny.toml bans crates");
    for package in crates {
        let name = text(package, "name");
        if banned.contains(&name) {
            wrong.push(format!("{name} is banned: deny.toml says why"));
        }
        let of_ours = package["source"].is_null();
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            if of_ours && dependency["req"] == "*" && dependency["path"].is_null() {
                wrong.push(format!("{name}: any version of {} will do", dependency["name"]));
            }
        }
    }
}

/// Compares `bans.skip` with the older versions of duplicate crates, in both directions.
fn duplicates(rules: &DocumentMut, crates: &[Value], wrong: &mut Vec<String>) {
    assert_eq!(
        rules["bans"]["multiple-versions"].as_str(),
        Some("deny"),
        "deny.toml"
    );
    let skipped = list(rules, "bans", "skip");
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in crates {
        versions
            .entry(text(package, "name"))
            .or_default()
            .push(text(package, "version"));
    }
    let is = |skipped: &str, name: &str, version: &str| {
        let (known, wanted) = skipped.split_once('@').unwrap_or((skipped, ""));
        known == name && version.starts_with(&format!("{wanted}."))
    };
    for (name, versions) in &versions {
        let unknown = versions
            .iter()
            .filter(|version| !skipped.iter().any(|skipped| is(skipped, name, version)));
        if unknown.clone().count() > 1 {
            wrong.push(format!("{name} is there in several versions: {versions:?}"));
        }
    }
    for skipped in skipped {
        let found = versions.iter().filter(|(_, versions)| versions.len() > 1);
        let mut found =
            found.flat_map(|(name, versions)| versions.iter().map(move |version| (name, version)));
        if !found.any(|(name, version)| is(skipped, name, version)) {
            wrong.push(format!("{skipped} is no longer there twice: bans.skip"));
        }
    }
}

#[test]
fn licence_expressions_are_read_as_spdx_has_them() {
    let allowed = ["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "ISC"];
    for (expression, expected) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("GPL-3.0 OR MIT", true),
        ("GPL-3.0/MIT", true),
        ("MIT AND GPL-3.0", false),
        ("(MIT OR GPL-3.0) AND ISC", true),
        ("(MIT OR GPL-3.0) AND BSL-1.0", false),
        ("Apache-2.0 WITH LLVM-exception", true),
        ("MIT WITH LLVM-exception", false),
        ("MIT OR (", false),
        ("", false),
    ] {
        assert_eq!(allows(expression, &allowed), expected, "{expression}");
    }
}
