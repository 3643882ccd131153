//! Maps a key to its line in the configuration file.

use toml_edit::{Document, Item, TableLike, Value};

/// Text and parsed structure of a configuration file that is valid TOML.
#[derive(Debug, Default)]
pub(super) struct Map {
    document: Option<Document<String>>,
}

/// The file is not TOML.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotToml {
    pub line: usize,
    pub message: String,
}

impl Map {
    pub(super) fn parse(text: &str) -> Result<Self, NotToml> {
        match Document::parse(text.to_owned()) {
            Ok(document) => Ok(Self {
                document: Some(document),
            }),
            Err(error) => Err(NotToml {
                line: error.span().map_or(1, |span| line_of(text, span.start)),
                message: error.message().to_owned(),
            }),
        }
    }

    /// The line of a key, or of the nearest enclosing table in the file.
    pub(super) fn line(&self, path: &[&str]) -> Option<usize> {
        let document = self.document.as_ref()?;
        let mut found = None;
        let mut place = Place::Table(document.as_table());
        for name in path {
            let Some((start, next)) = place.step(name) else {
                break;
            };
            found = start.or(found);
            place = next;
        }
        found.map(|start| line_of(document.raw(), start))
    }
}

enum Place<'a> {
    Table(&'a dyn TableLike),
    Item(&'a Item),
    Value(&'a Value),
    Leaf,
}

impl<'a> Place<'a> {
    /// Descends one step: returns the child's offset in the text, and the child.
    fn step(&self, name: &str) -> Option<(Option<usize>, Self)> {
        match self {
            Self::Table(table) => {
                let (key, item) = table.get_key_value(name)?;
                let start = key.span().or_else(|| item.span()).map(|span| span.start);
                Some((start, Self::of(item)))
            }
            Self::Item(Item::ArrayOfTables(tables)) => {
                let table = tables.get(name.parse().ok()?)?;
                Some((table.span().map(|span| span.start), Self::Table(table)))
            }
            Self::Value(Value::Array(array)) => {
                let value = array.get(name.parse().ok()?)?;
                let start = value.span().map(|span| span.start);
                Some((start, Self::of_value(value)))
            }
            Self::Item(_) | Self::Value(_) | Self::Leaf => None,
        }
    }

    fn of(item: &'a Item) -> Self {
        match item {
            Item::Table(table) => Self::Table(table),
            Item::ArrayOfTables(_) => Self::Item(item),
            Item::Value(value) => Self::of_value(value),
            Item::None => Self::Leaf,
        }
    }

    fn of_value(value: &'a Value) -> Self {
        match value {
            Value::InlineTable(table) => Self::Table(table),
            value => Self::Value(value),
        }
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|&byte| byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "data_dir = \"x\"\nserver.listen = \"127.0.0.1:0\"\n\n[retry]\nbase = \"1s\"\n\
                        [[tenants.acme.subscriptions]]\nurl = \"a\"\n[[tenants.acme.subscriptions]]\nurl = \"b\"\n\
                        headers = { x = 1 }\n";

    #[test]
    fn lines_of_keys() {
        let map = Map::parse(TEXT).unwrap();
        for (path, line) in [
            (&["data_dir"][..], Some(1)),
            (&["server", "listen"], Some(2)),
            (&["server", "tls", "cert"], Some(2)),
            (&["retry"], Some(4)),
            (&["retry", "base"], Some(5)),
            (&["retry", "max"], Some(4)),
            (&["tenants", "acme", "subscriptions", "1", "url"], Some(9)),
            (
                &["tenants", "acme", "subscriptions", "1", "headers", "x"],
                Some(10),
            ),
            (&["ingest"], None),
        ] {
            assert_eq!(map.line(path), line, "{path:?}");
        }
    }

    #[test]
    fn the_line_of_a_slip() {
        assert_eq!(Map::parse("a = 1\n[server\n").unwrap_err().line, 2);
    }
}
