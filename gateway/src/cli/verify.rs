//! `hookgate verify`: verifies a request that a receiver has recorded, and explains a failure.

use std::io::Read as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::Settings;
use super::output::{Failure, green, say};
use hookgate_contract::profile::{Evidence, Finding, Profile, Profiles, Proof};
use hookgate_domain::units::Span;
use hookgate_domain::{Secret, Timestamp};
use hookgate_runtime::clock::Clock;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// File of the body; `-` or nothing: from the standard input.
    body: Option<PathBuf>,
    /// Header of the request, `name: value`; give all of them.
    #[arg(short = 'H', long = "header", value_name = "LINE")]
    headers: Vec<String>,
    /// File of header lines, as `curl -i` and logs show them.
    #[arg(long, value_name = "FILE")]
    headers_from: Option<PathBuf>,
    /// Signing secret or public key; several during a rotation.
    #[arg(
        long,
        value_name = "SECRET",
        env = "HG_SECRET",
        hide_env_values = true,
        required = true
    )]
    secret: Vec<String>,
    /// Profile: a shipped one, or one of the configuration.
    #[arg(long, default_value = hookgate_contract::profile::STANDARD)]
    profile: String,
    /// Time of arrival: RFC 3339, or seconds since 1970; by default now.
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// Tolerance of the timestamp; by default the profile's.
    #[arg(long, value_name = "SPAN")]
    tolerance: Option<Span>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    /// Configuration file with custom profiles; by default `hookgate.toml` in this directory.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let profiles = profiles_with(&arguments.profile, arguments.config.as_ref())?;
    let profile = profile(&profiles, arguments)?;
    let headers = headers(arguments)?;
    let body = body(arguments)?;
    let secrets: Vec<_> = arguments.secret.iter().map(|text| Secret::new(text)).collect();
    let evidence = Evidence {
        headers: &headers,
        body: &body,
        secrets: &secrets,
        at: at(arguments)?,
    };
    match profile.diagnose(&evidence) {
        Ok(proof) => {
            genuine(&proof, evidence.at, arguments);
            Ok(())
        }
        Err(findings) => Err(not_genuine(&findings, &profiles, &headers, arguments)),
    }
}

fn genuine(proof: &Proof, at: Timestamp, arguments: &Arguments) {
    let age = proof.sent.map(|sent| at.since(sent).as_secs());
    if arguments.json {
        say(json!({ "genuine": true, "secret": proof.secret, "age": age }));
        return;
    }
    let age = age
        .map(|seconds| format!(", sent {seconds} s before"))
        .unwrap_or_default();
    let which = if arguments.secret.len() > 1 {
        format!(", signed with secret {}", proof.secret + 1)
    } else {
        String::new()
    };
    say(format_args!("{}{which}{age}", green("genuine")));
}

fn not_genuine(
    findings: &[Finding],
    profiles: &Profiles,
    headers: &[(String, String)],
    arguments: &Arguments,
) -> Failure {
    let other = other_profile(findings, profiles, headers, arguments);
    if arguments.json {
        let found = findings.iter().map(
            |finding| json!({ "code": finding.code(), "message": finding.to_string(), "fix": finding.fix() }),
        );
        say(json!({ "genuine": false, "findings": found.collect::<Vec<_>>(), "profile": other }));
    }
    let told = findings
        .iter()
        .map(|finding| (finding.to_string(), finding.fix()));
    let failure = Failure::several(told.map(|(message, fix)| (format!("not genuine: {message}"), Some(fix))));
    match other {
        Some(name) => failure.hint(format!(
            "the headers look like those of the profile `{name}`: --profile {name}"
        )),
        None => failure,
    }
}

/// Another profile whose headers are all present, if those of the requested one are not.
fn other_profile(
    findings: &[Finding],
    profiles: &Profiles,
    headers: &[(String, String)],
    arguments: &Arguments,
) -> Option<String> {
    let missing = |finding: &Finding| matches!(finding, Finding::HeaderMissing { .. });
    if !findings.iter().any(missing) {
        return None;
    }
    let other = profiles.iter().find(|profile| {
        profile.name != arguments.profile
            && profile
                .signature
                .is_carried_by(|name| headers.iter().any(|(own, _)| own.eq_ignore_ascii_case(name)))
    });
    other.map(|profile| profile.name.clone())
}

/// Profiles that include this name: the shipped ones if it is one of them and no file is given.
pub(super) fn profiles_with(name: &str, config: Option<&PathBuf>) -> Result<Profiles, Failure> {
    let shipped = Profiles::shipped();
    if config.is_none() && shipped.get(name).is_some() {
        return Ok(shipped);
    }
    let settings = Settings {
        config: config.cloned(),
        ..Settings::default()
    };
    Ok(settings.load()?.config.profiles()?)
}

/// Profile of this name.
pub(super) fn named<'p>(profiles: &'p Profiles, name: &str) -> Result<&'p Arc<Profile>, Failure> {
    profiles.get(name).ok_or_else(|| {
        let hint = format!(
            "there are {}; others stand in a file: --config FILE",
            profiles.names()
        );
        Failure::new(format!("there is no profile `{name}`"))
            .hint(hint)
            .misconfigured()
    })
}

/// Requested profile with the requested tolerance.
fn profile(profiles: &Profiles, arguments: &Arguments) -> Result<Profile, Failure> {
    let mut profile = Profile::clone(named(profiles, &arguments.profile)?);
    if let Some(tolerance) = arguments.tolerance {
        profile.signature.tolerate(tolerance.get());
    }
    Ok(profile)
}

fn headers(arguments: &Arguments) -> Result<Vec<(String, String)>, Failure> {
    let mut lines = arguments.headers.clone();
    if let Some(file) = &arguments.headers_from {
        let text = std::fs::read_to_string(file);
        let text =
            text.map_err(|error| Failure::of(&error).prefixed(&format!("cannot read {}", file.display())))?;
        // The status line that `curl -i` prints first and empty lines are not headers.
        let own = text
            .lines()
            .filter(|line| !line.trim().is_empty() && !line.starts_with("HTTP/"));
        lines.extend(own.map(str::to_owned));
    }
    let parsed = lines.iter().map(|line| {
        let line = line.trim().trim_start_matches("> ").trim_start_matches("< ");
        let (name, value) = line.split_once(':').ok_or_else(|| {
            Failure::new(format!("`{line}` is not a header line"))
                .hint("write `name: value`")
                .misconfigured()
        })?;
        Ok((name.trim().to_owned(), value.trim().to_owned()))
    });
    parsed.collect()
}

fn body(arguments: &Arguments) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = match arguments.body.as_deref() {
        Some(file) if file.as_os_str() != "-" => std::fs::read(file).map(|read| bytes = read),
        Some(_) | None => std::io::stdin()
            .take(LARGEST_BODY)
            .read_to_end(&mut bytes)
            .map(drop),
    };
    read.map_err(|error| Failure::of(&error).prefixed("cannot read the body"))?;
    Ok(bytes)
}

fn at(arguments: &Arguments) -> Result<Timestamp, Failure> {
    let Some(text) = &arguments.at else {
        return Ok(Clock::System.now());
    };
    let seconds = text.parse::<u64>().ok();
    let parsed = seconds.map(|seconds| Timestamp::from_millis(0).plus(Duration::from_secs(seconds)));
    parsed.or_else(|| Timestamp::parse(text).ok()).ok_or_else(|| {
        let failure = Failure::new(format!("`{text}` is not a time"));
        failure
            .hint("such as 2026-01-31T12:00:00Z or 1769860800")
            .misconfigured()
    })
}

const LARGEST_BODY: u64 = 64 << 20;
