//! Converts a profile from its file format and checks that it is complete and consistent.

mod actions;
mod body;
mod door;
mod signing;
mod warnings;
mod wording;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::file::{self, File, Mode, PatternKind};
use super::problem::Problems;
use super::rules::{AutoDisable, Endpoint, Patterns, Payload, Success};
use super::{CatalogueEntry, Limits, Privacy, Problem, Profile};
use crate::catalogue::{CatalogueType, TypeSpec};
use crate::privacy::{Authority, Class, Classified, Dictionary, Metadata};
use hookgate_domain::units::Span;
use hookgate_domain::{AnswerRules, EventType, Gone, Pause, PayloadMode, RetryAfter, RetryPolicy};
use hookgate_json::PatternSet;

/// Reads a profile. Keys of problems are relative to `profiles.NAME`.
///
/// # Errors
/// All problems of the profile.
pub(super) fn read(name: &str, file: &File) -> Result<Profile, Vec<Problem>> {
    let mut problems = Problems::below(format!("profiles.{name}"));
    let profile = profile(name, file, &mut problems);
    let found = problems.into_found();
    match profile {
        Some(profile) if found.is_empty() => Ok(profile),
        _ => Err(found),
    }
}

fn profile(name: &str, file: &File, problems: &mut Problems) -> Option<Profile> {
    if !is_name(name) {
        problems.add(
            "summary",
            format!("`{name}` cannot be a profile's name"),
            "use a-z, 0-9, - and _, at most 63 of them",
        );
    }
    let envelope = body::envelope(&file.envelope, problems);
    let secret = signing::secret(file, problems);
    let signature = signing::signature(&file.signature, problems);
    let retry = retry(file, problems);
    let (mut catalogue, classified) = catalogue(file, problems);
    let warnings = warnings::warnings(file, problems);
    warnings::document(&warnings, &mut catalogue);
    let patterns = patterns(file, &catalogue, problems);
    let profile = Profile {
        name: name.to_owned(),
        summary: file.summary.clone().unwrap_or_default(),
        endpoint: endpoint(&file.endpoint, problems),
        limits: Limits {
            subscriptions: file.limits.subscriptions,
            patterns: file.limits.patterns,
        },
        quotas: file.quotas,
        auto_disable: auto_disable(&file.auto_disable, problems),
        feed_retention: file.retention.feed.map(Span::get),
        payload: payload(file, problems)?,
        privacy: privacy(file, classified, problems),
        key_prefix: key_prefix(file, problems),
        user_agent: wording::user_agent(file, problems),
        door: door::door(file, problems),
        envelope: envelope?,
        signature: signature?,
        secret: secret?,
        retry,
        patterns,
        catalogue,
        warnings,
    };
    outlives(&profile, problems);
    warnings::check_signed(&profile, problems);
    Some(profile)
}

fn key_prefix(file: &File, problems: &mut Problems) -> String {
    let prefix = file.keys.prefix.clone().unwrap_or_else(|| "hg_".to_owned());
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    if !(1..=16).contains(&prefix.len()) || !prefix.bytes().all(plain) {
        let message = "a key's prefix has letters, digits, _ and - only, 1 to 16 of them";
        problems.add("keys.prefix", message, "such as \"sk_live_\"");
    }
    prefix
}

fn is_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_');
    (1..=63).contains(&name.len()) && name.bytes().all(plain)
}

/// Checks that events are retained at least as long as they are retried.
fn outlives(profile: &Profile, problems: &mut Problems) {
    if let (Some(policy), Some(kept)) = (&profile.retry, profile.feed_retention)
        && policy.longest() > kept
    {
        let longest = shown(policy.longest());
        let message = format!(
            "events are kept for {}, but are retried for up to {longest}",
            shown(kept)
        );
        problems.add(
            "retention.feed",
            message,
            format!("set it to {longest} or more, or shorten the retries"),
        );
    }
}

fn endpoint(file: &file::Endpoint, problems: &mut Problems) -> Endpoint {
    let timeout = file.timeout.map(Span::get);
    if timeout.is_some_and(|timeout| timeout.is_zero()) {
        problems.add(
            "endpoint.timeout",
            "no attempt can be made in no time",
            "such as \"5s\"",
        );
    }
    let mut ranges = Vec::new();
    let given = file.success.iter().flatten().enumerate();
    for (n, text) in given {
        match Success::range(text) {
            Some(range) => ranges.push(range),
            None => {
                let message = format!("`{text}` is not a status or a range of them from 200 to 499");
                problems.add(
                    &format!("endpoint.success.{n}"),
                    message,
                    "such as \"2xx\", \"200\" or \"200-204\"",
                );
            }
        }
    }
    if file.success.as_ref().is_some_and(Vec::is_empty) {
        problems.add(
            "endpoint.success",
            "no answer would be a success",
            "leave it out for \"2xx\"",
        );
    }
    Endpoint {
        https_only: file.https_only.unwrap_or_default(),
        timeout,
        success: if ranges.is_empty() {
            Success::any_2xx()
        } else {
            Success(ranges)
        },
        answers: answers(file),
    }
}

fn answers(file: &file::Endpoint) -> AnswerRules {
    AnswerRules {
        gone: match file.gone.unwrap_or_default() {
            file::Gone::Disable => Gone::Disable,
            file::Gone::Retry => Gone::Retry,
        },
        retry_after: match file.retry_after.unwrap_or_default() {
            file::RetryAfter::Honour => RetryAfter::Honour,
            file::RetryAfter::Ignore => RetryAfter::Ignore,
        },
        pause: match file.pause.unwrap_or_default() {
            file::Pause::On => Pause::On,
            file::Pause::Off => Pause::Off,
        },
    }
}

/// Reads the retry policy; `None` selects the gateway's own.
fn retry(file: &File, problems: &mut Problems) -> Option<RetryPolicy> {
    let given = &file.retry;
    let (key, policy) = match (&given.schedule, given.base, given.max, given.attempts) {
        (Some(delays), _, _, attempts) if !delays.is_empty() => {
            let delays: Vec<_> = delays.iter().map(|&delay| delay.get()).collect();
            let most = u32::try_from(delays.len()).unwrap_or(u32::MAX).saturating_add(1);
            let attempts = attempts.unwrap_or(most);
            if attempts > most || attempts == 0 {
                let message = format!(
                    "a schedule of {} delays makes 1 to {most} attempts, not {attempts}",
                    most - 1
                );
                problems.add("retry.attempts", message, "leave it out, or add delays");
                return None;
            }
            let used = usize::try_from(attempts - 1).unwrap_or(usize::MAX);
            (
                "retry.schedule",
                RetryPolicy::schedule(delays.into_iter().take(used).collect()),
            )
        }
        (_, None, None, None) => return None,
        (_, Some(base), Some(max), Some(attempts)) => (
            "retry.base",
            RetryPolicy::exponential(base.get(), max.get(), attempts),
        ),
        _ => {
            problems.add(
                "retry",
                "a backoff needs `base`, `max` and `attempts`",
                "give all three, or a `schedule`",
            );
            return None;
        }
    };
    problems.take(
        key,
        policy,
        "delays are at most 7d, attempts 1 to 100, and base is over 0s and at most max",
    )
}

fn auto_disable(file: &file::AutoDisable, problems: &mut Problems) -> Option<AutoDisable> {
    if *file == file::AutoDisable::default() {
        return None;
    }
    let (Some(over), Some(window), Some(least_attempts)) = (file.over, file.window, file.least_attempts)
    else {
        let message = "`over`, `window` and `least_attempts` belong together";
        problems.add(
            "auto_disable",
            message,
            "such as over = 0.95, window = \"24h\", least_attempts = 10",
        );
        return None;
    };
    for (key, share) in [
        ("auto_disable.over", Some(over)),
        ("auto_disable.warn_over", file.warn_over),
    ] {
        if share.is_some_and(|share| !(0.0..=1.0).contains(&share)) {
            problems.add(key, "a share is 0 to 1; nothing is over 1", "95 of 100 is 0.95");
        }
    }
    if file.for_at_least.is_some_and(|time| time > window) {
        problems.add(
            "auto_disable.for_at_least",
            "nothing that is older than the window is looked at",
            "it is at most `window`",
        );
    }
    if file.warn_over.is_some_and(|warn| warn > over) {
        problems.add(
            "auto_disable.warn_over",
            "the warning would come after the end",
            "it is at most `over`",
        );
    }
    Some(AutoDisable {
        over,
        window: window.get(),
        least_attempts,
        for_at_least: file
            .for_at_least
            .map_or(FOR_AT_LEAST.min(window.get()), Span::get),
        warn_over: file.warn_over,
    })
}

/// Reads the event types and the classifications of their schemas.
fn catalogue(file: &File, problems: &mut Problems) -> (Vec<CatalogueEntry>, BTreeMap<EventType, Classified>) {
    let mut entries: Vec<CatalogueEntry> = Vec::new();
    let mut classified = BTreeMap::new();
    for (place, entry) in file.all_types() {
        let key = format!("{place}.type");
        let kind = entry.kind.as_ref().map(|kind| kind.parse());
        let kind: Option<EventType> = problems
            .take(&key, kind.transpose(), "such as invoice.paid")
            .flatten();
        if kind.is_some() && entries.iter().any(|earlier| earlier.kind == kind) {
            problems.add(
                &key,
                "this type is in the catalogue already",
                "name each type once",
            );
        }
        let schema = entry.schema.as_ref().map(|schema| match schema {
            Value::String(text) => text.clone(),
            table => table.to_string(),
        });
        if let Some(text) = &schema {
            let fields = fields(&format!("{place}.schema"), kind.as_ref(), text, problems);
            classified.extend(kind.clone().zip(fields));
        }
        if entry.replace && !place.starts_with("add.") {
            problems.add(
                &format!("{place}.replace"),
                "this list replaces all event types that there were",
                "put the type under `add.catalogue`, or leave `replace` out",
            );
        }
        entries.push(CatalogueEntry {
            schema,
            kind,
            entity: entry.entity.clone(),
            description: entry.description.clone(),
        });
    }
    (entries, classified)
}

/// Reads the classifications of a type's schema.
fn fields(key: &str, kind: Option<&EventType>, text: &str, problems: &mut Problems) -> Option<Classified> {
    let Some(kind) = kind else {
        let message = "a schema is of events of one type, and this entry has none";
        problems.add(key, message, "give it a `type`");
        return None;
    };
    let read = CatalogueType::new(TypeSpec {
        kind: kind.clone(),
        entity: None,
        description: None,
        schema: Some(text.to_owned()),
        validate: false,
        authority: Authority::Operator,
    });
    match read {
        Ok(read) => Some(read.classified().clone()).filter(Classified::has_any),
        Err(found) => {
            for problem in found {
                problems.add(
                    key,
                    problem.to_string(),
                    "docs/event-types.md has what a schema may say",
                );
            }
            None
        }
    }
}

fn patterns(file: &File, catalogue: &[CatalogueEntry], problems: &mut Problems) -> Patterns {
    let every = || vec![PatternKind::Exact, PatternKind::Prefix, PatternKind::All];
    let allow = file.patterns.allow.clone().unwrap_or_else(every);
    if allow.is_empty() {
        problems.add(
            "patterns.allow",
            "no pattern would be taken",
            "such as [\"exact\"]",
        );
    }
    let known: Vec<_> = catalogue.iter().filter_map(|entry| entry.kind.clone()).collect();
    let known_only = file.patterns.known_only.unwrap_or_default();
    if known_only && known.is_empty() {
        let message = "no type is known, so no pattern would be taken";
        problems.add(
            "patterns.known_only",
            message,
            "name the types under [[catalogue]]",
        );
    }
    Patterns {
        allow,
        known: known_only.then_some(known),
    }
}

fn privacy(file: &File, fields: BTreeMap<EventType, Classified>, problems: &mut Problems) -> Privacy {
    let class = |class: &file::PrivacyClass| match class {
        file::PrivacyClass::Confidential => Class::Confidential,
        file::PrivacyClass::Restricted => Class::Restricted,
    };
    let classes: Vec<Class> = file.privacy.classes.iter().flatten().map(class).collect();
    let mut own = Vec::new();
    for (of, names) in file.privacy.names.iter().flatten() {
        for (n, name) in names.iter().enumerate() {
            let key = format!("privacy.names.{}.{n}", class(of).name());
            let checked = Dictionary::check_name(name);
            if problems
                .take(&key, checked, "such as margin_band or *lead_score*")
                .is_some()
            {
                own.push((class(of), name.clone()));
            }
        }
    }
    let names: Vec<String> = own.iter().map(|(_, name)| name.clone()).collect();
    let names = Dictionary::with_own(&classes, &names);
    let names = problems.take("privacy.names", names, "there are too many: name fewer");
    Privacy {
        names: names.flatten().map(Arc::new),
        classes,
        metadata: match file.privacy.keep_metadata {
            Some(false) => Metadata::Dropped,
            Some(true) | None => Metadata::Kept,
        },
        own,
        fields,
    }
}

fn payload(file: &File, problems: &mut Problems) -> Option<Payload> {
    let modes = file.payload.modes.clone().unwrap_or_else(|| vec![Mode::Full]);
    let thin = file.payload.thin.as_deref();
    if modes.is_empty() {
        problems.add("payload.modes", "nothing would be sent", "such as [\"full\"]");
    }
    if thin.is_some_and(<[_]>::is_empty) {
        let message = "nothing of the data would be kept in thin payloads";
        problems.add(
            "payload.thin",
            message,
            "leave it out for ids, types, statuses and times, or name what is kept",
        );
    }
    for (n, text) in thin.iter().copied().flatten().enumerate() {
        let parsed = PatternSet::parse(std::slice::from_ref(text));
        problems.take(
            &format!("payload.thin.{n}"),
            parsed,
            "such as /id, /items/*/id or /~*id",
        );
    }
    Some(Payload {
        modes: modes.into_iter().map(PayloadMode::from).collect(),
        thin: thin.map(PatternSet::parse).transpose().ok()?,
    })
}

/// Default minimum duration of failures before a subscription is disabled.
const FOR_AT_LEAST: Duration = Duration::from_secs(3600);

fn shown(duration: Duration) -> String {
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    Span::from_millis(millis).to_string()
}
