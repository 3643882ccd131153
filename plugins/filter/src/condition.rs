//! Evaluates a condition of the settings for an event. The settings were validated by
//! `settings.rs`.

use core::cmp::Ordering;

use hookgate_sdk::{AccessError, Event, Failure, Kind, Scalar, Settings, pointer};

use crate::compare::{equal, order};

/// Maximum number of places of an event that a pattern is matched against.
const MAX_PLACES: u32 = 1000;
const MAX_PARTS: u32 = 100;

/// An event, and the settings that hold the conditions.
pub(crate) struct Evaluation<'e> {
    pub(crate) event: &'e Event<'e>,
    pub(crate) settings: Settings<'e>,
}

/// Values at the places that a condition names; `None` for a value that is not a scalar.
type Found = Vec<Option<Scalar>>;

impl Evaluation<'_> {
    /// Returns `true` if the event satisfies the whole condition at a pointer of the settings.
    pub(crate) fn holds(&self, condition: &str) -> Result<bool, Failure> {
        for key in self.settings.keys(condition, 0, MAX_PARTS)? {
            let part = pointer::member(condition, &key);
            let holds = match key.as_str() {
                "$and" => !self.any_is(&part, false)?,
                "$or" => self.any_is(&part, true)?,
                "$not" => !self.holds(&part)?,
                field => self.passes(&part, &self.find(field)?)?,
            };
            if !holds {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Returns `true` if a condition of a list evaluates to `wanted`.
    fn any_is(&self, list: &str, wanted: bool) -> Result<bool, Failure> {
        for index in 0..self.settings.length(list).unwrap_or(0) {
            if self.holds(&pointer::element(list, index as usize))? == wanted {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn find(&self, field: &str) -> Result<Found, AccessError> {
        let data = self.event.data();
        if field == "type" {
            return Ok(vec![Some(self.event.kind().into())]);
        }
        if field.contains(['*', '~']) {
            let places = data.find(field, MAX_PLACES)?;
            let places: Vec<&str> = places.iter().map(String::as_str).collect();
            return Ok(data.get_many(&places));
        }
        match data.get(field) {
            Ok(scalar) => Ok(vec![Some(scalar)]),
            Err(AccessError::WrongKind(_)) => Ok(vec![None]),
            Err(AccessError::Absent) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Checks the values found against the test at a pointer of the settings: a value to be equal
    /// to, or operators.
    fn passes(&self, test: &str, found: &Found) -> Result<bool, Failure> {
        if self.settings.kind_of(test) != Kind::Object {
            return Ok(any(found, &self.settings.get(test)?, equal));
        }
        for operator in self.settings.keys(test, 0, MAX_PARTS)? {
            if !self.operator_passes(&operator, &pointer::member(test, &operator), found)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn operator_passes(&self, operator: &str, operand: &str, found: &Found) -> Result<bool, Failure> {
        Ok(match operator {
            "$exists" => self.settings.get_bool(operand) == Some(!found.is_empty()),
            "$in" => self.is_in(operand, found)?,
            "$nin" => !self.is_in(operand, found)?,
            operator => {
                let operand = self.settings.get(operand)?;
                match operator {
                    "$eq" => any(found, &operand, equal),
                    "$ne" => !any(found, &operand, equal),
                    "$gt" => any(found, &operand, |a, b| order(a, b) == Some(Ordering::Greater)),
                    "$gte" => any(found, &operand, |a, b| order(a, b).is_some_and(Ordering::is_ge)),
                    "$lt" => any(found, &operand, |a, b| order(a, b) == Some(Ordering::Less)),
                    "$lte" => any(found, &operand, |a, b| order(a, b).is_some_and(Ordering::is_le)),
                    "$startsWith" => any(found, &operand, |a, b| both_texts(a, b, |a, b| a.starts_with(b))),
                    "$endsWith" => any(found, &operand, |a, b| both_texts(a, b, |a, b| a.ends_with(b))),
                    _ => return Err(Failure::bad_settings("an operator is unknown")),
                }
            }
        })
    }

    fn is_in(&self, list: &str, found: &Found) -> Result<bool, Failure> {
        for index in 0..self.settings.length(list).unwrap_or(0) {
            let operand = self.settings.get(&pointer::element(list, index as usize))?;
            if any(found, &operand, equal) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn any(found: &Found, operand: &Scalar, test: impl Fn(&Scalar, &Scalar) -> bool) -> bool {
    found.iter().flatten().any(|value| test(value, operand))
}

fn both_texts(a: &Scalar, b: &Scalar, test: impl Fn(&str, &str) -> bool) -> bool {
    match (a, b) {
        (Scalar::Text(a), Scalar::Text(b)) => test(a, b),
        _ => false,
    }
}
