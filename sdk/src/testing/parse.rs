//! JSON parser of the test double (RFC 8259): strict, members in order, numbers as they were
//! written.

use super::node::Node;

/// Parses a whole text.
pub(super) fn parse(text: &str) -> Result<Node, String> {
    let mut reader = Reader {
        text,
        at: 0,
        depth: 0,
    };
    let node = reader.value()?;
    reader.space();
    if reader.at < text.len() {
        return Err(reader.wrong("something follows the value"));
    }
    Ok(node)
}

struct Reader<'t> {
    text: &'t str,
    /// A byte offset, always between two characters.
    at: usize,
    depth: usize,
}

impl<'t> Reader<'t> {
    fn value(&mut self) -> Result<Node, String> {
        self.space();
        match self.peek() {
            Some(b'n') => self.word("null", Node::Null),
            Some(b't') => self.word("true", Node::Boolean(true)),
            Some(b'f') => self.word("false", Node::Boolean(false)),
            Some(b'"') => self.string().map(Node::Text),
            Some(b'[') => self.within(Self::array),
            Some(b'{') => self.within(Self::object),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(_) => Err(self.wrong("no value begins so")),
            None => Err(self.wrong("a value is missing")),
        }
    }

    /// Parses the content of an array or object; bounds the parser's recursion.
    fn within(&mut self, read: impl FnOnce(&mut Self) -> Result<Node, String>) -> Result<Node, String> {
        self.at += 1;
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.wrong("it is nested too deeply"));
        }
        let node = read(self);
        self.depth -= 1;
        node
    }

    fn array(&mut self) -> Result<Node, String> {
        let mut elements = Vec::new();
        if self.takes(b']') {
            return Ok(Node::Array(elements));
        }
        loop {
            elements.push(self.value()?);
            if self.takes(b']') {
                return Ok(Node::Array(elements));
            }
            self.expect(b',')?;
        }
    }

    fn object(&mut self) -> Result<Node, String> {
        let mut members: Vec<(String, Node)> = Vec::new();
        if self.takes(b'}') {
            return Ok(Node::Object(members));
        }
        loop {
            self.space();
            let key = self.string()?;
            if members.iter().any(|(known, _)| *known == key) {
                return Err(self.wrong("a key stands twice in an object"));
            }
            self.expect(b':')?;
            members.push((key, self.value()?));
            if self.takes(b'}') {
                return Ok(Node::Object(members));
            }
            self.expect(b',')?;
        }
    }

    fn number(&mut self) -> Result<Node, String> {
        let start = self.at;
        self.skips(b"-");
        if !self.skips(b"0") && !self.digits() {
            return Err(self.wrong("a digit is missing"));
        }
        if self.skips(b".") && !self.digits() {
            return Err(self.wrong("a digit is missing"));
        }
        if self.skips(b"eE") {
            self.skips(b"+-");
            if !self.digits() {
                return Err(self.wrong("a digit is missing"));
            }
        }
        Ok(Node::Number(self.text[start..self.at].into()))
    }

    fn string(&mut self) -> Result<String, String> {
        if self.peek() != Some(b'"') {
            return Err(self.wrong("a text is missing"));
        }
        self.at += 1;
        let mut text = String::new();
        loop {
            let Some(character) = self.text[self.at..].chars().next() else {
                return Err(self.wrong("a text has no end"));
            };
            self.at += character.len_utf8();
            match character {
                '"' => return Ok(text),
                '\\' => text.push(self.escape()?),
                '\0'..='\u{1f}' => return Err(self.wrong("a control character is not escaped")),
                other => text.push(other),
            }
        }
    }

    fn escape(&mut self) -> Result<char, String> {
        let Some(letter) = self.peek() else {
            return Err(self.wrong("a text has no end"));
        };
        if !letter.is_ascii() {
            return Err(self.wrong("there is no such escape"));
        }
        self.at += 1;
        Ok(match letter {
            b'"' | b'\\' | b'/' => letter.into(),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode(),
            _ => return Err(self.wrong("there is no such escape")),
        })
    }

    /// One escaped UTF-16 unit, or two that belong together.
    fn unicode(&mut self) -> Result<char, String> {
        let first = self.hex()?;
        let code = match first {
            0xD800..=0xDBFF if self.text[self.at..].starts_with("\\u") => {
                self.at += 2;
                let second = self.hex()?;
                if !(0xDC00..=0xDFFF).contains(&second) {
                    return Err(self.wrong("a surrogate stands alone"));
                }
                0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00)
            }
            other => other,
        };
        char::from_u32(code).ok_or_else(|| self.wrong("a surrogate stands alone"))
    }

    fn hex(&mut self) -> Result<u32, String> {
        let digits = self.text.get(self.at..self.at + 4);
        let digits = digits.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let code = code.ok_or_else(|| self.wrong("four hexadecimal digits are missing"))?;
        self.at += 4;
        Ok(code)
    }

    fn word(&mut self, word: &str, node: Node) -> Result<Node, String> {
        if !self.text[self.at..].starts_with(word) {
            return Err(self.wrong("no value begins so"));
        }
        self.at += word.len();
        Ok(node)
    }

    fn digits(&mut self) -> bool {
        let start = self.at;
        while self.skips(b"0123456789") {}
        self.at > start
    }

    /// Skips one of these bytes if it comes next.
    fn skips(&mut self, any: &[u8]) -> bool {
        let comes = self.peek().is_some_and(|next| any.contains(&next));
        self.at += usize::from(comes);
        comes
    }

    /// Skips white space and then this byte if it comes next.
    fn takes(&mut self, byte: u8) -> bool {
        self.space();
        self.skips(&[byte])
    }

    fn expect(&mut self, byte: u8) -> Result<(), String> {
        if self.takes(byte) {
            Ok(())
        } else {
            Err(self.wrong(&format!("`{}` is missing", char::from(byte))))
        }
    }

    fn space(&mut self) {
        while self.skips(b" \t\r\n") {}
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn wrong(&self, what: &str) -> String {
        format!("{what} at byte {}", self.at)
    }
}

/// Bound of the parser's recursion.
const MAX_DEPTH: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_what_they_print() {
        for (text, printed) in [
            (" [ 1 , -0.50e+3 , true ] ", "[1,-0.50e+3,true]"),
            (r#"{"b":null,"a":{"":[]}}"#, r#"{"b":null,"a":{"":[]}}"#),
            (r#""a\/\u0041\ud83d\ude00\n\"""#, r#""a/A😀\n\"""#),
            ("0", "0"),
            ("\"\u{7f}\u{2028}\"", "\"\u{7f}\u{2028}\""),
        ] {
            assert_eq!(
                parse(text).map(|node| node.to_string()).as_deref(),
                Ok(printed),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_json() {
        for text in [
            "",
            " ",
            "nul",
            "truefalse",
            "01",
            "1.",
            ".5",
            "-",
            "1e",
            "+1",
            "[1,]",
            "[,1]",
            "[1",
            "{\"a\"}",
            "{a:1}",
            "{\"a\":1,}",
            "{\"a\":1,\"a\":2}",
            "\"",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\ud800\"",
            "\"\\ud800\\u0041\"",
            "\"\\udc00\"",
            "\"\n\"",
            "1 2",
            "\"\\u00é\"",
            "'a'",
            "NaN",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(parse(&"[".repeat(200)).is_err());
        assert!(parse(&format!("{}{}", "[".repeat(128), "]".repeat(128))).is_ok());
    }
}
