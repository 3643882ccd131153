//! Text output of a dry run: verdict, changes, log, and use of each limit.

use serde_json::value::RawValue;

use crate::api::{ChangeView, SaidView, StepUsageView, TriedStepView, TriedView, UsageView};
use crate::cli::output::{bold, dim, green, red_out, say, yellow};
use crate::cli::show;

/// Prints a dry run.
pub(in crate::cli) fn tried(tried: &TriedView) {
    for step in &tried.steps {
        self::step(step);
    }
    if let Some(after) = &tried.after {
        say(bold("data"));
        say(indented(&pretty(after)));
    }
    if tried.cut {
        say(dim("the data is not shown: there is too much of it"));
    }
}

fn step(step: &TriedStepView) {
    let digest = step.digest.get(..12).unwrap_or(&step.digest);
    say(format_args!(
        "{} {} {}",
        bold(&step.plugin),
        step.version,
        dim(digest)
    ));
    say(format_args!("  {}", said(&step.said)));
    for function in &step.backtrace {
        say(dim(&format!("    in {function}")));
    }
    changes(&step.diff, step.diff_left_out);
    for line in &step.log {
        say(format_args!(
            "  {} {}",
            dim(&format!("{:>5}", line.level)),
            line.text
        ));
    }
    usage(&step.usage);
}

/// Verdict in one coloured line.
pub(in crate::cli) fn said(said: &SaidView) -> String {
    let line = plain(said);
    match said.verdict.as_ref() {
        "pass" => green(&line),
        "failed" => red_out(&line),
        _ => yellow(&line),
    }
}

/// Verdict in one line.
pub(super) fn plain(said: &SaidView) -> String {
    let why = [said.code.as_deref(), said.reason.as_deref()];
    let why: Vec<&str> = why.into_iter().flatten().collect();
    let line = match (said.delay_ms, why.as_slice()) {
        (Some(ms), _) => format!("{} by {ms} ms", said.verdict),
        (None, []) => said.verdict.to_string(),
        (None, why) => format!("{}: {}", said.verdict, why.join(": ")),
    };
    // The texts are the plugin's: control characters would reach the terminal.
    show::plain(&line)
}

/// Prints one line per change: `-` for removed, `+` for added values.
pub(super) fn changes(changes: &[ChangeView], left_out: usize) {
    for change in changes {
        let path = if change.path.is_empty() {
            "the whole"
        } else {
            &change.path
        };
        if let Some(old) = &change.old {
            say(red_out(&format!("  - {path}  {}", short(old))));
        }
        if let Some(new) = &change.new {
            say(green(&format!("  + {path}  {}", short(new))));
        }
    }
    if left_out > 0 {
        say(dim(&format!("  {left_out} more changes are not shown")));
    }
}

fn usage(usage: &StepUsageView) {
    let of = |name: &str, figure: UsageView, unit: &str| {
        let share = figure.used as f64 / figure.limit.max(1) as f64 * 100.0;
        say(dim(&format!(
            "  {name:<11}{:>10} of {:>10} {unit:<6}{share:>5.1} %",
            figure.used, figure.limit
        )));
    };
    of("time", usage.time_us, "µs");
    of("operations", usage.operations, "");
    of("memory", usage.memory_bytes, "bytes");
    of("output", usage.output_bytes, "bytes");
    of("log", usage.log_bytes, "bytes");
    let fuel = usage
        .fuel
        .map_or_else(|| "not counted".to_owned(), |fuel| fuel.to_string());
    say(dim(&format!("  {:<11}{fuel:>10}", "fuel")));
}

/// Value on one short line.
fn short(value: &RawValue) -> String {
    let text = value.get();
    match text.char_indices().nth(VALUE_CHARACTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Value with line breaks; numbers keep their digits.
pub(in crate::cli) fn pretty(value: &RawValue) -> String {
    let mut out = String::new();
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    let mut characters = value.get().chars().peekable();
    while let Some(character) = characters.next() {
        if in_text {
            out.push(character);
            in_text = escaped || character != '"';
            escaped = character == '\\' && !escaped;
            continue;
        }
        match character {
            '{' | '[' => {
                out.push(character);
                if !matches!(characters.peek(), Some('}' | ']')) {
                    depth += 1;
                    break_line(&mut out, depth);
                } else if let Some(close) = characters.next() {
                    out.push(close);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                break_line(&mut out, depth);
                out.push(character);
            }
            ',' => {
                out.push(',');
                break_line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            '"' => {
                in_text = true;
                out.push('"');
            }
            other => out.push(other),
        }
    }
    out
}

fn break_line(out: &mut String, depth: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth));
}

fn indented(text: &str) -> String {
    text.lines()
        .map(|line| format!("  {line}"))
        .collect::<Vec<_>>()
        .join("\n")
}

const VALUE_CHARACTERS: usize = 120;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_with_line_breaks() {
        let raw = RawValue::from_string(r#"{"a":[1.50,{}],"b":"x{\",[","c":[]}"#.to_owned()).unwrap();
        assert_eq!(
            pretty(&raw),
            "{\n  \"a\": [\n    1.50,\n    {}\n  ],\n  \"b\": \"x{\\\",[\",\n  \"c\": []\n}"
        );
    }
}
