//! Fields of requests at product routes, under this API's names.

use axum::extract::{FromRequest, Request};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use url::form_urlencoded;

use super::super::Api;
use super::super::bodies;
use super::super::fields::{fault, no_such};
use super::super::input::{Body, OptionalBody};
use super::super::records::Records;
use crate::http::{Code, FieldError, Problem};
use hookgate_contract::profile::{Action, Door, Input, Method, Route};

/// Fields of a request, by their meaning in the adapter.
#[derive(Debug, Default)]
pub(super) struct Fields(Map<String, Value>);

/// Reads the fields of a request.
///
/// They are the parameters of a `GET`, or the members of the JSON body. If the route reads none, a
/// body with content is refused.
///
/// # Errors
/// Errors of reading a body; `invalid_field` or `invalid_parameter` for fields that the route does
/// not have, or that are missing.
pub(super) async fn fields(api: &Api, route: &Route, request: Request) -> Result<Fields, Problem> {
    if route.input.is_empty() || route.method == Method::Get {
        let request = bodies::without(api, request).await?;
        if route.input.is_empty() {
            return Ok(Fields::default());
        }
        return meant(route, parameters(request.uri().query().unwrap_or_default())?);
    }
    let given = match (route.method, route.action) {
        (_, Action::CreateSubscription | Action::UpdateSubscription) => {
            Body::from_request(request, api).await?.0
        }
        _ => OptionalBody::from_request(request, api).await?.0,
    };
    meant(route, given)
}

/// Parses the parameters of a query; each may occur once.
fn parameters(query: &str) -> Result<Map<String, Value>, Problem> {
    let mut given = Map::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let twice = given.insert(name.clone().into_owned(), value.into_owned().into());
        if twice.is_some() {
            let detail = format!("The query has the parameter `{name}` twice.");
            return Err(Problem::new(Code::InvalidParameter, detail));
        }
    }
    Ok(given)
}

fn meant(route: &Route, given: Map<String, Value>) -> Result<Fields, Problem> {
    let mut errors: Vec<_> = route
        .required
        .iter()
        .filter(|name| given.get(*name).is_none_or(Value::is_null))
        .map(|name| FieldError::new("", format!("the field `{name}` is missing")))
        .collect();
    let mut meant = Map::new();
    for (name, value) in given {
        match route.input.iter().find(|(field, _)| *field == name) {
            Some((_, meaning)) => drop(meant.insert(meaning.word().to_owned(), value)),
            None => {
                let known: Vec<_> = route.input.iter().map(|(field, _)| field.as_str()).collect();
                let step = name.replace('~', "~0").replace('/', "~1");
                errors.push(FieldError::new(format!("/{step}"), no_such(&name, &known)));
            }
        }
    }
    match (errors.is_empty(), route.method) {
        (true, _) => Ok(Fields(meant)),
        (false, Method::Get) => Err(Problem::fields(Code::InvalidParameter, errors)),
        (false, _) => Err(Problem::fields(Code::InvalidField, errors)),
    }
}

/// Rewrites a problem with the adapter's field names.
pub(super) fn in_its_words(route: &Route, problem: Problem) -> Problem {
    let own = |word: &str| {
        let field = route.input.iter().find(|(_, meaning)| meaning.word() == word);
        field.map(|(field, _)| field.clone())
    };
    problem.renamed(own)
}

impl Fields {
    /// Deserializes the fields as a record of this API.
    ///
    /// # Errors
    /// `invalid_field`, with the pointer to the place.
    pub(super) fn read<T: DeserializeOwned>(self) -> Result<T, Problem> {
        serde_path_to_error::deserialize(Records(Value::Object(self.0)))
            .map_err(|error| Problem::fields(Code::InvalidField, vec![fault(&error)]))
    }

    /// Converts the adapter's word for a status to this API's.
    ///
    /// # Errors
    /// `invalid_field`: it is neither of the two words.
    pub(super) fn status_of(mut self, door: &Door) -> Result<Self, Problem> {
        let given = self.0.get_mut(Input::Status.word());
        if let Some(value) = given.filter(|value| !value.is_null()) {
            let word = match value.as_str() {
                Some(word) if word == door.active => "active",
                Some(word) if word == door.disabled => "disabled",
                _ => {
                    let told = format!("it is \"{}\" or \"{}\"", door.active, door.disabled);
                    let error = FieldError::new(format!("/{}", Input::Status.word()), told);
                    return Err(Problem::fields(Code::InvalidField, vec![error]));
                }
            };
            *value = word.into();
        }
        Ok(self)
    }

    /// Converts a time in seconds to this API's format.
    ///
    /// # Errors
    /// `invalid_field`: it is not a whole number.
    pub(super) fn seconds_to_span(mut self, input: Input) -> Result<Self, Problem> {
        let given = self.0.get_mut(input.word());
        if let Some(value) = given.filter(|value| !value.is_null()) {
            let seconds = whole(value).ok_or_else(|| {
                let error = FieldError::new(format!("/{}", input.word()), "it is a whole number of seconds");
                Problem::fields(Code::InvalidField, vec![error])
            })?;
            *value = format!("{seconds}s").into();
        }
        Ok(self)
    }

    /// Reads a whole number.
    ///
    /// # Errors
    /// `invalid_parameter`.
    pub(super) fn number(&self, input: Input) -> Result<Option<u64>, Problem> {
        self.present(input)
            .map(|value| whole(value).ok_or_else(|| wrong(input, "is a whole number")))
            .transpose()
    }

    /// Reads a text. The texts of a list are joined with commas.
    ///
    /// # Errors
    /// `invalid_parameter`.
    pub(super) fn text(&self, input: Input) -> Result<Option<String>, Problem> {
        let listed = |list: &Vec<Value>| {
            let texts: Option<Vec<_>> = list.iter().map(Value::as_str).collect();
            texts.map(|texts| texts.join(","))
        };
        let text = |value: &Value| match value {
            Value::String(text) => Some(text.clone()),
            Value::Array(list) => listed(list),
            _ => None,
        };
        self.present(input)
            .map(|value| text(value).ok_or_else(|| wrong(input, "is a text")))
            .transpose()
    }

    /// Reads a word of a closed set.
    ///
    /// # Errors
    /// `invalid_parameter`; `what` describes the allowed words.
    pub(super) fn word<T: DeserializeOwned>(&self, input: Input, what: &str) -> Result<Option<T>, Problem> {
        self.present(input)
            .map(|value| serde_json::from_value(value.clone()).map_err(|_| wrong(input, what)))
            .transpose()
    }

    /// Splits a text at its commas into a list.
    #[must_use]
    pub(super) fn text_to_list(mut self, input: Input) -> Self {
        if let Some(value) = self.0.get_mut(input.word())
            && let Some(text) = value.as_str()
        {
            *value = text.split(',').map(str::trim).collect();
        }
        self
    }

    fn present(&self, input: Input) -> Option<&Value> {
        self.0.get(input.word()).filter(|value| !value.is_null())
    }
}

/// Reads a whole number from a JSON number or from the text of a query.
fn whole(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

fn wrong(input: Input, what: &str) -> Problem {
    Problem::new(Code::InvalidParameter, format!("`{}` {what}.", input.word()))
}
