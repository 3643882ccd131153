//! Version requirement of a step: one version, a digest, a range, or the latest. Pure.

use std::fmt;
use std::str::FromStr;

use semver::{Version, VersionReq};

use super::RegistryError;

/// Version requirement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Requirement {
    /// Highest release; without any release, the highest pre-release.
    Latest,
    /// One version: `1.4.0`.
    Exact(Version),
    /// Digest: SHA-256 of the bytes, in hexadecimal.
    Digest(String),
    /// Highest version in a range: `^1.2`, `1.x`, `>=1.2, <1.5`.
    Range(VersionReq),
}

impl Requirement {
    /// Parses a step's `version`; `None` is the latest.
    pub(super) fn of(text: Option<&str>) -> Result<Self, RegistryError> {
        let bad = |BadRequirement| RegistryError::invalid("version", BadRequirement);
        text.map_or(Ok(Self::Latest), |text| text.parse().map_err(bad))
    }

    /// Picks the version that satisfies the requirement; `named` gives a version's text and digest.
    pub(super) fn pick<'a, T>(
        &self,
        versions: &'a [T],
        named: impl Fn(&'a T) -> (&'a str, &'a str),
    ) -> Option<&'a T> {
        let parsed = |item: &'a T| named(item).0.parse::<Version>().ok();
        match self {
            Self::Digest(digest) => versions.iter().find(|item| named(item).1 == digest),
            Self::Exact(exact) => versions.iter().find(|item| parsed(item).as_ref() == Some(exact)),
            Self::Range(range) => versions
                .iter()
                .filter_map(|item| Some((parsed(item)?, item)))
                .filter(|(version, _)| range.matches(version))
                .max_by(|(a, _), (b, _)| a.cmp(b))
                .map(|(_, item)| item),
            Self::Latest => versions
                .iter()
                .filter_map(|item| Some((parsed(item)?, item)))
                .max_by(|(a, _), (b, _)| (a.pre.is_empty(), a).cmp(&(b.pre.is_empty(), b)))
                .map(|(_, item)| item),
        }
    }

    /// Returns `true` if another upload can change the picked version.
    pub(super) fn moves(&self) -> bool {
        matches!(self, Self::Latest | Self::Range(_))
    }
}

/// Text that is not a version requirement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BadRequirement;

impl fmt::Display for BadRequirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a version is `latest`, one version such as `1.4.0`, a range such as `^1.2` or `1.x`, or the 64 hexadecimal digits \
             of a digest",
        )
    }
}

impl FromStr for Requirement {
    type Err = BadRequirement;

    fn from_str(text: &str) -> Result<Self, BadRequirement> {
        if text == "latest" {
            return Ok(Self::Latest);
        }
        let hexadecimal = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if text.len() == DIGEST_DIGITS && text.bytes().all(hexadecimal) {
            return Ok(Self::Digest(text.to_owned()));
        }
        if text.len() > LONGEST {
            return Err(BadRequirement);
        }
        if let Ok(exact) = text.parse() {
            return Ok(Self::Exact(exact));
        }
        text.parse().map(Self::Range).map_err(|_| BadRequirement)
    }
}

/// Length of a SHA-256 in hexadecimal.
const DIGEST_DIGITS: usize = 64;
const LONGEST: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    const VERSIONS: [(&str, &str); 6] = [
        ("1.2.0", "d0"),
        ("1.10.0", "d1"),
        ("1.3.0", "d2"),
        ("2.0.0-rc.1", "d3"),
        ("0.9.0", "d4"),
        ("not a version", "d5"),
    ];

    #[test]
    fn what_is_meant() {
        for (text, expected) in [
            (None, Some("1.10.0")),
            (Some("latest"), Some("1.10.0")),
            (Some("1.2.0"), Some("1.2.0")),
            (Some("=1.2.0"), Some("1.2.0")),
            (Some("^1.2"), Some("1.10.0")),
            (Some("1.x"), Some("1.10.0")),
            (Some("~1.3"), Some("1.3.0")),
            (Some(">=0.9, <1.3"), Some("1.2.0")),
            (Some("0.9"), Some("0.9.0")),
            (Some("*"), Some("1.10.0")),
            (Some("2"), None),
            (Some("2.0.0-rc.1"), Some("2.0.0-rc.1")),
            (Some("^2.0.0-rc"), Some("2.0.0-rc.1")),
            (Some("1.2.1"), None),
        ] {
            let requirement = Requirement::of(text).unwrap();
            let picked = requirement.pick(&VERSIONS, |(version, digest)| (version, digest));
            assert_eq!(picked.map(|(version, _)| *version), expected, "{text:?}");
        }
        let only_early = [("2.0.0-rc.1", "d3"), ("2.0.0-rc.2", "d4")];
        let picked = Requirement::Latest.pick(&only_early, |(version, digest)| (version, digest));
        assert_eq!(picked.map(|(version, _)| *version), Some("2.0.0-rc.2"));
        let digest = "ab".repeat(32);
        assert_eq!(digest.parse(), Ok(Requirement::Digest(digest)));
    }

    #[test]
    fn what_names_no_version() {
        for text in ["", "newest", "1.2.3.4", "^", "v1.0.0", &"1".repeat(200)] {
            assert!(text.parse::<Requirement>().is_err(), "{text}");
        }
    }
}
