//! Set of all profiles by name: shipped ones, overridden by those of the configuration.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::door::collisions;
use super::file::File;
use super::read::read;
use super::{Problem, Profile, STANDARD};

/// Profiles by name, cheap to clone.
#[derive(Debug, Clone)]
pub struct Profiles(Arc<Set>);

#[derive(Debug)]
struct Set {
    profiles: BTreeMap<String, Arc<Profile>>,
    /// File form of each, merged with all profiles that it extends.
    files: BTreeMap<String, File>,
}

impl Profiles {
    /// Shipped profiles.
    pub fn shipped() -> Self {
        Self::new(&BTreeMap::new()).expect("a test reads what ships")
    }

    /// Merges the shipped profiles with `profiles` of the configuration.
    ///
    /// A new name defines a new profile; a shipped name changes the shipped one.
    ///
    /// # Errors
    /// All problems, by key of the configuration.
    pub fn new(given: &BTreeMap<String, File>) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let shipped = shipped(&mut problems);
        let mut files = shipped.clone();
        for (name, file) in given {
            match started_from(name, file, &shipped) {
                Ok(file) => drop(files.insert(name.clone(), file)),
                Err(found) => problems.extend(found),
            }
        }
        let mut profiles = BTreeMap::new();
        for (name, file) in &files {
            match read(name, file) {
                Ok(profile) => drop(profiles.insert(name.clone(), Arc::new(profile))),
                Err(found) => problems.extend(found),
            }
        }
        // A collision is reported for the profile of the configuration, which has line numbers.
        let (written, shipped): (Vec<_>, Vec<_>) = profiles
            .values()
            .map(AsRef::as_ref)
            .partition(|profile: &&Profile| given.contains_key(&profile.name));
        let key_of = |name: &str, n| route_key(&files, name, n);
        problems.extend(collisions(shipped.into_iter().chain(written), key_of));
        if problems.is_empty() {
            Ok(Self(Arc::new(Set { profiles, files })))
        } else {
            Err(problems)
        }
    }

    /// Profile with this name.
    pub fn get(&self, name: &str) -> Option<&Arc<Profile>> {
        self.0.profiles.get(name)
    }

    /// Default profile: Standard Webhooks.
    pub fn standard(&self) -> Arc<Profile> {
        self.get(STANDARD).cloned().expect("it ships")
    }

    /// Returns `true` if any profile signs with a header of this lower-case name.
    pub fn sign_with(&self, name: &str) -> bool {
        self.iter().any(|profile| profile.signature.uses(name))
    }

    /// Iterates over all profiles by name.
    pub fn iter(&self) -> impl Iterator<Item = &Profile> {
        self.0.profiles.values().map(AsRef::as_ref)
    }

    /// Configuration key of a profile's route, by its index.
    pub fn route_key(&self, name: &str, n: usize) -> String {
        route_key(&self.0.files, name, n)
    }

    /// Checks whether a profile has the same file form in another set.
    pub fn has_same(&self, other: &Self, name: &str) -> bool {
        self.0.files.get(name) == other.0.files.get(name)
    }

    /// Replaces the routes by those that are currently served.
    ///
    /// Routes do not change until a restart. Also returns the configuration keys of the differing
    /// routes.
    #[must_use]
    pub fn behind_doors_of(&self, served: &Self) -> (Self, Vec<String>) {
        let (mut profiles, mut differing) = (BTreeMap::new(), Vec::new());
        for (name, profile) in &self.0.profiles {
            let mut kept = Arc::clone(profile);
            match served.get(name) {
                Some(before) if before.door != profile.door => {
                    differing.push((name, before.door.differs_in(&profile.door)));
                    let mut behind = Profile::clone(profile);
                    behind.door = before.door.clone();
                    kept = Arc::new(behind);
                }
                None if !profile.door.routes.is_empty() => differing.push((name, "routes")),
                Some(_) | None => {}
            }
            profiles.insert(name.clone(), kept);
        }
        let gone = served
            .0
            .profiles
            .iter()
            .filter(|(name, _)| self.get(name).is_none());
        differing.extend(
            gone.filter(|(_, profile)| !profile.door.routes.is_empty())
                .map(|(name, _)| (name, "routes")),
        );
        let keys = differing
            .into_iter()
            .map(|(name, table)| format!("profiles.{name}.{table}"));
        let keys = keys.collect();
        let files = self.0.files.clone();
        (Self(Arc::new(Set { profiles, files })), keys)
    }

    /// Names for display: `a`, `b` and so on.
    pub fn names(&self) -> String {
        let names: Vec<_> = self.0.profiles.keys().map(|name| format!("`{name}`")).collect();
        names.join(", ")
    }
}

fn shipped(problems: &mut Vec<Problem>) -> BTreeMap<String, File> {
    let mut files = BTreeMap::new();
    for (name, text) in SHIPPED {
        match toml_edit::de::from_str(text) {
            Ok(file) => drop(files.insert((*name).to_owned(), file)),
            Err(error) => problems.push(Problem {
                key: format!("profiles.{name}"),
                message: error.to_string(),
                hint: None,
            }),
        }
    }
    files
}

/// Merges a profile into the one that it extends.
fn started_from(name: &str, file: &File, shipped: &BTreeMap<String, File>) -> Result<File, Vec<Problem>> {
    let base = file.extends.as_deref().unwrap_or(name);
    let mut started = match shipped.get(base) {
        Some(base) => merged(base, file).map_err(|error| {
            vec![Problem {
                key: format!("profiles.{name}"),
                message: error.to_string(),
                hint: None,
            }]
        })?,
        None if file.extends.is_none() => file.clone(),
        None => {
            let names: Vec<_> = shipped.keys().map(String::as_str).collect();
            return Err(vec![Problem {
                key: format!("profiles.{name}.extends"),
                message: format!("there is no shipped profile `{base}`"),
                hint: Some(format!("there are {}", names.join(", "))),
            }]);
        }
    };
    started.make_room(name)?;
    Ok(started)
}

/// Configuration key of a route, by its index.
fn route_key(files: &BTreeMap<String, File>, name: &str, n: usize) -> String {
    let written = files.get(name).and_then(|file| file.all_routes().nth(n));
    let key = written.map_or_else(|| format!("routes.{n}"), |(key, _)| key);
    format!("profiles.{name}.{key}")
}

fn merged(base: &File, over: &File) -> Result<File, serde_json::Error> {
    let mut value = serde_json::to_value(base)?;
    merge(&mut value, serde_json::to_value(over)?, "");
    serde_json::from_value(value)
}

/// Merges tables key by key and replaces other values.
///
/// A body and members exclude each other, so the later one wins.
fn merge(base: &mut Value, over: Value, key: &str) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) if key != CONSTANT => {
            for (one, other) in [("body", "members"), ("members", "body")] {
                if key == "envelope" && over.contains_key(one) {
                    base.remove(other);
                }
            }
            for (key, value) in over {
                merge(base.entry(key.clone()).or_insert(Value::Null), value, &key);
            }
        }
        (base, over) => *base = over,
    }
}

const CONSTANT: &str = "constant";
/// Names and texts of the files in `gateway/crates/contract/profiles`.
const SHIPPED: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/profiles.rs"));
