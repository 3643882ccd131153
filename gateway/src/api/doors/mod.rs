//! Product adapters: the routes that a product's customers know, served as its profile describes.
//!
//! Each route of a profile's adapter (its `Door`) becomes a route of the router, next to this API's
//! routes. `config` refuses an adapter that would hide one of those. A request passes four steps:
//!
//! 1. `caller` authenticates it.
//! 2. `request` maps its fields to this API's names.
//! 3. `action` carries it out, by the functions that this API's routes call.
//! 4. `answer` builds the response. `errors` and `refusals` reword refusals; `listeners` calls them
//!    for every refusal, independently of its origin.
//!
//! An adapter decides nothing: it only maps names.

mod action;
mod answer;
mod caller;
mod deliveries;
mod describe;
mod errors;
mod refusals;
mod request;

use std::sync::Arc;

use aide::axum::ApiRouter;
use aide::axum::routing::{ApiMethodRouter, delete_with, get_with, patch_with, post_with, put_with};
use aide::openapi::Operation;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use percent_encoding::percent_decode_str;

use super::Api;
use super::input::Consuming;
use super::request_memory::Owner;
use crate::http::{Problem, from_no_delivery};
use hookgate_contract::profile::{Door, KeyPlace, Method, Profiles, Route};

pub(super) use describe::{schemes, tags};
pub(super) use errors::{Occasion, reword};

/// Adapter and its profiles: one profile, and those that extend it without changing the adapter.
#[derive(Debug)]
pub(super) struct Entrance {
    profiles: Vec<String>,
    door: Door,
}

/// Authenticated request.
struct Visit<'a> {
    api: &'a Api,
    door: &'a Door,
    route: &'a Route,
    caller: &'a Consuming,
}

/// Collects the adapters of all profiles.
pub(super) fn entrances(profiles: &Profiles) -> Vec<Arc<Entrance>> {
    let mut entrances: Vec<Entrance> = Vec::new();
    for profile in profiles.iter().filter(|profile| !profile.door.routes.is_empty()) {
        match entrances
            .iter_mut()
            .find(|entrance| entrance.door == profile.door)
        {
            Some(entrance) => entrance.profiles.push(profile.name.clone()),
            None => entrances.push(Entrance {
                profiles: vec![profile.name.clone()],
                door: profile.door.clone(),
            }),
        }
    }
    entrances.into_iter().map(Arc::new).collect()
}

/// Builds the routes of the adapters.
pub(super) fn routes(entrances: &[Arc<Entrance>]) -> ApiRouter<Api> {
    let all = entrances.iter().flat_map(|entrance| {
        let routes = entrance.door.routes.iter();
        routes.map(move |route| (entrance, route))
    });
    all.fold(ApiRouter::new(), |router, (entrance, route)| {
        let operation = describe::operation(entrance, route);
        router.api_route(&route.path.to_string(), served(entrance, route, operation))
    })
}

fn method(method: Method) -> http::Method {
    match method {
        Method::Get => http::Method::GET,
        Method::Post => http::Method::POST,
        Method::Put => http::Method::PUT,
        Method::Patch => http::Method::PATCH,
        Method::Delete => http::Method::DELETE,
    }
}

fn served(entrance: &Arc<Entrance>, route: &Route, operation: Operation) -> ApiMethodRouter<Api> {
    let described = describe::as_is(operation);
    let (entrance, found) = (Arc::clone(entrance), Arc::new(route.clone()));
    let answer = move |State(api): State<Api>, request: Request| {
        let (entrance, route) = (Arc::clone(&entrance), Arc::clone(&found));
        async move { entrance.answer(&api, &route, request).await }
    };
    match route.method {
        Method::Get => get_with(answer, described),
        Method::Post => post_with(answer, described),
        Method::Put => put_with(answer, described),
        Method::Patch => patch_with(answer, described),
        Method::Delete => delete_with(answer, described),
    }
}

impl Entrance {
    /// Definition of the adapter.
    pub(super) fn door(&self) -> &Door {
        &self.door
    }

    /// Profiles that have the adapter.
    pub(super) fn profiles(&self) -> &[String] {
        &self.profiles
    }

    /// Paths and methods of the routes.
    pub(super) fn places(&self) -> impl Iterator<Item = (String, http::Method)> {
        let routes = self.door.routes.iter();
        routes.map(|route| (route.path.to_string(), method(route.method)))
    }

    /// Header that keys come in, if the adapter names one.
    pub(super) fn key_header(&self) -> Option<&str> {
        match &self.door.key {
            KeyPlace::Bearer => None,
            KeyPlace::Header(name) => Some(name.as_str()),
        }
    }

    async fn answer(&self, api: &Api, route: &Route, request: Request) -> Response {
        match self.visit(api, route, request).await {
            Ok(response) => response,
            Err(problem) => problem.into_response(),
        }
    }

    async fn visit(&self, api: &Api, route: &Route, mut request: Request) -> Result<Response, Problem> {
        let caller = caller::tenant(&api.auth, self, route.action, request.headers())?;
        request.extensions_mut().insert(Owner(caller.tenant.id.clone()));
        if caller::asks_for_deliveries(route.action) {
            from_no_delivery(request.headers())?;
        }
        let visit = Visit {
            api,
            door: &self.door,
            route,
            caller: &caller,
        };
        let id = route
            .path
            .matches(request.uri().path())
            .flatten()
            .map(|id| percent_decode_str(id).decode_utf8_lossy().into_owned());
        let fields = request::fields(api, route, request).await?;
        let done = action::perform(&visit, id.as_deref(), fields).await;
        done.map_err(|problem| request::in_its_words(route, problem))
    }
}
