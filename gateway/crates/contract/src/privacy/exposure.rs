//! Exposure report of stored events: paths of their data with today's class and removals.

use std::collections::{BTreeMap, BTreeSet};

use super::dictionary::Dictionary;
use super::fields::FieldId;
use super::{Class, Rules};
use hookgate_json::budget::{TooMuchWork, WorkBudget};
use hookgate_json::{Document, Limits, Scratch, Value};

/// Paths of stored events, with their class.
#[derive(Debug)]
pub struct Exposure {
    paths: BTreeMap<String, ExposedPath>,
    /// Paths of the same events that today's rules leave.
    left: BTreeSet<String>,
    names: Vec<(Class, Dictionary)>,
    max_paths: usize,
    /// Set when there are more paths than listed.
    cut: bool,
    events: u64,
}

/// Path in the data of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExposedPath {
    /// Number of events with this path.
    pub events: u64,
    /// Class of the path; `None` if it has none.
    pub class: Option<Class>,
    /// Basis of the class.
    pub basis: Option<Basis>,
    /// Last event with this path.
    last: u64,
}

/// Basis of a path's class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Basis {
    /// Default of a schema.
    Default,
    /// Name of the key, or of an enclosing one.
    Name,
    /// Classification in a schema.
    Schema,
}

type Judged = Option<(Class, Basis)>;

/// Current fields of a walk in each layer.
type Places = Vec<Vec<FieldId>>;

impl Exposure {
    /// Creates an empty report of at most `max_paths` paths.
    ///
    /// `own` are names of the profile, with their class.
    pub fn new(own: &[(Class, String)], max_paths: usize) -> Self {
        let names = [Class::Restricted, Class::Confidential].map(|class| {
            let of_class = own.iter().filter(|(of, _)| *of == class);
            let own: Vec<_> = of_class.map(|(_, name)| name.clone()).collect();
            let names = Dictionary::with_own(&[class], &own).ok().flatten();
            names.map(|names| (class, names))
        });
        Self {
            paths: BTreeMap::new(),
            left: BTreeSet::new(),
            names: names.into_iter().flatten().collect(),
            max_paths,
            cut: false,
            events: 0,
        }
    }

    /// Adds the stored data of an event, under today's rules of its type.
    ///
    /// # Errors
    /// The work budget is exceeded; the event is then reported in part.
    pub fn add(&mut self, data: &[u8], rules: Option<&Rules>, work: &WorkBudget) -> Result<(), TooMuchWork> {
        let limits = Limits {
            bytes: usize::MAX,
            depth: Limits::MAX_DEPTH,
        };
        let Ok(mut document) = Document::parse(data, limits) else {
            return Ok(());
        };
        self.events += 1;
        let mut walk = Walk {
            report: self,
            rules,
            work,
            scratch: Scratch::default(),
        };
        let places = walk.roots()?;
        let class = walk.judge(&places, None, None)?;
        walk.value(document.root(), "", (places.0, class))?;
        if let Some(rules) = rules {
            rules.apply(&mut document, work)?;
        }
        self.note_left(document.root(), "", work)
    }

    /// Returns the paths and whether the list is truncated.
    ///
    /// The flag of each path is `true` if today's rules leave it in the events.
    pub fn into_paths(self) -> (Vec<(String, ExposedPath, bool)>, bool) {
        let left = self.left;
        let told = self.paths.into_iter().map(|(path, found)| {
            let stays = left.contains(&path);
            (path, found, stays)
        });
        (told.collect(), self.cut)
    }

    fn note_left(&mut self, value: &Value, path: &str, work: &WorkBudget) -> Result<(), TooMuchWork> {
        work.charge_len(1 + path.len() / BYTES_A_UNIT)?;
        if !self.left.contains(path) && self.paths.contains_key(path) {
            self.left.insert(path.to_owned());
        }
        match value {
            Value::Object(members) => members
                .iter()
                .try_for_each(|(key, inside)| self.note_left(inside, &below(path, key), work)),
            Value::Array(elements) => {
                let path = format!("{path}/*");
                elements
                    .iter()
                    .try_for_each(|inside| self.note_left(inside, &path, work))
            }
            _ => Ok(()),
        }
    }

    fn note(&mut self, path: &str, judged: Judged) {
        if !self.paths.contains_key(path) {
            if self.paths.len() >= self.max_paths {
                self.cut = true;
                return;
            }
            let new = ExposedPath {
                events: 0,
                class: None,
                basis: None,
                last: 0,
            };
            self.paths.insert(path.to_owned(), new);
        }
        let Some(found) = self.paths.get_mut(path) else {
            return;
        };
        if found.last != self.events {
            found.events += 1;
            found.last = self.events;
        }
        if let Some((class, basis)) = judged
            && found.class.is_none_or(|known| known < class)
        {
            (found.class, found.basis) = (Some(class), Some(basis));
        }
    }
}

struct Walk<'w> {
    report: &'w mut Exposure,
    rules: Option<&'w Rules>,
    work: &'w WorkBudget,
    scratch: Scratch,
}

impl Walk<'_> {
    /// Start of the walk in each layer, with the class of the whole document.
    fn roots(&self) -> Result<(Places, Vec<Option<Class>>), TooMuchWork> {
        let found = self.rules.into_iter().flat_map(Rules::fields).map(|fields| {
            let found = fields.root(self.work)?;
            Ok((found.at, found.class))
        });
        found.collect()
    }

    /// Class of a value: the highest that a layer assigns.
    ///
    /// In the first layer a public field keeps its class regardless of its name. A later layer is
    /// the tenant's and cannot lower a class.
    fn judge(
        &mut self,
        (_, classes): &(Places, Vec<Option<Class>>),
        key: Option<&str>,
        around: Judged,
    ) -> Result<Judged, TooMuchWork> {
        let names = &self.report.names;
        self.work.charge_len(1 + key.map_or(0, str::len))?;
        let scratch = &mut self.scratch;
        let mut named = key.and_then(|key| {
            let mut classes = names.iter();
            let found = classes.find(|(_, names)| names.has(key, scratch));
            found.map(|(class, _)| (*class, Basis::Name))
        });
        let withheld = |judged: &(Class, Basis)| judged.0 != Class::Public;
        let inherited = around.filter(withheld);
        let lifts = self.rules.is_some_and(Rules::lifts_names);
        if lifts && classes.first() == Some(&Some(Class::Public)) {
            named = None;
        }
        let by_schema = classes
            .iter()
            .flatten()
            .max()
            .map(|class| (*class, Basis::Schema));
        let explicit = [inherited, named, by_schema].into_iter().flatten();
        let judged = explicit.max();
        if judged.is_some() {
            return Ok(judged);
        }
        let fields = self.rules.into_iter().flat_map(Rules::fields);
        let default = fields.map(|fields| fields.default).max();
        Ok(default
            .filter(|class| *class != Class::Public)
            .map(|class| (class, Basis::Default)))
    }

    fn value(
        &mut self,
        value: &Value,
        path: &str,
        (places, judged): (Places, Judged),
    ) -> Result<(), TooMuchWork> {
        self.work.charge_len(1 + path.len() / BYTES_A_UNIT)?;
        if !value.is_container() || is_empty(value) {
            self.report.note(path, judged);
            return Ok(());
        }
        // The default class of a container does not apply to its content.
        let around = judged.filter(|(_, basis)| *basis != Basis::Default);
        match value {
            Value::Object(members) => {
                for (key, inside) in members.iter() {
                    let found = self.step(&places, |fields, at, work| fields.member(at, key, work))?;
                    let class = self.judge(&found, Some(key), around)?;
                    self.value(inside, &below(path, key), (found.0, class))?;
                }
            }
            Value::Array(elements) => {
                let path = format!("{path}/*");
                for (index, inside) in elements.iter().enumerate() {
                    let found = self.step(&places, |fields, at, work| fields.element(at, index, work))?;
                    let class = self.judge(&found, None, around)?;
                    self.value(inside, &path, (found.0, class))?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn step(
        &self,
        places: &Places,
        find: impl Fn(&super::Fields, &[FieldId], &WorkBudget) -> Result<super::fields::Found, TooMuchWork>,
    ) -> Result<(Places, Vec<Option<Class>>), TooMuchWork> {
        let layers = self.rules.into_iter().flat_map(Rules::fields).zip(places);
        let found = layers.map(|(fields, at)| {
            let found = find(fields, at, self.work)?;
            let class = if found.withheld && found.class.is_none_or(|class| class == Class::Public) {
                Some(Class::Confidential)
            } else {
                found.class
            };
            Ok((found.at, class))
        });
        found.collect()
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Object(members) => members.is_empty(),
        Value::Array(elements) => elements.is_empty(),
        _ => true,
    }
}

/// Path of a member.
///
/// A key that can itself be a value, such as an address or a number, is reported as `*`.
fn below(path: &str, key: &str) -> String {
    let digits = key.bytes().filter(u8::is_ascii_digit).count();
    let letter = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'$');
    let is_name =
        key.bytes().all(letter) && !key.is_empty() && key.len() <= LONGEST_NAME && digits <= MOST_DIGITS;
    if is_name {
        format!("{path}/{key}")
    } else {
        format!("{path}/*")
    }
}

/// Maximum length of a reported key.
const LONGEST_NAME: usize = 40;
/// Maximum number of digits in a reported key: an id has more.
const MOST_DIGITS: usize = 4;
/// Number of path bytes that are written for one unit of work.
const BYTES_A_UNIT: usize = 16;
