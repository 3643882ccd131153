//! Outermost layer: the routes of each listener, and the wording and headers of its responses.
//!
//! A route that its listener does not serve is answered as if it did not exist. A refusal at a
//! product's route has the product's wording; any other refusal on the public listener has neutral
//! wording. The response carries its problem as an extension, independently of what refused the
//! request (the route, a layer, the checks of the head). Only this layer rewords it.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, Method};

use super::Api;
use super::doors::{Entrance, Occasion, reword};
use super::sessions::is_sessions;
use super::{capabilities, pages, unknown};
use crate::http::{Also, Listener, Refused, bearer};
use crate::ui::Sessions;
use hookgate_contract::profile::Door;

/// State of the layer. Cheap to clone.
#[derive(Clone)]
pub(super) struct Listeners {
    api: Api,
    doors: Arc<HashMap<String, Takers>>,
}

/// Product routes of a path: the methods, and the adapter of each.
type Takers = Vec<(Method, Arc<Entrance>)>;

/// Owner of the route that a request is for.
enum Place<'a> {
    /// A product's route.
    Door(&'a Entrance),
    /// A route of this API.
    Own(&'a str),
    /// No route.
    Nowhere,
}

impl Listeners {
    /// Creates the layer around the API's routes and these adapters.
    pub(super) fn new(api: Api, entrances: &[Arc<Entrance>]) -> Self {
        let mut doors: HashMap<String, Takers> = HashMap::new();
        for entrance in entrances {
            for (path, method) in entrance.places() {
                doors
                    .entry(path)
                    .or_default()
                    .push((method, Arc::clone(entrance)));
            }
        }
        let doors = Arc::new(doors);
        Self { api, doors }
    }

    fn place<'a>(&'a self, path: Option<&'a MatchedPath>, method: &Method) -> Place<'a> {
        let Some(path) = path.map(MatchedPath::as_str) else {
            return Place::Nowhere;
        };
        let Some(doors) = self.doors.get(path) else {
            return Place::Own(path);
        };
        let exact = doors.iter().find(|(taken, _)| taken == method);
        match exact.or(doors.first()) {
            Some((_, entrance)) => Place::Door(entrance),
            None => Place::Own(path),
        }
    }

    fn serves(&self, listener: Listener, place: &Place<'_>, request: &Request) -> bool {
        let method = request.method();
        let get = method == Method::GET || method == Method::HEAD;
        match (listener, place) {
            (Listener::Shared, _) | (_, Place::Nowhere) | (Listener::Public, Place::Door(_)) => true,
            (Listener::Admin, place) => !matches!(place, Place::Door(_)),
            (Listener::Public, Place::Own(path)) => match *path {
                "/v1/events" if method == Method::POST => self.also(Also::Publish),
                "/v1/events" if get => self.also(Also::Feed),
                "/healthz" | "/readyz" if get => self.also(Also::Health),
                _ => self.serves_portal(listener, place, request),
            },
        }
    }

    /// Returns `true` if the public listener serves the request as one of the portal.
    fn serves_portal(&self, listener: Listener, place: &Place<'_>, request: &Request) -> bool {
        let (Listener::Public, Place::Own(path)) = (listener, place) else {
            return false;
        };
        let permitted = || {
            let token = bearer(request.headers()).is_some_and(Sessions::is_token);
            token && capabilities::needed(request.method(), path).is_some()
        };
        self.also(Also::Portal) && (pages::is_portals(path) || is_sessions(path) || permitted())
    }

    fn also(&self, what: Also) -> bool {
        self.api.public_also.contains(&what)
    }
}

/// Serves the routes of the listener, in the wording of the route's owner.
pub(super) async fn layer(State(listeners): State<Listeners>, mut request: Request, next: Next) -> Response {
    let listener = request.extensions().get().copied().unwrap_or(Listener::Shared);
    let refused: Option<Refused> = request.extensions_mut().remove();
    let path = request.extensions().get::<MatchedPath>().cloned();
    let method = request.method().clone();
    let place = listeners.place(path.as_ref(), &method);
    let served = listeners.serves(listener, &place, &request);
    let portal = listeners.serves_portal(listener, &place, &request);
    let response = match refused {
        _ if !served => unknown::route(request.uri().clone()).await.into_response(),
        Some(Refused(problem)) => Arc::unwrap_or_clone(problem).into_response(),
        None => next.run(request).await,
    };
    match (listener, place) {
        (_, Place::Door(entrance)) if served => at_door(&listeners.api, entrance, &method, response),
        (Listener::Public, place) if !portal => in_public(&method, &place, response),
        _ => response,
    }
}

/// Completes a response of a product's route: its headers, and the wording of a refusal.
fn at_door(api: &Api, entrance: &Entrance, method: &Method, response: Response) -> Response {
    let door: &Door = entrance.door();
    let wording = &door.wording;
    let id = wording.request_id.is_some().then(|| api.ids.request());
    let refused: Option<Refused> = response.extensions().get().cloned();
    let status = response.status();
    let mut response = match &refused {
        Some(Refused(problem)) => {
            let occasion = Occasion {
                door: Some(door),
                method,
                request_id: id.as_deref(),
            };
            reword(&occasion, problem, response)
        }
        None => response,
    };
    if let Some(Refused(problem)) = refused.filter(|_| status.is_server_error()) {
        let (code, profile) = (problem.code().name(), entrance.name());
        tracing::warn!(
            request = id.as_deref(),
            profile,
            code,
            status = status.as_u16(),
            "door.failed"
        );
    }
    let own = wording.headers.iter().map(|(name, value)| (name, value.as_str()));
    for (name, value) in own.chain(wording.request_id.iter().zip(id.as_deref())) {
        // Validated when the profile was read.
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse::<HeaderValue>()) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// Completes any other response of the public listener: neutral wording, no state of the gateway.
fn in_public(method: &Method, place: &Place<'_>, mut response: Response) -> Response {
    let refused: Option<Refused> = response.extensions().get().cloned();
    if let Some(Refused(problem)) = refused {
        let occasion = Occasion {
            door: None,
            method,
            request_id: None,
        };
        return reword(&occasion, &problem, response);
    }
    if matches!(place, Place::Own("/readyz")) {
        *response.body_mut() = Body::from(READY);
    }
    response
}

const READY: &str = "{\"status\":\"ok\"}";
