//! `hookgate plugin run`: runs one event through the component and shows the complete result.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::local::{Loaded, Local};
use super::{Subject, input, show};
use crate::api::TriedView;
use crate::cli::output::{Failure, say};
use hookgate_json::{Document, Value};
use hookgate_plugin_host::{Phase, Verdict};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    subject: Subject,
    #[command(flatten)]
    pub(super) given: Given,
    /// Phase of the step in the event's processing.
    #[arg(long, value_enum, default_value_t = PhaseName::Ingress)]
    phase: PhaseName,
    /// Print one JSON object, in the form of the API's dry run.
    #[arg(long)]
    json: bool,
}

/// Arguments that give the event and the settings.
#[derive(Debug, Args)]
pub(super) struct Given {
    /// Event: JSON with `type` and `data`, or a case; `-` is the standard input.
    #[arg(long, value_name = "FILE")]
    event: PathBuf,
    /// Settings of the step: a JSON object; by default those of the case.
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum PhaseName {
    Ingress,
    Delivery,
}

impl Given {
    /// Reads the event and the settings.
    pub(super) fn read(&self, phase: Phase) -> Result<(input::Event, Document), Failure> {
        let (event, of_case) = match input::read(&self.event)? {
            Value::Object(mut case) if case.contains_key("event") => {
                let event = case.remove("event").unwrap_or_default();
                (event, case.remove("settings"))
            }
            event => (event, None),
        };
        let settings = match &self.settings {
            Some(file) => Some(input::read(file)?),
            None => of_case,
        };
        let name = self.event.display().to_string();
        let event = input::event(event, phase).map_err(|failure| failure.prefixed(&name))?;
        Ok((event, input::settings(settings)?))
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let phase = match arguments.phase {
        PhaseName::Ingress => Phase::Ingress,
        PhaseName::Delivery => Phase::Delivery {
            attempt: 1,
            subscription: None,
        },
    };
    let (event, settings) = arguments.given.read(phase)?;
    let limits = arguments.subject.limits()?;
    let component = arguments.subject.component()?;
    super::block_on(async {
        let local = Local::start(limits)?;
        let loaded = local.load(&component).await?;
        accepted(&local, &loaded, &settings).await?;
        let tried = local.try_out(&loaded, &settings, &event).await;
        let verdict = tried.verdict.clone();
        let view = TriedView::new(tried);
        if arguments.json {
            say(serde_json::to_string_pretty(&view).map_err(|error| Failure::of(&error))?);
        } else {
            show::tried(&view);
        }
        match verdict {
            Verdict::Failed(failure) => Err(Failure::new(format!("the plugin failed ({})", failure.kind))),
            _ => Ok(()),
        }
    })
}

/// Checks that the plugin finds no problems in the settings.
pub(super) async fn accepted(local: &Local, loaded: &Loaded, settings: &Document) -> Result<(), Failure> {
    let problems = local.problems(loaded, settings).await?;
    if problems.is_empty() {
        return Ok(());
    }
    let told = problems
        .iter()
        .map(|problem| format!("{} {}", problem.pointer, problem.message));
    let told: Vec<_> = told.collect();
    Err(Failure::new(format!(
        "the plugin refuses the settings: {}",
        told.join("; ")
    )))
}
