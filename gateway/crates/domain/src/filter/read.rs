//! Filter compiler: reports malformed conditions and conditions that no event can satisfy.

use std::sync::Arc;

use super::check::{Bound, Check, order};
use super::{Condition, Field, Filter, FilterLimits, FilterProblem, Inner, Part};
use hookgate_json::budget::WorkBudget;
use hookgate_json::{PatternSet, Pointer, Value};

/// Compiles a filter.
pub(super) fn read(given: &Value, limits: FilterLimits) -> Result<Filter, Vec<FilterProblem>> {
    let text = given.to_json();
    let mut reader = Reader {
        at: String::new(),
        limits,
        tests: 0,
        walks: 0,
        problems: Vec::new(),
    };
    if text.len() > limits.bytes {
        reader.problem(format!(
            "is {} bytes; at most {} are taken",
            text.len(),
            limits.bytes
        ));
        return Err(reader.problems);
    }
    let condition = reader.condition(given, 1);
    if reader.tests > limits.tests {
        let message = format!(
            "has {} operators; at most {} are taken",
            reader.tests, limits.tests
        );
        reader.problem(message);
    }
    if reader.walks > MOST_PATTERNS && limits != FilterLimits::NONE {
        let message = format!("has {} patterns; at most {MOST_PATTERNS} are taken", reader.walks);
        reader.problem(message);
    }
    if !reader.problems.is_empty() {
        reader.problems.truncate(MOST_TOLD);
        return Err(reader.problems);
    }
    Ok(Filter(Arc::new(Inner { text, condition })))
}

struct Reader {
    /// JSON pointer to the current position.
    at: String,
    limits: FilterLimits,
    tests: usize,
    walks: usize,
    problems: Vec<FilterProblem>,
}

impl Reader {
    fn problem(&mut self, message: impl Into<String>) {
        self.problems.push(FilterProblem {
            pointer: self.at.clone(),
            message: message.into(),
        });
    }

    /// Reads the value one step down.
    fn inside<T>(&mut self, step: &str, read: impl FnOnce(&mut Self) -> T) -> T {
        let len = self.at.len();
        self.at.push('/');
        self.at.push_str(&step.replace('~', "~0").replace('/', "~1"));
        let done = read(self);
        self.at.truncate(len);
        done
    }

    fn condition(&mut self, given: &Value, depth: usize) -> Condition {
        let mut parts = Vec::new();
        if depth > self.limits.depth {
            self.problem(format!("is nested deeper than {} conditions", self.limits.depth));
            return Condition(parts);
        }
        let Value::Object(members) = given else {
            self.problem("is not a condition: an object such as {\"/status\": \"paid\"}");
            return Condition(parts);
        };
        if members.is_empty() {
            self.problem("is empty; leave the filter out to take every event of the patterns");
        }
        for (key, value) in members.iter() {
            parts.extend(self.inside(key, |reader| reader.part(key, value, depth)));
        }
        Condition(parts)
    }

    fn part(&mut self, key: &str, value: &Value, depth: usize) -> Option<Part> {
        Some(match key {
            "$and" => Part::All(self.conditions(value, depth)),
            "$or" => Part::Any(self.conditions(value, depth)),
            "$not" => Part::Not(self.condition(value, depth + 1)),
            "type" => Part::Test(Field::Kind, self.test(value, true)),
            field if field.starts_with('/') => {
                let field = self.field(field)?;
                let single = matches!(field, Field::At(_));
                Part::Test(field, self.test(value, single))
            }
            other => {
                let hint = near(other, &["$and", "$or", "$not", "type"]).map_or_else(
                    || {
                        let place = other.strip_prefix("data.").unwrap_or(other).replace('.', "/");
                        if other.starts_with('$') {
                            "there are `$and`, `$or`, `$not`".to_owned()
                        } else {
                            format!("did you mean `/{place}`?")
                        }
                    },
                    |near| format!("did you mean `{near}`?"),
                );
                self.problem(format!(
                    "is neither `type`, a pointer into the data, `$and`, `$or` nor `$not`; {hint}"
                ));
                return None;
            }
        })
    }

    fn conditions(&mut self, given: &Value, depth: usize) -> Vec<Condition> {
        let list = self.list(given, "conditions");
        let read = |(index, given): (usize, &Value)| {
            self.inside(&index.to_string(), |reader| reader.condition(given, depth + 1))
        };
        list.iter().enumerate().map(read).collect()
    }

    fn field(&mut self, text: &str) -> Option<Field> {
        if !text.contains(['*', '~']) && Pointer::parse(text).is_ok() {
            return Some(Field::At(text.to_owned()));
        }
        let Ok(set) = PatternSet::parse([text]) else {
            self.problem(
                "is no pointer or pattern: steps that each begin with /, being a key, *, ** or ~name",
            );
            return None;
        };
        self.walks += 1;
        Some(Field::Matching(set))
    }

    /// Reads the checks of a field.
    ///
    /// `single`: the field has at most one value, so all checks apply to it.
    fn test(&mut self, given: &Value, single: bool) -> Vec<Check> {
        let mut checks = Vec::new();
        match given {
            Value::Array(_) => self.problem("is a list; for one of several write {\"$in\": […]}"),
            Value::Object(operators) => {
                if operators.is_empty() {
                    self.problem("names no operator");
                }
                for (operator, operand) in operators.iter() {
                    checks.extend(self.inside(operator, |reader| reader.operator(operator, operand)));
                }
            }
            scalar => checks.push(Check::In(vec![scalar.clone()])),
        }
        self.tests += checks.len();
        if single && checks.len() > 1 && nothing_passes(&checks) {
            self.problem("contradicts itself: no value can pass all of it");
        }
        checks
    }

    fn operator(&mut self, operator: &str, operand: &Value) -> Option<Check> {
        let bound = match operator {
            "$exists" => return self.truth(operand).map(Check::Exists),
            "$eq" => return self.scalar(operand).map(|value| Check::In(vec![value])),
            "$ne" => return self.scalar(operand).map(|value| Check::NotIn(vec![value])),
            "$in" => return Some(Check::In(self.scalars(operand))),
            "$nin" => return Some(Check::NotIn(self.scalars(operand))),
            "$startsWith" => return self.text(operand).map(Check::StartsWith),
            "$endsWith" => return self.text(operand).map(Check::EndsWith),
            "$gt" => Bound::Above,
            "$gte" => Bound::AtLeast,
            "$lt" => Bound::Below,
            "$lte" => Bound::AtMost,
            other => {
                let hint = match near(other, OPERATORS) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("there are {}", OPERATORS.join(", ")),
                };
                self.problem(format!("is no operator; {hint}"));
                return None;
            }
        };
        match operand {
            Value::Int(_) | Value::Number(_) | Value::Text(_) => {
                Some(Check::Compares(bound, operand.clone()))
            }
            _ => {
                self.problem("is neither a number nor a text");
                None
            }
        }
    }

    fn truth(&mut self, operand: &Value) -> Option<bool> {
        let truth = operand.as_bool();
        if truth.is_none() {
            self.problem("is neither true nor false");
        }
        truth
    }

    fn text(&mut self, operand: &Value) -> Option<String> {
        let text = operand.as_str().map(str::to_owned);
        if text.is_none() {
            self.problem("is not a text");
        }
        text
    }

    fn scalar(&mut self, operand: &Value) -> Option<Value> {
        if operand.is_container() {
            self.problem("is not a text, a number, true, false or null");
            return None;
        }
        Some(operand.clone())
    }

    fn scalars(&mut self, operand: &Value) -> Vec<Value> {
        let list = self.list(operand, "values");
        let read =
            |(index, value): (usize, &Value)| self.inside(&index.to_string(), |reader| reader.scalar(value));
        list.iter().enumerate().filter_map(read).collect()
    }

    fn list<'v>(&mut self, given: &'v Value, of: &str) -> &'v [Value] {
        match given.as_array() {
            Some([]) => {
                self.problem(format!("is an empty list of {of}: nothing is ever one of none"));
                &[]
            }
            Some(list) => list,
            None => {
                self.problem(format!("is not a list of {of}"));
                &[]
            }
        }
    }
}

/// Returns `true` if the checks evidently contradict each other.
fn nothing_passes(checks: &[Check]) -> bool {
    let absent = |check: &Check| match check {
        Check::Exists(wanted) => !wanted,
        Check::NotIn(_) => true,
        _ => false,
    };
    if checks.contains(&Check::Exists(false)) {
        return !checks.iter().all(absent);
    }
    if let Some(Check::In(values)) = checks.iter().find(|check| matches!(check, Check::In(_))) {
        // A contradiction that takes more work to find is not reported.
        let work = WorkBudget::small();
        let passes = |value: &Value| {
            let holds = |check: &Check| check.holds_of(value, &work) != Ok(false);
            checks.iter().all(holds)
        };
        return !values.iter().any(passes);
    }
    let bounds = || {
        checks.iter().filter_map(|check| match check {
            Check::Compares(bound, operand) => Some((*bound, operand)),
            _ => None,
        })
    };
    bounds().any(|(low, a)| bounds().any(|(high, b)| apart(low, a, high, b)))
}

/// Returns `true` if no value lies between the bounds, or the operands have different kinds.
fn apart(low: Bound, a: &Value, high: Bound, b: &Value) -> bool {
    let Some(order) = order(a, b) else {
        return a.kind() != b.kind();
    };
    match (low, high) {
        (Bound::AtLeast, Bound::AtMost) => order.is_gt(),
        (Bound::Above | Bound::AtLeast, Bound::Below | Bound::AtMost) => order.is_ge(),
        _ => false,
    }
}

/// Known operator that was probably meant.
fn near<'a>(given: &str, known: &[&'a str]) -> Option<&'a str> {
    let bare = given.trim_start_matches('$').to_lowercase();
    if bare.len() > LONGEST_OPERATOR {
        return None;
    }
    let distance =
        |word: &str| strsim::damerau_levenshtein(&bare, &word.trim_start_matches('$').to_lowercase());
    known
        .iter()
        .map(|word| (distance(word), *word))
        .filter(|(distance, word)| *distance <= (word.len() / 3).max(1) && *distance < bare.len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

const OPERATORS: &[&str] = &[
    "$eq",
    "$ne",
    "$gt",
    "$gte",
    "$lt",
    "$lte",
    "$in",
    "$nin",
    "$exists",
    "$startsWith",
    "$endsWith",
];
/// Maximum number of patterns with wildcards in a filter: each is a walk through the event.
const MOST_PATTERNS: usize = 8;
const MOST_TOLD: usize = 20;
/// Maximum length of a name that is compared with the known operators.
const LONGEST_OPERATOR: usize = 64;
