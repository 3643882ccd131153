//! All profiles by name: those that ship, and those of the configuration over them.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::door::collisions;
use super::file::File;
use super::read::read;
use super::{Problem, Profile, STANDARD};

/// Profiles by name. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Profiles(Arc<Set>);

#[derive(Debug)]
struct Set {
    profiles: BTreeMap<String, Arc<Profile>>,
    /// Each as it is written, with all that it starts from.
    files: BTreeMap<String, File>,
}

impl Profiles {
    /// Those that ship.
    pub fn shipped() -> Self {
        Self::new(&BTreeMap::new()).expect("a test reads what ships")
    }

    /// Those that ship, and those of the configuration's `profiles`: a new name is a new profile, a shipped name changes
    /// the shipped one.
    ///
    /// # Errors
    /// Everything that is wrong, by its key in the configuration.
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
        // What collides is told of the profile that somebody wrote: there are lines to point at.
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

    /// A profile by its name.
    pub fn get(&self, name: &str) -> Option<&Arc<Profile>> {
        self.0.profiles.get(name)
    }

    /// The default: Standard Webhooks.
    pub fn standard(&self) -> Arc<Profile> {
        self.get(STANDARD).cloned().expect("it ships")
    }

    /// True where any of them signs with a header of this name, in lower case.
    pub fn sign_with(&self, name: &str) -> bool {
        self.iter().any(|profile| profile.signature.uses(name))
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Profile> {
        self.0.profiles.values().map(AsRef::as_ref)
    }

    /// The key of a profile's route in the configuration, by its number in the door.
    pub fn route_key(&self, name: &str, n: usize) -> String {
        route_key(&self.0.files, name, n)
    }

    /// Tells whether a profile is written as in another set.
    pub fn has_same(&self, other: &Self, name: &str) -> bool {
        self.0.files.get(name) == other.0.files.get(name)
    }

    /// The same profiles with the front doors that are served: a door is as it was at the start. Names the keys of those that
    /// differ.
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

    /// Their names, for people: `a`, `b` and so on.
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

/// What a profile says, over what the one that it starts from says.
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

/// A route's key in the configuration, by its number in the door.
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

/// Tables key by key; what is not a table is replaced. A body and members exclude each other, so that the later wins.
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
