//! Builds JSON Schemas as text, because a component has no JSON printer.

use super::Setting;

/// Builder of an object's schema, used by [`settings!`](crate::settings!).
#[doc(hidden)]
#[derive(Debug)]
pub struct ObjectSchema {
    text: String,
    required: Vec<&'static str>,
    first: bool,
}

#[doc(hidden)]
impl ObjectSchema {
    pub fn new(about: &[&str]) -> Self {
        let mut text = String::from(r#"{"type":"object","additionalProperties":false,"#);
        if !about.is_empty() {
            text.push_str(r#""description":"#);
            print(&mut text, about);
            text.push(',');
        }
        text.push_str(r#""properties":{"#);
        Self {
            text,
            required: Vec::new(),
            first: true,
        }
    }

    pub fn property<T: Setting>(&mut self, name: &'static str, about: &[&str], required: bool) {
        if !self.first {
            self.text.push(',');
        }
        self.first = false;
        print(&mut self.text, &[name]);
        self.text.push(':');
        let schema = T::schema();
        match schema.strip_suffix('}') {
            Some(open) if !about.is_empty() && !schema.contains(r#""description""#) => {
                self.text.push_str(open);
                self.text.push_str(r#","description":"#);
                print(&mut self.text, about);
                self.text.push('}');
            }
            _ => self.text.push_str(&schema),
        }
        if required {
            self.required.push(name);
        }
    }

    pub fn finish(mut self) -> String {
        self.text.push('}');
        if !self.required.is_empty() {
            self.text.push_str(r#","required":"#);
            list(&mut self.text, &self.required);
        }
        self.text.push('}');
        self.text
    }
}

/// The schema of an enumeration of words, used by [`settings!`](crate::settings!).
#[doc(hidden)]
#[must_use]
pub fn words_schema(words: &[&str]) -> String {
    let mut text = String::from(r#"{"enum":"#);
    list(&mut text, words);
    text.push('}');
    text
}

fn list(out: &mut String, words: &[&str]) {
    for (index, word) in words.iter().enumerate() {
        out.push(if index == 0 { '[' } else { ',' });
        print(out, &[word]);
    }
    out.push(']');
}

/// Prints the lines of a text as one JSON string.
fn print(out: &mut String, lines: &[&str]) {
    out.push('"');
    for (index, line) in lines.iter().enumerate() {
        if index > 0 {
            out.push(' ');
        }
        for character in line.trim().chars() {
            match character {
                '"' | '\\' => out.extend(['\\', character]),
                '\0'..='\u{1f}' => out.push(' '),
                other => out.push(other),
            }
        }
    }
    out.push('"');
}
