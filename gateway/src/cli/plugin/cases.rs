//! `hookgate plugin test`: runs a folder of cases through the component.
//! A case is an event, settings and expectations.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::local::{Loaded, Local};
use super::{Subject, input, show};
use crate::api::{ChangeView, SaidView, changes_between};
use crate::cli::output::{Failure, dim, green, red_out, say};
use hookgate_json::{Document, Limits, Object, Value};
use hookgate_plugin_host::Phase;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    subject: Subject,
    /// Folder of cases; by default `cases` in the project.
    #[arg(long, value_name = "DIR")]
    cases: Option<PathBuf>,
    /// Print one JSON object per case.
    #[arg(long)]
    json: bool,
}

/// Parsed case.
struct Case {
    name: String,
    event: input::Event,
    settings: Document,
    expected: Expected,
}

/// Expectations of a case; an absent one is not compared, except for the verdict.
struct Expected {
    verdict: String,
    reason: Option<String>,
    code: Option<String>,
    data: Option<Document>,
    /// Pointers of problems with the settings: then the event is not run.
    problems: Option<Vec<String>>,
}

/// Differences from the expectations.
#[derive(Default)]
struct Wrong {
    words: Vec<String>,
    data: Vec<ChangeView>,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let project = arguments.subject.project.join("cases");
    let cases = read_all(arguments.cases.as_ref().unwrap_or(&project))?;
    let limits = arguments.subject.limits()?;
    let component = arguments.subject.component()?;
    let failed = super::block_on(async {
        let local = Local::start(limits)?;
        let loaded = local.load(&component).await?;
        let mut failed = 0;
        for case in &cases {
            let wrong = case.run(&local, &loaded).await?;
            failed += usize::from(!wrong.is_none());
            report(&case.name, &wrong, arguments.json);
        }
        Ok(failed)
    })?;
    if failed > 0 {
        return Err(Failure::new(format!("{failed} of {} cases failed", cases.len())));
    }
    if !arguments.json {
        say(format_args!("{} cases passed", cases.len()));
    }
    Ok(())
}

fn read_all(folder: &Path) -> Result<Vec<Case>, Failure> {
    let entries = std::fs::read_dir(folder)
        .map_err(|error| Failure::of(&error).prefixed(&folder.display().to_string()))?;
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    if files.is_empty() {
        let failure = Failure::new(format!("there is no case in {}", folder.display()));
        return Err(failure.hint("a case is a .json file with `event`, `settings` and `expect`"));
    }
    files.iter().map(|file| Case::read(file)).collect()
}

impl Case {
    fn read(file: &Path) -> Result<Self, Failure> {
        let name = file
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let read = || {
            let mut case = input::members(input::read(file)?, "a case", &["event", "settings", "expect"])?;
            let event = case
                .remove("event")
                .ok_or_else(|| Failure::new("the case has no `event`"))?;
            let expected = case
                .remove("expect")
                .ok_or_else(|| Failure::new("the case has no `expect`"))?;
            Ok(Self {
                name: name.clone(),
                event: input::event(event, Phase::Ingress)?,
                settings: input::settings(case.remove("settings"))?,
                expected: Expected::read(expected)?,
            })
        };
        read().map_err(|failure: Failure| failure.prefixed(&file.display().to_string()))
    }

    async fn run(&self, local: &Local, loaded: &Loaded) -> Result<Wrong, Failure> {
        let mut wrong = Wrong::default();
        let mut found: Vec<_> = local.problems(loaded, &self.settings).await?;
        found.sort_by(|a, b| a.pointer.cmp(&b.pointer));
        let pointers: Vec<_> = found.iter().map(|problem| problem.pointer.clone()).collect();
        let expected = self.expected.problems.clone().unwrap_or_default();
        if pointers != expected {
            let told = found
                .iter()
                .map(|problem| format!("{} {}", problem.pointer, problem.message));
            wrong.words(
                "problems",
                &expected.join(", "),
                &told.collect::<Vec<_>>().join("; "),
            );
        }
        if !pointers.is_empty() || self.expected.problems.is_some() {
            return Ok(wrong);
        }
        let tried = local.try_out(loaded, &self.settings, &self.event).await;
        let said = SaidView::from(&tried.verdict);
        self.expected.compare(&said, &mut wrong);
        if let Some(data) = &self.expected.data {
            match &tried.after {
                Some(after) => wrong.data = changes_between(data, after),
                None => wrong.words("data", "some", "none: the event does not go on"),
            }
        }
        Ok(wrong)
    }
}

impl Expected {
    fn read(value: Value) -> Result<Self, Failure> {
        let known = ["verdict", "reason", "code", "data", "problems"];
        let mut fields = input::members(value, "`expect`", &known)?;
        let data = fields
            .remove("data")
            .map(|data| Document::from_value(data, Limits::default()));
        let problems = fields.remove("problems").map(texts).transpose()?;
        let verdict = text(&mut fields, "verdict")?.unwrap_or_else(|| "pass".to_owned());
        let verdicts = ["pass", "drop", "reject", "delay", "failed"];
        if !verdicts.contains(&verdict.as_str()) {
            let failure = Failure::new(format!("`{verdict}` is no verdict"));
            return Err(failure.hint(format!("there are {}", verdicts.join(", "))));
        }
        let mut problems: Option<Vec<String>> = problems;
        if let Some(problems) = &mut problems {
            problems.sort();
        }
        Ok(Self {
            verdict,
            reason: text(&mut fields, "reason")?,
            code: text(&mut fields, "code")?,
            data,
            problems,
        })
    }

    fn compare(&self, said: &SaidView, wrong: &mut Wrong) {
        if self.verdict != said.verdict {
            wrong.words("verdict", &self.verdict, &show::plain(said));
        }
        for (name, expected, found) in [
            ("reason", &self.reason, &said.reason),
            ("code", &self.code, &said.code),
        ] {
            if expected.is_some() && expected != found {
                wrong.words(
                    name,
                    expected.as_deref().unwrap_or_default(),
                    found.as_deref().unwrap_or("none"),
                );
            }
        }
    }
}

impl Wrong {
    fn is_none(&self) -> bool {
        self.words.is_empty() && self.data.is_empty()
    }

    fn words(&mut self, what: &str, expected: &str, found: &str) {
        let or_none = |text: &str| {
            if text.is_empty() {
                "none".to_owned()
            } else {
                text.to_owned()
            }
        };
        self.words.push(format!(
            "{what}: expected {}, found {}",
            or_none(expected),
            or_none(found)
        ));
    }
}

fn report(name: &str, wrong: &Wrong, as_json: bool) {
    if as_json {
        say(json!({ "case": name, "passed": wrong.is_none(), "wrong": wrong.words, "data": wrong.data }));
        return;
    }
    if wrong.is_none() {
        say(format_args!("{} {name}", green("ok  ")));
        return;
    }
    say(format_args!("{} {name}", red_out("FAIL")));
    for words in &wrong.words {
        say(format_args!("  {words}"));
    }
    if !wrong.data.is_empty() {
        say(dim("  data: - is expected, + was found"));
        show::changes(&wrong.data, 0);
    }
}

fn text(fields: &mut Object, name: &str) -> Result<Option<String>, Failure> {
    match fields.remove(name) {
        None => Ok(None),
        Some(Value::Text(text)) => Ok(Some(text.into())),
        Some(_) => Err(Failure::new(format!("`expect.{name}` must be a text"))),
    }
}

fn texts(value: Value) -> Result<Vec<String>, Failure> {
    let wrong = || Failure::new("`expect.problems` must be a list of pointers");
    let elements = value.into_array().map_err(|_| wrong())?;
    let texts = elements
        .into_iter()
        .map(|element| element.into_text().map(String::from));
    texts.collect::<Result<_, _>>().map_err(|_| wrong())
}
