//! Loads the configuration from its layers: built-in values, then a file, then the environment,
//! then flags. The later wins.

use std::fs;
use std::path::{Path, PathBuf};

use figment::error::Kind;
use figment::providers::{Format, Toml};
use figment::{Figment, Metadata};

use super::layers::{FLAGS, Single};
use super::locate::Map;
use super::renamed::{RENAMED, earlier_name};
use super::{Config, Place, Problem, Refused, rules, secret, words};

/// Values from the command line, which override all other layers. Absent flags are `None`.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// The file; if `None`, `hookgate.toml` in the working directory, if it exists.
    pub file: Option<PathBuf>,
    /// Dotted keys with their values.
    pub values: Vec<(&'static str, String)>,
}

/// Environment variables, as `std::env::vars` returns them.
pub type Environment = Vec<(String, String)>;

/// A validated configuration, with the origin of each value.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// The file that was read, if any.
    pub file: Option<PathBuf>,
    sources: Sources,
}

/// Maps a key to the place of its value.
#[derive(Debug, Default)]
pub(super) struct Sources {
    figment: Figment,
    map: Map,
}

/// Reads and validates the whole configuration.
///
/// # Errors
/// All problems, or the first problem that prevents reading the rest.
pub fn load(flags: &Flags, environment: &Environment) -> Result<Loaded, Refused> {
    let file = find_file(flags)?;
    let mut sources = Sources::default();
    if let Some((path, text)) = &file {
        sources.map = Map::parse(text).map_err(|error| {
            let place = Place::File {
                path: path.clone(),
                line: Some(error.line),
            };
            let message = format!("not TOML: {}", words::plain(error.message.trim()));
            refused(Problem {
                place,
                key: None,
                message,
                hint: None,
            })
        })?;
        sources.figment = sources.figment.merge(Toml::file_exact(path));
    }
    let variables = environment
        .iter()
        .filter_map(|(name, value)| Single::of_variable(name, value));
    let flags = flags
        .values
        .iter()
        .map(|(key, value)| Single::of_flag(key, value));
    for single in variables.chain(flags) {
        sources.figment = sources.figment.merge(single);
    }
    sources.resolve_store_url()?;
    let config: Config = sources
        .figment
        .extract()
        .map_err(|error| sources.explain_all(error))?;
    let problems = rules::check(&config);
    if !problems.is_empty() {
        return Err(Refused(
            problems
                .into_iter()
                .map(|problem| sources.placed(problem))
                .collect(),
        ));
    }
    Ok(Loaded {
        config,
        file: file.map(|(path, _)| path),
        sources,
    })
}

impl Loaded {
    /// Place of a key's value.
    pub fn place(&self, key: &str) -> Place {
        self.sources.place(key)
    }

    /// Origin of the value under exactly this key. A table that sets another key does not count.
    pub(super) fn origin(&self, key: &str) -> Place {
        let place = |key: &str| {
            let metadata = self.sources.figment.find_metadata(key)?;
            Some(self.sources.place_of(metadata, key))
        };
        let earlier = || place(earlier_name(key)?);
        place(key).or_else(earlier).unwrap_or(Place::Default)
    }

    /// Warnings about keys that have the name of an earlier release, each with its place and
    /// present name.
    pub fn renamed_keys(&self) -> Vec<String> {
        let found = RENAMED.iter().filter_map(|(old, new)| {
            let metadata = self.sources.figment.find_metadata(old)?;
            let place = self.sources.place_of(metadata, old);
            Some(format!(
                "{place}: `{old}` is called `{new}` now; the next release refuses the old name"
            ))
        });
        found.collect()
    }
}

impl Sources {
    /// Puts the text in the place of `store.url` that `env:NAME` or `file:PATH` stands for: it may hold a password.
    fn resolve_store_url(&mut self) -> Result<(), Refused> {
        let Ok(named) = self.figment.extract_inner::<String>(STORE_URL) else {
            return Ok(());
        };
        if !secret::is_reference(&named) {
            return Ok(());
        }
        let url = secret::resolve(&named)
            .map_err(|error| refused(self.placed(Problem::of(STORE_URL, error.to_string(), None))))?;
        let single = Single::of_reference(STORE_URL, &url, &named);
        self.figment = std::mem::take(&mut self.figment).merge(single);
        Ok(())
    }

    fn place(&self, key: &str) -> Place {
        let mut key = key;
        loop {
            if let Some(metadata) = self.figment.find_metadata(key) {
                return self.place_of(metadata, key);
            }
            // The key is an element of a list, or a table around an absent key.
            match key.rsplit_once('.') {
                Some((around, _)) => key = around,
                None => return Place::Default,
            }
        }
    }

    fn placed(&self, problem: Problem) -> Problem {
        let Some(key) = &problem.key else { return problem };
        let place = match self.place(key) {
            Place::File { path, .. } => Place::File {
                path,
                line: self.map.line(&key.split('.').collect::<Vec<_>>()),
            },
            place => place,
        };
        Problem { place, ..problem }
    }

    fn place_of(&self, metadata: &Metadata, key: &str) -> Place {
        if let Some(path) = metadata.source.as_ref().and_then(|source| source.file_path()) {
            let line = self.map.line(&key.split('.').collect::<Vec<_>>());
            return Place::File {
                path: path.to_owned(),
                line,
            };
        }
        if metadata.name == FLAGS {
            return Place::Flag;
        }
        Place::Environment(metadata.name.to_string())
    }

    fn explain_all(&self, error: figment::Error) -> Refused {
        Refused(error.into_iter().map(|error| self.explain(&error)).collect())
    }

    /// Translates an error of a layer or of deserialisation into a problem.
    fn explain(&self, error: &figment::Error) -> Problem {
        let mut path = error.path.clone();
        if let Kind::UnknownField(name, _) | Kind::UnknownVariant(name, _) = &error.kind
            && matches!(error.kind, Kind::UnknownField(..))
            && path.last() != Some(name)
        {
            path.push(name.clone());
        }
        let key = path.join(".");
        let place = match &error.metadata {
            Some(metadata) => self.place_of(metadata, &key),
            None => self.place(&key),
        };
        let (message, hint) = words::of(&error.kind);
        Problem {
            place,
            key: (!key.is_empty()).then_some(key),
            message,
            hint,
        }
    }
}

fn find_file(flags: &Flags) -> Result<Option<(PathBuf, String)>, Refused> {
    let path = match &flags.file {
        Some(path) => path.clone(),
        None if Path::new(DEFAULT_FILE).exists() => DEFAULT_FILE.into(),
        None => return Ok(None),
    };
    match fs::read_to_string(&path) {
        Ok(text) => Ok(Some((path, text))),
        Err(error) => Err(refused(Problem {
            message: format!("cannot be read: {error}"),
            place: Place::File { path, line: None },
            key: None,
            hint: Some(
                "check the path; without `--config`, `hookgate.toml` is read if it is there".to_owned(),
            ),
        })),
    }
}

fn refused(problem: Problem) -> Refused {
    Refused(vec![problem])
}

const DEFAULT_FILE: &str = "hookgate.toml";
const STORE_URL: &str = "store.url";

#[cfg(test)]
mod tests {
    use super::*;

    fn loaded(file: &str, environment: &[(&str, &str)]) -> Result<Loaded, Refused> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hookgate.toml");
        fs::write(&path, file).unwrap();
        let flags = Flags {
            file: Some(path),
            values: Vec::new(),
        };
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        load(&flags, &environment.iter().map(owned).collect())
    }

    fn problem(file: &str, environment: &[(&str, &str)]) -> String {
        let Refused(problems) = loaded(file, environment).expect_err("it is refused");
        let problem = problems.first().expect("one at least");
        format!("{problem} [{}]", problem.hint.clone().unwrap_or_default())
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place_and_its_fix() {
        for (file, words) in [
            (
                "[server]\nlistne = \"x\"\n",
                &[
                    "hookgate.toml:2: server.listne: there is no such key",
                    "did you mean `listen`",
                ][..],
            ),
            (
                "\nnonsense = 1\n",
                &["hookgate.toml:2: nonsense", "what can stand here"],
            ),
            (
                "[server]\nbody_timeout = \"10 parsecs\"\n",
                &["hookgate.toml:2: server.body_timeout", "10 parsecs", "30s"],
            ),
            (
                "server.max_connections = \"many\"\n",
                &["hookgate.toml:1: server.max_connections", "expected"],
            ),
            (
                "[retry]\nbase = \"1h\"\nmax = \"1s\"\n",
                &["hookgate.toml:2: retry.base", "retry.max"],
            ),
            (
                "store.url = \"mysql://x\"\n",
                &["hookgate.toml:1: store.url", "redis://"],
            ),
            ("[server\n", &["hookgate.toml:1: not TOML"]),
            (
                "server.drain_time = 5\n",
                &["hookgate.toml:1: server.drain_time", "a unit, such as \"5s\""],
            ),
            (
                "[telemetry]\nformat = \"jsn\"\n",
                &["hookgate.toml:2: telemetry.format", "did you mean `json`"],
            ),
            (
                "[[tenants.acme.subscriptions]]\nurl = \"https://x.example\"\nevents = [\n\"a\",\n\"*.b\"]\n",
                &[
                    "hookgate.toml:5: tenants.acme.subscriptions.0.events.1",
                    "pattern",
                ],
            ),
            (
                "[profiles.acme]\nextends = \"standard\"\n[profiles.acme.signature]\nalgoritm = \"x\"\n",
                &[
                    "hookgate.toml:4: profiles.acme.signature.algoritm",
                    "did you mean `algorithm`",
                ],
            ),
            (
                "[profiles.acme]\nextends = \"standard\"\n[profiles.acme.signature]\ncontent = \"{bdy}\"\n",
                &[
                    "hookgate.toml:4: profiles.acme.signature.content: `{bdy}`",
                    "{body}",
                ],
            ),
            (
                "[tenants.acme]\nprofile = \"stadnard\"\n",
                &["hookgate.toml:2: tenants.acme.profile", "`standard`"],
            ),
            ("[tenants.Acme]\n", &["hookgate.toml:1: tenants.Acme", "name"]),
            (
                "[tenants.acme]\nkeys = [\"short\"]\n",
                &["hookgate.toml:2: tenants.acme.keys.0", "16"],
            ),
        ] {
            let said = problem(file, &[]);
            for word in words {
                assert!(said.contains(word), "`{word}` is not in\n{said}\nof\n{file}");
            }
        }
    }

    #[test]
    fn the_environment_is_named_by_its_variable() {
        let said = problem("", &[("HOOKGATE_SERVER__LISTNE", "x")]);
        assert!(
            said.starts_with("HOOKGATE_SERVER__LISTNE: server.listne"),
            "{said}"
        );
        let said = problem("", &[("HOOKGATE_RETRY__BASE", "9h")]);
        assert!(said.starts_with("HOOKGATE_RETRY__BASE: retry.base"), "{said}");
    }

    #[test]
    fn the_later_layer_wins() {
        let file = "data_dir = \"from-file\"\nserver.listen = \"127.0.0.1:1\"\n";
        let environment = [
            ("HOOKGATE_SERVER__LISTEN", "127.0.0.1:2"),
            ("HOOKGATE_EGRESS__ALLOW", r#"["127.0.0.0/8"]"#),
            ("HOOKGATE_AUTH__OPERATOR_KEY", "1234567890123456"),
        ];
        let loaded = loaded(file, &environment).expect("it holds");
        assert_eq!(loaded.config.server.listen.port(), 2);
        assert_eq!(loaded.config.egress.allow.len(), 1);
        assert_eq!(loaded.config.data_dir, Path::new("from-file"));
        let key = loaded
            .config
            .auth
            .operator_key
            .as_ref()
            .map(crate::config::SecretText::resolve);
        assert_eq!(key.map(|key| key.unwrap().reveal().len()), Some(16));
        assert_eq!(
            loaded.place("server.listen"),
            Place::Environment("HOOKGATE_SERVER__LISTEN".to_owned())
        );
        assert_eq!(loaded.place("retry.base"), Place::Default);
        assert!(matches!(
            loaded.place("data_dir"),
            Place::File { line: Some(1), .. }
        ));
    }
}
