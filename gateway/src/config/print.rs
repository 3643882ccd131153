//! `config print`: the effective configuration as TOML, each value with its origin.

use toml_edit::{DocumentMut, InlineTable, Item, Table, Value};

use super::{Loaded, Place};

/// The effective configuration. Secrets are hidden.
///
/// # Errors
/// A value that TOML cannot hold.
pub fn print(loaded: &Loaded) -> Result<String, toml_edit::ser::Error> {
    let mut document: DocumentMut = toml_edit::ser::to_document(&loaded.config)?;
    spread(document.as_table_mut(), "", loaded);
    Ok(document.to_string())
}

/// Turns inline tables into tables, and adds the origin of each value as a comment.
fn spread(table: &mut Table, around: &str, loaded: &Loaded) {
    let names: Vec<String> = table.iter().map(|(name, _)| name.to_owned()).collect();
    for name in names {
        let key = if around.is_empty() {
            name.clone()
        } else {
            format!("{around}.{name}")
        };
        let Some(item) = table.get_mut(&name) else {
            continue;
        };
        if let Some(inline) = item.as_inline_table() {
            *item = Item::Table(own_table(inline.clone()));
        }
        match item {
            Item::Table(inner) => {
                inner.set_implicit(inner.iter().all(|(_, item)| item.is_inline_table()) && !inner.is_empty());
                spread(inner, &key, loaded);
            }
            Item::Value(value) => note(value, &loaded.origin(&key)),
            Item::ArrayOfTables(_) | Item::None => {}
        }
    }
}

fn own_table(inline: InlineTable) -> Table {
    inline.into_table()
}

fn note(value: &mut Value, place: &Place) {
    if *place != Place::Default {
        value.decor_mut().set_suffix(format!("  # {place}"));
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Config, Flags, load};
    use super::*;

    #[test]
    fn it_can_be_read_again_and_hides_secrets() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hookgate.toml");
        let file = "auth.operator_key = \"hg_this-is-hidden\"\nserver.listen = \"127.0.0.1:7\"\n\
                    [tenants.acme]\nkeys = [\"hg_this-is-hidden\"]\n";
        std::fs::write(&path, file).unwrap();
        let flags = Flags {
            file: Some(path),
            values: Vec::new(),
        };
        let printed = print(&load(&flags, &Vec::new()).expect("it holds")).expect("it prints");
        assert!(!printed.contains("this-is-hidden"), "{printed}");
        assert!(printed.contains("listen = \"127.0.0.1:7\"  # "), "{printed}");
        assert!(printed.contains("hookgate.toml:2"), "{printed}");
        assert!(printed.contains("[server]"), "{printed}");
        let drain = printed
            .lines()
            .find(|line| line.starts_with("drain_time"))
            .expect("it is there");
        assert!(
            !drain.contains('#'),
            "a built-in value beside one of the file: {drain}"
        );
        let again: Config = toml_edit::de::from_str(&printed).expect("it is a configuration");
        assert_eq!(again.server.listen.port(), 7);
    }
}
