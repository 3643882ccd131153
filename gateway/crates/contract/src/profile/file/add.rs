//! Additions to the lists of the extended profile, and replacements of their entries.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::Problem;
use super::{CatalogueEntry, File, Route};

/// Entries appended to those of the extended profile.
///
/// A list of the same name would replace them all.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "ProfileAdd")]
pub struct Add {
    /// Routes. A route with an existing method and path needs `replace = true`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<Route>,
    /// Event types. An existing type needs `replace = true`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub catalogue: Vec<CatalogueEntry>,
}

impl File {
    /// Removes the entries that added ones replace.
    ///
    /// # Errors
    /// Entries that exist and are added without `replace`, and entries that replace nothing, by
    /// their keys under `profiles.NAME`.
    pub(in super::super) fn make_room(&mut self, name: &str) -> Result<(), Vec<Problem>> {
        let mut problems = Vec::new();
        let mut problem = |key: String, message: String, hint: &str| {
            problems.push(Problem {
                key: format!("profiles.{name}.{key}"),
                message,
                hint: Some(hint.to_owned()),
            });
        };
        for (n, added) in self.add.routes.iter().enumerate() {
            let key = format!("add.routes.{n}");
            let route = format!("{} {}", added.method.name(), added.path);
            let kept = self.routes.get_or_insert_default();
            let same = |route: &Route| route.method == added.method && route.path == added.path;
            match (kept.iter().position(same), added.replace) {
                (Some(at), true) => drop(kept.remove(at)),
                (Some(_), false) => {
                    let message = format!("there is a route `{route}` already");
                    problem(format!("{key}.path"), message, TAKEN);
                }
                (None, true) => {
                    let message = format!("there is no route `{route}` to replace");
                    problem(format!("{key}.replace"), message, NOT_THERE);
                }
                (None, false) => {}
            }
        }
        for (n, added) in self.add.catalogue.iter().enumerate() {
            let key = format!("add.catalogue.{n}");
            let kind = added.kind.as_deref().unwrap_or_default();
            let kept = self.catalogue.get_or_insert_default();
            let same = |entry: &CatalogueEntry| entry.kind.is_some() && entry.kind == added.kind;
            match (kept.iter().position(same), added.replace) {
                (Some(at), true) => drop(kept.remove(at)),
                (Some(_), false) => {
                    let message = format!("the event type `{kind}` is in the catalogue already");
                    problem(format!("{key}.type"), message, TAKEN);
                }
                (None, true) => {
                    let message = format!("there is no event type `{kind}` to replace");
                    problem(format!("{key}.replace"), message, NOT_THERE);
                }
                (None, false) => {}
            }
        }
        if problems.is_empty() {
            Ok(())
        } else {
            Err(problems)
        }
    }

    /// All routes with their keys under `profiles.NAME`: listed ones first, then added ones.
    pub(in super::super) fn all_routes(&self) -> impl Iterator<Item = (String, &Route)> {
        let listed = self.routes.iter().flatten().enumerate();
        let listed = listed.map(|(n, route)| (format!("routes.{n}"), route));
        let added = self.add.routes.iter().enumerate();
        listed.chain(added.map(|(n, route)| (format!("add.routes.{n}"), route)))
    }

    /// All event types with their keys, in the same order.
    pub(in super::super) fn all_types(&self) -> impl Iterator<Item = (String, &CatalogueEntry)> {
        let listed = self.catalogue.iter().flatten().enumerate();
        let listed = listed.map(|(n, entry)| (format!("catalogue.{n}"), entry));
        let added = self.add.catalogue.iter().enumerate();
        listed.chain(added.map(|(n, entry)| (format!("add.catalogue.{n}"), entry)))
    }
}

const TAKEN: &str = "write `replace = true` to put this one in its place";
const NOT_THERE: &str = "leave `replace` out to add it";
