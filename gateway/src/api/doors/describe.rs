//! OpenAPI sections of the product adapters, built from the definitions that serve them.

use std::sync::Arc;

use aide::openapi::{ApiKeyLocation, Operation, SecurityScheme, Tag};
use aide::transform::TransformOperation;
use serde_json::{Map, Value, json};

use super::super::openapi::WHOLE;
use super::Entrance;
use super::caller::needed_scope;
use crate::http::SCOPES;
use hookgate_contract::profile::{Action, Answer, Field, Input, KeyPlace, Method, Route, Told};
use hookgate_domain::Scope;
use hookgate_domain::spelling::{EVENT_PATTERN, EVENT_PATTERNS};

/// Builds a section for each adapter.
pub(in crate::api) fn tags(entrances: &[Arc<Entrance>]) -> Vec<Tag> {
    let tag = |entrance: &Arc<Entrance>| Tag {
        name: entrance.section(),
        description: Some(format!(
            "For tenants with the profile `{}`, in place of this API's own routes.",
            entrance.profiles.join("` or `")
        )),
        ..Tag::default()
    };
    entrances.iter().map(tag).collect()
}

/// Security schemes of the adapters whose keys do not come in the usual headers.
pub(in crate::api) fn schemes(entrances: &[Arc<Entrance>]) -> Vec<(String, SecurityScheme)> {
    let scheme = |entrance: &Arc<Entrance>| match &entrance.door.key {
        KeyPlace::Header(name) if !name.eq_ignore_ascii_case(X_API_KEY) => {
            let scheme = SecurityScheme::ApiKey {
                location: ApiKeyLocation::Header,
                name: name.clone(),
                description: Some("A tenant's API key.".to_owned()),
                extensions: Default::default(),
            };
            Some((scheme_of(&entrance.door.key), scheme))
        }
        KeyPlace::Header(_) | KeyPlace::Bearer => None,
    };
    entrances.iter().filter_map(scheme).collect()
}

/// One route.
pub(super) fn operation(entrance: &Entrance, route: &Route) -> Operation {
    let mut parameters = Vec::new();
    let mut described = json!({
        "tags": [entrance.section()],
        "operationId": operation_id(entrance, route),
        "summary": summary(route.action),
        "security": [{ (scheme_of(&entrance.door.key)): [] }],
        "responses": { (route.status.to_string()): response(route), "default": refusal(entrance) },
        (SCOPES): [needed_scope(route.action).name(), Scope::Consumer.name()],
    });
    if route.path.to_string().contains("{id}") {
        let about = match route.action {
            Action::GetDelivery | Action::RetryDelivery => "The delivery's id.",
            _ => "The subscription's id.",
        };
        parameters.push(json!({ "in": "path", "name": "id", "required": true, "description": about, "schema": text(about) }));
    }
    if route.method == Method::Get {
        parameters.extend(route.input.iter().map(|(name, meaning)| {
            json!({ "in": "query", "name": name, "required": route.required.contains(name), "schema": of_input(*meaning) })
        }));
    } else if !route.input.is_empty() || matches!(route.method, Method::Put | Method::Patch) {
        described["requestBody"] = body(route);
    }
    described["parameters"] = parameters.into();
    let whole = [
        Action::CreateSubscription,
        Action::CreateTenantSecret,
        Action::Feed,
    ];
    if whole.contains(&route.action) {
        described[WHOLE] = true.into();
    }
    serde_json::from_value(described).expect("an operation")
}

/// `synthesq_list_subscriptions`; with its path where the door has several routes for one action.
fn operation_id(entrance: &Entrance, route: &Route) -> String {
    let action = serde_json::to_value(route.action).unwrap_or_default();
    let action = action.as_str().unwrap_or_default();
    let id = format!("{}_{action}", entrance.name());
    let same = entrance
        .door
        .routes
        .iter()
        .filter(|other| other.action == route.action);
    if same.count() == 1 {
        return id;
    }
    let path = route.path.to_string();
    let words = path
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty());
    words.fold(id, |id, word| format!("{id}_{word}"))
}

/// An operation that is described already.
pub(super) fn as_is(operation: Operation) -> impl FnOnce(TransformOperation<'_>) -> TransformOperation<'_> {
    move |mut place| {
        *place.inner_mut() = operation;
        place
    }
}

fn body(route: &Route) -> Value {
    let fields = route.input.iter().map(|(name, meaning)| {
        let mut schema = of_input(*meaning);
        if !route.required.contains(name) {
            or_null(&mut schema);
        }
        (name.clone(), schema)
    });
    let schema = json!({
        "type": "object",
        "properties": fields.collect::<Map<_, _>>(),
        "required": route.required,
        "additionalProperties": false,
    });
    let needed = matches!(
        route.action,
        Action::CreateSubscription | Action::UpdateSubscription
    );
    json!({ "required": needed || !route.required.is_empty(), "content": { "application/json": { "schema": schema } } })
}

/// A member that may be left out may be `null` as well.
fn or_null(schema: &mut Value) {
    schema["type"] = json!([schema["type"], "null"]);
    if let Some(words) = schema.get_mut("enum").and_then(Value::as_array_mut) {
        words.push(Value::Null);
    }
}

fn response(route: &Route) -> Value {
    if route.answer.is_empty() {
        return json!({ "description": "Done; there is nothing to show." });
    }
    let schema = object(&route.answer, &route.item);
    json!({ "description": "", "content": { "application/json": { "schema": schema } } })
}

/// Any refusal, in the product's shape.
fn refusal(entrance: &Entrance) -> Value {
    let about = "What is wrong.";
    let Some(shape) = &entrance.door.errors else {
        let schema = json!({ "$ref": "#/components/schemas/CustomerProblem" });
        return json!({ "description": about, "content": { "application/problem+json": { "schema": schema } } });
    };
    let told = |answer: &Answer<Told>| match answer {
        Answer::Constant(value) => json!({ "const": value }),
        Answer::Field(Told::Status) => json!({ "type": "integer", "minimum": 400, "maximum": 599 }),
        Answer::Field(Told::Errors) => {
            json!({ "type": "array", "items": { "$ref": "#/components/schemas/FieldError" } })
        }
        Answer::Field(Told::Code) => text("A stable word for programs."),
        Answer::Field(Told::Title | Told::Detail | Told::Fix) => json!({ "type": "string" }),
    };
    let properties = shape
        .members
        .iter()
        .map(|(name, answer)| (name.clone(), told(answer)));
    let names: Vec<_> = shape.members.iter().map(|(name, _)| name).collect();
    let members =
        json!({ "type": "object", "properties": properties.collect::<Map<_, _>>(), "required": names });
    let schema = match &shape.within {
        Some(name) => {
            json!({ "type": "object", "properties": { (name.as_str()): members }, "required": [name] })
        }
        None => members,
    };
    json!({ "description": about, "content": { "application/json": { "schema": schema } } })
}

fn object(members: &[(String, Answer)], item: &[(String, Answer)]) -> Value {
    let shown = |answer: &Answer| match answer {
        Answer::Constant(value) => json!({ "const": value }),
        Answer::Field(field) => of_field(*field, item),
    };
    let properties = members.iter().map(|(name, answer)| (name.clone(), shown(answer)));
    let names: Vec<_> = members.iter().map(|(name, _)| name).collect();
    json!({ "type": "object", "properties": properties.collect::<Map<_, _>>(), "required": names })
}

fn of_input(meaning: Input) -> Value {
    match meaning {
        Input::Url => {
            json!({ "type": "string", "format": "uri", "maxLength": 2048, "description": "Where to send." })
        }
        Input::Events => texts("Which events."),
        Input::Description => json!({ "type": "string", "maxLength": 1024, "description": "For people." }),
        Input::Secret => json!({
            "type": "string", "maxLength": 512, "description": "The signing secret; made where none is given.",
        }),
        Input::Payload => {
            json!({ "type": "string", "enum": ["full", "thin"], "description": "How much of an event is sent." })
        }
        Input::Grace => number("How long the old secret signs beside the new one, in seconds."),
        Input::Cursor => json!({ "type": "string", "minLength": 1, "description": "Where to go on." }),
        Input::Limit => json!({
            "type": "integer", "minimum": 1, "maximum": 500,
            "description": "How many at most; 50 where it is not given.",
        }),
        Input::Types => json!({
            "type": "string", "pattern": EVENT_PATTERNS, "description": "Only events of these types, separated by commas.",
        }),
        Input::Wait => number("When there is nothing new, wait so many seconds for it."),
        Input::Status => text(
            "How a subscription begins, active where it is left out; or only deliveries that are `pending`, `delivered`, `dead`, `cancelled` or `shadowed`.",
        ),
        Input::Since => {
            time("Events accepted at this time (RFC 3339) or later; in a feed, in place of a cursor.")
        }
        Input::Until => time("Events accepted before this time."),
        Input::Only => json!({
            "type": "string", "enum": ["failed", "dead", "all"], "description": "`failed` is what was not delivered.",
        }),
    }
}

fn of_field(field: Field, item: &[(String, Answer)]) -> Value {
    match field {
        Field::Id => text("Its id."),
        Field::Url => text("Where events go."),
        Field::Events => texts("Which events."),
        Field::Description => text_or_null("For people."),
        Field::Secret => text_or_null("What deliveries are signed with."),
        Field::PreviousExpires => time_or_null("When the secrets before it stop signing."),
        Field::Payload => {
            json!({ "type": "string", "enum": ["full", "thin"], "description": "How much of an event is sent." })
        }
        Field::Status => text("Whether it receives."),
        Field::Created => time("When it was made or happened."),
        Field::Kind => text("The event's type."),
        Field::Entity => text_or_null("What it is about."),
        Field::Data => json!({ "description": "The event's data." }),
        Field::Items if item.is_empty() => {
            json!({ "type": "array", "items": { "description": "What is pushed." } })
        }
        Field::Items => json!({ "type": "array", "items": object(item, &[]) }),
        Field::NextCursor => text_or_null("Where to go on."),
        Field::HasMore => json!({ "type": "boolean", "description": "Whether there is more already." }),
        Field::Event => text("The event's id."),
        Field::Subscription => text("The subscription's id."),
        Field::Delivery => text("The delivery's id."),
        Field::Trigger => {
            json!({ "type": "string", "enum": ["published", "replay", "test"], "description": "Why it exists." })
        }
        Field::Attempts => number("How many attempts were made."),
        Field::NextAttempt => time_or_null("When the next attempt is due."),
        Field::FirstAttempt => time_or_null("When the first attempt was made."),
        Field::Finished => time_or_null("When it ended."),
        Field::Outcome => text_or_null("What the last attempt came to."),
        Field::Number => number("Counted from 1."),
        Field::Started => time("When it began."),
        Field::Took => number("How many milliseconds it took."),
        Field::HttpStatus => number_or_null("The status that was answered."),
        Field::Response => text_or_null("The beginning of the answer."),
        Field::Stage => text_or_null("What was under way when it failed."),
        Field::Reason => text_or_null("Why it failed."),
        Field::Deliveries => number("How many deliveries were made."),
        Field::LookedAt => number("How many events were looked at."),
        Field::LeftOut => number("How many of them were left out."),
        Field::Window => number("Over how many seconds attempts are counted."),
        Field::Since => time("Since when they are counted."),
        Field::Start => time("When this stretch of time began."),
        Field::Delivered => number("How many attempts succeeded."),
        Field::Failed => number("How many attempts failed."),
        Field::Dead => number("How many deliveries were given up."),
        Field::FailedShare => {
            json!({ "type": "number", "description": "The share of attempts that failed, 0 to 1." })
        }
        Field::P50 => number_or_null("How many milliseconds half of the successes took at most."),
        Field::P95 => number_or_null("How many 95 in a hundred of them took at most."),
        Field::LastSuccess => time_or_null("When a delivery was last taken."),
        Field::LastFailure => time_or_null("When an attempt last failed."),
        Field::Warned => time_or_null("When its owner was last warned."),
    }
}

fn text(description: &str) -> Value {
    json!({ "type": "string", "description": description })
}

fn text_or_null(description: &str) -> Value {
    json!({ "type": ["string", "null"], "description": description })
}

fn time(description: &str) -> Value {
    json!({ "type": "string", "format": "date-time", "description": description })
}

fn time_or_null(description: &str) -> Value {
    json!({ "type": ["string", "null"], "format": "date-time", "description": description })
}

fn texts(description: &str) -> Value {
    json!({
        "type": "array", "minItems": 1, "description": description,
        "items": { "type": "string", "pattern": EVENT_PATTERN, "maxLength": 258 },
    })
}

fn number_or_null(description: &str) -> Value {
    json!({ "type": ["integer", "null"], "minimum": 0, "description": description })
}

fn number(description: &str) -> Value {
    json!({ "type": "integer", "minimum": 0, "description": description })
}

fn summary(action: Action) -> &'static str {
    match action {
        Action::CreateSubscription => "Register an endpoint",
        Action::ListSubscriptions => "List subscriptions, the oldest first",
        Action::GetSubscription => "One subscription",
        Action::UpdateSubscription => "Change a subscription",
        Action::DeleteSubscription => "Delete a subscription",
        Action::ActivateSubscription => "Let it receive",
        Action::DisableSubscription => "Let it receive no more",
        Action::RotateSecret => "Change the signing secret",
        Action::RevealSecret => "Its signing secret",
        Action::TestSubscription => "Send a test event",
        Action::CreateTenantSecret => "Make the account's signing secret anew",
        Action::RecoverSubscription => "Deliver again what it missed",
        Action::SubscriptionStats => "How its deliveries fare",
        Action::ListDeliveries => "List deliveries, those of the newest events first",
        Action::GetDelivery => "One delivery with its attempts",
        Action::RetryDelivery => "Deliver again",
        Action::Feed => "Read the feed",
        Action::ListEventTypes => "List the event types",
    }
}

fn scheme_of(place: &KeyPlace) -> String {
    match place {
        KeyPlace::Bearer => "key".to_owned(),
        KeyPlace::Header(name) if name.eq_ignore_ascii_case(X_API_KEY) => "key_header".to_owned(),
        KeyPlace::Header(name) => format!("key_in_{}", name.to_ascii_lowercase()),
    }
}

impl Entrance {
    /// Name of the first profile.
    pub(in crate::api) fn name(&self) -> &str {
        self.profiles.first().map_or("", String::as_str)
    }

    fn section(&self) -> String {
        format!("Front door: {}", self.profiles.join(", "))
    }
}

const X_API_KEY: &str = "X-API-Key";
