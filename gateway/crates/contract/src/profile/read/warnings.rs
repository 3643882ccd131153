//! Reads the warnings that a product's customers receive about failing endpoints.

use super::super::file::{self, AnswerMember, File};
use super::super::problem::Problems;
use super::super::warnings::{Said, Warnings};
use super::super::{CatalogueEntry, Profile};
use super::door::members;
use hookgate_domain::EventType;
use hookgate_json::{Document, Limits};

pub(super) fn warnings(file: &File, problems: &mut Problems) -> Warnings {
    let given = &file.warnings;
    if *given == file::Warnings::default() {
        return Warnings::default();
    }
    let failing = kind("warnings.failing", given.failing.as_deref(), problems);
    let disabled = kind("warnings.disabled", given.disabled.as_deref(), problems);
    if failing.is_some() && failing == disabled {
        problems.add(
            "warnings.disabled",
            "both events would have one type",
            "give them two",
        );
    }
    if failing.is_some() && file.auto_disable.warn_over.is_none() {
        let message =
            "nothing would be sent: `auto_disable.warn_over` says when a subscription keeps failing";
        problems.add("warnings.failing", message, "set it, such as to 0.8");
    }
    if given.failing.is_none() && given.disabled.is_none() {
        let message = "these are members of no event";
        problems.add(
            "warnings.members",
            message,
            "name a type, such as disabled = \"webhook.disabled\"",
        );
    }
    let built_in = || BUILT_IN.iter().map(|said| shown(*said)).collect();
    let written = given.members.clone().unwrap_or_else(built_in);
    Warnings {
        failing,
        disabled,
        members: members("warnings.members", &written, SAID, Said::word, problems),
    }
}

/// Checks that warnings contain the part of the data that the scheme signs.
pub(super) fn check_signed(profile: &Profile, problems: &mut Problems) {
    let warnings = &profile.warnings;
    if warnings.failing.is_none() && warnings.disabled.is_none() {
        return;
    }
    let text = warnings.data(|said| said.word().into()).to_string();
    let Ok(data) = Document::parse(text.as_bytes(), Limits::of_bytes(text.len())) else {
        return;
    };
    if let Err(unsendable) = profile.check_data(&data.into_root()) {
        let hint = "name such a member under `warnings.members`, or no types under `warnings`";
        problems.add("warnings", unsendable.to_string(), hint);
    }
}

/// Adds the warning types that the profile does not document itself.
pub(super) fn document(warnings: &Warnings, catalogue: &mut Vec<CatalogueEntry>) {
    for (kind, description) in [
        (&warnings.failing, "A webhook keeps failing"),
        (&warnings.disabled, "A webhook was disabled because it failed"),
    ] {
        if kind.is_some() && !catalogue.iter().any(|entry| entry.kind == *kind) {
            catalogue.push(CatalogueEntry {
                kind: kind.clone(),
                entity: None,
                description: description.to_owned(),
                schema: None,
            });
        }
    }
}

fn kind(key: &str, text: Option<&str>, problems: &mut Problems) -> Option<EventType> {
    let parsed = text.map(str::parse).transpose();
    let kind: Option<EventType> = problems.take(key, parsed, "such as webhook.disabled").flatten();
    if kind.as_ref().is_some_and(EventType::is_system) {
        let message = "types below `hookgate.` are the gateway's own";
        problems.add(key, message, "take another one, such as webhook.disabled");
    }
    kind
}

fn shown(said: Said) -> AnswerMember {
    AnswerMember {
        name: said.word().to_owned(),
        value: Some(format!("{{{}}}", said.word())),
        constant: None,
    }
}

const BUILT_IN: &[Said] = &[Said::Id, Said::Status, Said::Reason, Said::Attempts, Said::Failed];

const SAID: &[Said] = &[
    Said::Id,
    Said::Url,
    Said::Description,
    Said::Status,
    Said::Reason,
    Said::Attempts,
    Said::Failed,
    Said::At,
];
