//! Performs the operations of the settings on an event in order. The settings were validated.

use hookgate_sdk::{AccessError, Document, Event, Failure, Settings, pointer};

use crate::operation::Verb;
use crate::template;

/// Number of keys read at once.
const KEYS_AT_ONCE: u32 = 1000;

/// Performs all operations. An operation whose source is absent is skipped, unless it is
/// `required`.
pub(crate) fn all(event: &Event) -> Result<(), Failure> {
    let settings = event.settings();
    for index in 0..settings.length("/operations").unwrap_or(0) {
        let at = pointer::element("/operations", index as usize);
        Operation { event, settings, at }.perform()?;
    }
    Ok(())
}

struct Operation<'e> {
    event: &'e Event<'e>,
    settings: Settings<'e>,
    /// Pointer to the operation in the settings.
    at: String,
}

impl Operation<'_> {
    fn perform(&self) -> Result<(), Failure> {
        let verb = Verb::ALL
            .into_iter()
            .find(|verb| self.settings.has(&self.argument_at(verb.name())))
            .ok_or_else(|| Failure::bad_settings("an operation has no verb"))?;
        let data = self.event.data();
        let done = match verb {
            Verb::Move => self.on_source(verb, |from| put(&data, from, &self.argument("to"))),
            Verb::Copy => self.on_source(verb, |from| copy(&data, from, &self.argument("to"))),
            Verb::Rename => self.on_source(verb, |from| {
                let parent = pointer::split_last(from).map_or("", |(parent, _)| parent);
                data.rename(from, &pointer::member(parent, &self.argument("to")))
            }),
            Verb::Flatten => self.on_source(verb, |from| flatten(&data, from, &self.argument("prefix"))),
            Verb::Nest => self.nest(&data),
            Verb::Remove => data.remove(&self.argument("remove")).map(|count| count > 0),
            Verb::Set => self.set(&data).map(|()| true),
            Verb::Template => self.compose(&data).map(|()| true),
        }?;
        if !done && self.settings.get_bool(&self.argument_at("required")) == Some(true) {
            return Err(Failure::bad_payload(
                [&self.at, " needs a field that is not there"].concat(),
            ));
        }
        Ok(())
    }

    fn argument_at(&self, name: &str) -> String {
        pointer::member(&self.at, name)
    }

    /// A string of the settings.
    fn argument(&self, name: &str) -> String {
        self.settings.get_str(&self.argument_at(name)).unwrap_or_default()
    }

    /// Calls `act` with the place that the verb names, if it exists. Returns `true` if it existed.
    fn on_source(
        &self,
        verb: Verb,
        act: impl FnOnce(&str) -> Result<(), AccessError>,
    ) -> Result<bool, AccessError> {
        let source = self.argument(verb.name());
        let is_there = self.event.data().has(&source);
        if is_there {
            act(&source)?;
        }
        Ok(is_there)
    }

    /// Returns `true` if all members existed.
    fn nest(&self, data: &Document) -> Result<bool, AccessError> {
        let under = self.argument("under");
        let mut all = true;
        for source in self.settings.get_strs(&self.argument_at("nest")) {
            let key = pointer::split_last(&source)
                .map(|(_, step)| pointer::key(step))
                .unwrap_or_default();
            if data.has(&source) {
                put(data, &source, &pointer::member(&under, &key))?;
            } else {
                all = false;
            }
        }
        Ok(all)
    }

    fn set(&self, data: &Document) -> Result<(), AccessError> {
        let target = self.argument("set");
        let value = self.settings.get_json(&self.argument_at("value"))?;
        make_parents(data, &target)?;
        data.set_json(&target, &value)
    }

    fn compose(&self, data: &Document) -> Result<(), AccessError> {
        let target = self.argument("template");
        let text = self.argument("text");
        let composed = template::fill(&template::parse(&text).unwrap_or_default(), self.event)?;
        make_parents(data, &target)?;
        data.set(&target, composed)
    }
}

fn put(data: &Document, source: &str, target: &str) -> Result<(), AccessError> {
    make_parents(data, target)?;
    data.rename(source, target)
}

fn copy(data: &Document, source: &str, target: &str) -> Result<(), AccessError> {
    let value = data.get_json(source)?;
    make_parents(data, target)?;
    data.set_json(target, &value)
}

/// Moves the members to the object's parent. Reads them first, because one may have the object's
/// own key.
fn flatten(data: &Document, object: &str, prefix: &str) -> Result<(), AccessError> {
    let parent = pointer::split_last(object).map_or("", |(parent, _)| parent);
    let mut keys = Vec::new();
    loop {
        let offset = u32::try_from(keys.len()).unwrap_or(u32::MAX);
        let next = data.keys(object, offset, KEYS_AT_ONCE)?;
        if next.is_empty() {
            break;
        }
        keys.extend(next);
    }
    let mut members = Vec::with_capacity(keys.len());
    for key in keys {
        let value = data.get_json(&pointer::member(object, &key))?;
        members.push((pointer::member(parent, &[prefix, &key].concat()), value));
    }
    data.remove(&pointer::to_pattern(object))?;
    for (target, value) in members {
        data.set_json(&target, &value)?;
    }
    Ok(())
}

/// Creates the missing objects on the path to a place.
fn make_parents(data: &Document, place: &str) -> Result<(), AccessError> {
    match pointer::split_last(place) {
        Some((parent, _)) if !parent.is_empty() && !data.has(parent) => {
            make_parents(data, parent)?;
            data.set_json(parent, "{}")
        }
        _ => Ok(()),
    }
}
