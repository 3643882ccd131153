//! Rewrites a document's JSON text in one pass over its strings, without a list of places.
//!
//! The text is the compact form of [`View::get_json`](crate::document::View::get_json), so that the
//! bytes around a token are known.

use std::borrow::Cow;

use super::part;
use super::spans::Span;
use crate::{Failure, pointer};

/// A part of a document that can hold a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// The key of a member: stays, or is removed with the member.
    Key(&'a str),
    /// A string.
    Text(&'a str),
    /// A number, as written.
    Number(&'a str),
}

/// Decision about a token.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Leaves the token unchanged.
    Stays,
    /// Replaces the token by this text.
    Becomes(String),
    /// Removes the token's member or element.
    Goes,
}

/// The path to a token, from which a pointer can be made.
pub(super) struct Way<'a> {
    text: &'a str,
    steps: &'a [Step],
}

impl Way<'_> {
    /// Makes the pointer.
    pub(super) fn pointer(&self) -> String {
        self.steps.iter().fold(String::new(), |parent, step| match step {
            Step::Member(key) => pointer::member(&parent, &unescape(part(self.text, key.clone()))),
            Step::Element(index) => pointer::element(&parent, *index),
        })
    }

    /// Number of steps.
    pub(super) fn len(&self) -> usize {
        self.steps.len()
    }
}

enum Step {
    /// The key, as written between its quotes.
    Member(Span),
    Element(usize),
}

/// Calls `decide` for every key, string and number and returns the resulting document; `None` if
/// nothing changed. The content of a removed member is not visited.
///
/// # Errors
/// Those of `decide`.
pub(super) fn rewrite(
    text: &str,
    decide: impl FnMut(Token<'_>, &Way<'_>) -> Result<Outcome, Failure>,
) -> Result<Option<Rewritten>, Failure> {
    let mut rewriter = Rewriter {
        text,
        at: 0,
        out: String::new(),
        copied: 0,
        steps: Vec::new(),
        decide,
    };
    if !rewriter.value()? {
        return Ok(Some(Rewritten::Nothing));
    }
    Ok(rewriter.finish().map(Rewritten::Document))
}

/// A rewritten document.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Rewritten {
    /// The document is one string or number that would be removed as a whole.
    Nothing,
    /// Text of the document.
    Document(String),
}

struct Rewriter<'t, F> {
    text: &'t str,
    /// Position in the text.
    at: usize,
    /// The new document, for the text up to `copied`.
    out: String,
    copied: usize,
    steps: Vec<Step>,
    decide: F,
}

impl<F: FnMut(Token<'_>, &Way<'_>) -> Result<Outcome, Failure>> Rewriter<'_, F> {
    /// Processes a value. Returns `true` if it stays, changed or not.
    fn value(&mut self) -> Result<bool, Failure> {
        match self.next() {
            Some(b'{') => self.children(b'}', |rewriter, _| rewriter.member()),
            Some(b'[') => self.children(b']', |rewriter, index| {
                rewriter.inside(Step::Element(index), Self::value)
            }),
            Some(b'"') => {
                let start = self.at;
                let inside = self.skip_string();
                let text = unescape(part(self.text, inside));
                self.token(Token::Text(&text), start)
            }
            Some(b'-' | b'0'..=b'9') => {
                let start = self.at;
                self.skip_word();
                self.token(Token::Number(part(self.text, start..self.at)), start)
            }
            _ => {
                self.skip_word();
                Ok(true)
            }
        }
    }

    fn children(
        &mut self,
        close: u8,
        child: fn(&mut Self, usize) -> Result<bool, Failure>,
    ) -> Result<bool, Failure> {
        self.at += 1;
        let mut any_stayed = false;
        for index in 0.. {
            if self.next().is_none_or(|byte| byte == close) {
                break;
            }
            let start = self.at;
            let stays = child(self, index)?;
            let comma = usize::from(self.next() == Some(b','));
            match (stays, any_stayed) {
                (true, _) => any_stayed = true,
                // Removes the comma before it too.
                (false, true) => self.replace(start - 1..self.at, ""),
                // Removes the comma after it too.
                (false, false) => self.replace(start..self.at + comma, ""),
            }
            self.at += comma;
        }
        self.at += 1;
        Ok(true)
    }

    /// Processes a member. Returns `true` if it stays.
    fn member(&mut self) -> Result<bool, Failure> {
        let key = self.skip_string();
        // The colon.
        self.at += 1;
        let text = unescape(part(self.text, key.clone()));
        let step = Step::Member(key);
        self.inside(step, |rewriter| {
            let stays = rewriter.token(Token::Key(&text), 0)?;
            if stays {
                rewriter.value()
            } else {
                rewriter.skip_value();
                Ok(false)
            }
        })
    }

    /// Runs a function one step deeper in the document.
    fn inside<T>(
        &mut self,
        step: Step,
        act: impl FnOnce(&mut Self) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.steps.push(step);
        let done = act(self);
        self.steps.pop();
        done
    }

    /// Calls `decide` for the token that begins at `start` and ends here. Returns `true` if it
    /// stays, changed or not. A key is never changed.
    fn token(&mut self, token: Token<'_>, start: usize) -> Result<bool, Failure> {
        let way = Way {
            text: self.text,
            steps: &self.steps,
        };
        match (self.decide)(token, &way)? {
            Outcome::Stays => Ok(true),
            Outcome::Becomes(_) if matches!(token, Token::Key(_)) => Ok(true),
            Outcome::Becomes(text) => {
                self.replace(start..self.at, &quoted(&text));
                Ok(true)
            }
            Outcome::Goes => Ok(false),
        }
    }

    /// Skips a value without a decision.
    fn skip_value(&mut self) {
        let mut depth = 0_usize;
        loop {
            match self.next() {
                None => return,
                Some(b'"') => drop(self.skip_string()),
                Some(b'{' | b'[') => {
                    depth += 1;
                    self.at += 1;
                    continue;
                }
                Some(b'}' | b']') => {
                    depth = depth.saturating_sub(1);
                    self.at += 1;
                }
                Some(b',' | b':') => {
                    self.at += 1;
                    continue;
                }
                Some(_) => self.skip_word(),
            }
            if depth == 0 {
                return;
            }
        }
    }

    /// Skips a number, `true`, `false` or `null`.
    fn skip_word(&mut self) {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let ends = |byte: &u8| matches!(byte, b',' | b']' | b'}');
        self.at += rest.iter().position(ends).unwrap_or(rest.len());
    }

    /// Skips a string and returns its content between the quotes.
    fn skip_string(&mut self) -> Span {
        let start = self.at + 1;
        let mut end = start;
        let bytes = self.text.as_bytes();
        while let Some(&byte) = bytes.get(end) {
            match byte {
                b'"' => break,
                b'\\' => end += 2,
                _ => end += 1,
            }
        }
        self.at = end + 1;
        start..end
    }

    fn next(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn replace(&mut self, span: Span, new: &str) {
        if self.copied == 0 {
            self.out.reserve(self.text.len() + new.len());
        }
        self.out.push_str(part(self.text, self.copied..span.start));
        self.out.push_str(new);
        self.copied = span.end;
    }

    fn finish(mut self) -> Option<String> {
        if self.copied == 0 {
            return None;
        }
        self.out.push_str(part(self.text, self.copied..self.text.len()));
        Some(self.out)
    }
}

/// Decodes the content of a JSON string, without its quotes (RFC 8259, section 7).
fn unescape(inside: &str) -> Cow<'_, str> {
    if !inside.contains('\\') {
        return inside.into();
    }
    let mut text = String::with_capacity(inside.len());
    let mut characters = inside.chars();
    while let Some(character) = characters.next() {
        let escaped = match character {
            '\\' => characters.next(),
            other => {
                text.push(other);
                continue;
            }
        };
        text.push(match escaped {
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('u') => unicode(&mut characters),
            Some(itself) => itself,
            None => break,
        });
    }
    text.into()
}

/// Decodes the character of four hexadecimal digits, or of a surrogate pair.
fn unicode(characters: &mut core::str::Chars<'_>) -> char {
    let code = match code_unit(characters) {
        Some(first @ 0xd800..0xdc00) => {
            low_surrogate(characters).map(|second| 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00))
        }
        unit => unit,
    };
    code.and_then(char::from_u32)
        .unwrap_or(char::REPLACEMENT_CHARACTER)
}

fn low_surrogate(characters: &mut core::str::Chars<'_>) -> Option<u32> {
    *characters = characters.as_str().strip_prefix("\\u")?.chars();
    code_unit(characters).filter(|unit| (0xdc00..0xe000).contains(unit))
}

fn code_unit(characters: &mut core::str::Chars<'_>) -> Option<u32> {
    let (digits, rest) = characters.as_str().split_at_checked(4)?;
    *characters = rest.chars();
    u32::from_str_radix(digits, 16).ok()
}

/// Quotes a text as a JSON string.
fn quoted(text: &str) -> String {
    let mut string = String::with_capacity(text.len() + 2);
    string.push('"');
    for character in text.chars() {
        match character {
            '"' => string.push_str("\\\""),
            '\\' => string.push_str("\\\\"),
            '\0'..' ' => {
                let digit = |nibble: u32| char::from_digit(nibble, 16).unwrap_or('0');
                let code = u32::from(character);
                string.push_str("\\u00");
                string.extend([digit(code >> 4), digit(code & 15)]);
            }
            other => string.push(other),
        }
    }
    string.push('"');
    string
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Removes every `x` and 7, turns every `y` into a quote, and lists all tokens and pointers.
    fn rewritten(text: &str) -> (Option<Rewritten>, Vec<String>) {
        let mut seen = Vec::new();
        let result = rewrite(text, |token, way| {
            seen.push(format!("{} {token:?}", way.pointer()));
            Ok(match token {
                Token::Key("gone") | Token::Text("x") | Token::Number("7") => Outcome::Goes,
                Token::Text("y") => Outcome::Becomes("\"\n".into()),
                _ => Outcome::Stays,
            })
        });
        (result.expect("nothing refuses"), seen)
    }

    #[test]
    fn texts_go_with_their_comma() {
        for (before, after) in [
            (r#"["x"]"#, "[]"),
            (r#"["x","x","x"]"#, "[]"),
            (r#"["x","x",1,"x","x",2,"x"]"#, "[1,2]"),
            (
                r#"{"a":"x","b":{"c":"x","d":[]},"x":1}"#,
                r#"{"b":{"d":[]},"x":1}"#,
            ),
            (r#"{"a":{"b":"x"},"c":"x"}"#, r#"{"a":{}}"#),
            (
                r#"[["x","y"],-1.50e3,"x",null,"y"]"#,
                r#"[["\"\u000a"],-1.50e3,null,"\"\u000a"]"#,
            ),
            (r#"["\"x","\\","y"]"#, r#"["\"x","\\","\"\u000a"]"#),
            (r#""y""#, r#""\"\u000a""#),
        ] {
            let (found, _) = rewritten(before);
            assert_eq!(found, Some(Rewritten::Document(after.into())), "{before}");
        }
        for untouched in ["[]", "{}", "1", r#""a""#, r#"{"x":["z",{}],"y":1}"#] {
            assert_eq!(rewritten(untouched).0, None, "{untouched}");
        }
        assert_eq!(rewritten(r#""x""#).0, Some(Rewritten::Nothing));
    }

    #[test]
    fn members_go_by_their_keys_and_numbers_by_their_text() {
        for (before, after) in [
            (r#"{"gone":1}"#, "{}"),
            (
                r#"{"a":1,"gone":{"x":["}",{"y":[[]]}],"b":"y"},"b":2}"#,
                r#"{"a":1,"b":2}"#,
            ),
            (r#"{"gone":[],"a":{"gone":"]"},"gone":null}"#, r#"{"a":{}}"#),
            (r#"[7,70,7,-7,7.0,7]"#, "[70,-7,7.0]"),
            (r#"{"a":7,"b":[{"gone":true}]}"#, r#"{"b":[{}]}"#),
        ] {
            assert_eq!(
                rewritten(before).0,
                Some(Rewritten::Document(after.into())),
                "{before}"
            );
        }
        assert_eq!(rewritten("7").0, Some(Rewritten::Nothing));
        let (_, seen) = rewritten(r#"{"gone":{"a":"b"},"c":1}"#);
        assert_eq!(
            seen,
            [r#"/gone Key("gone")"#, r#"/c Key("c")"#, r#"/c Number("1")"#]
        );
    }

    #[test]
    fn every_text_is_seen_with_its_pointer() {
        let text = r#"{"a/b":["p",{"~\"":"q\n\u00e9\ud83e\udd80"}],"":"r"}"#;
        let texts: Vec<_> = rewritten(text)
            .1
            .into_iter()
            .filter(|seen| seen.contains("Text"))
            .collect();
        assert_eq!(
            texts,
            [
                "/a~1b/0 Text(\"p\")",
                "/a~1b/1/~0\" Text(\"q\\né🦀\")",
                "/ Text(\"r\")"
            ]
        );
    }
}
