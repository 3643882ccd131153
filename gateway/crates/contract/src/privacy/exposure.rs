//! Report of what was kept of events: by path, the class that it has today, and whether today's rules would take it out.

use std::collections::{BTreeMap, BTreeSet};

use super::dictionary::Dictionary;
use super::fields::FieldId;
use super::{Class, Rules};
use hookgate_json::budget::{TooMuchWork, WorkBudget};
use hookgate_json::{Document, Limits, Scratch, Value};

/// Paths of events that were kept, with their class.
#[derive(Debug)]
pub struct Exposure {
    paths: BTreeMap<String, ExposedPath>,
    /// Paths that today's rules leave of the same events.
    left: BTreeSet<String>,
    names: Vec<(Class, Dictionary)>,
    max_paths: usize,
    /// Whether there were more paths than are told.
    cut: bool,
    events: u64,
}

/// A path of events' data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExposedPath {
    /// How many events have it.
    pub events: u64,
    /// Its class; `None`: nothing says so.
    pub class: Option<Class>,
    /// What says so.
    pub basis: Option<Basis>,
    /// The last event that has it.
    last: u64,
}

/// What gives a path its class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Basis {
    /// The default of a schema.
    Default,
    /// The name of its key, or of one around it.
    Name,
    /// A schema.
    Schema,
}

type Judged = Option<(Class, Basis)>;

/// Where a walk is in the fields of each layer.
type Places = Vec<Vec<FieldId>>;

impl Exposure {
    /// No path yet, and at most so many. `own` are names of the profile's own, with their class.
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

    /// Adds an event's data as it is stored, by the rules that its type has today.
    ///
    /// # Errors
    /// When it takes more work than there is: it is then told in part.
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

    /// The paths, whether today's rules leave them where events have them, and whether there were more.
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
    /// Where each layer's walk begins, and what its fields say of the whole.
    fn roots(&self) -> Result<(Places, Vec<Option<Class>>), TooMuchWork> {
        let found = self.rules.into_iter().flat_map(Rules::fields).map(|fields| {
            let found = fields.root(self.work)?;
            Ok((found.at, found.class))
        });
        found.collect()
    }

    /// The class of a value: the highest that a layer gives it. In the first one what is public keeps its class whatever its name is;
    /// a later one is the tenant's and lifts nothing.
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
        // What a default says of a container says nothing of what is inside it.
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

/// The path of a member. A key that may be a value itself, such as an address or a number, is told as `*`.
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

/// Of a key that is told.
const LONGEST_NAME: usize = 40;
/// In a key that is told: an id has more.
const MOST_DIGITS: usize = 4;
/// Bytes of a path that are written in the time of one value.
const BYTES_A_UNIT: usize = 16;
