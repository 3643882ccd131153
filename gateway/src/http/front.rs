//! Who answers a request: the ingest for the hot one, the router for all others.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;

use axum::Router;
use http::{Method, Request, StatusCode, header};
use http_body_util::Either;
use tower_service::Service;

use super::{Code, Problem, Refused, RequestBody, Response, hops};

/// Answers requests. Cheap to clone.
pub trait Endpoint: Clone + Send + Sync + 'static {
    /// Answers one.
    fn answer(&self, request: Request<RequestBody>) -> impl Future<Output = Response> + Send;

    /// Answers one that is refused by its head.
    fn refuse(&self, _: Request<()>, problem: Problem) -> impl Future<Output = Response> + Send {
        async { problem.into_reply() }
    }
}

/// Answers `POST /v1/events`. Cheap to clone.
pub trait Publish: Clone + Send + Sync + 'static {
    /// Answers one.
    fn publish(&self, request: Request<RequestBody>) -> impl Future<Output = Response> + Send;
}

/// The listener that took a request, as an extension of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listener {
    /// The only one: everything is served.
    Shared,
    /// The one for products' customers.
    Public,
    /// The one for everything else, where customers have one of their own.
    Admin,
}

/// The gateway as a client sees it.
#[derive(Debug, Clone)]
pub struct Front<P> {
    ingest: P,
    routes: Router,
    listener: Listener,
}

impl<P: Publish> Front<P> {
    /// Sends `POST /v1/events` to the ingest without going through the router, which costs as much as parsing a small event.
    /// The router serves the same route for whoever uses it alone, and for the public listener.
    pub fn new(ingest: P, routes: Router, listener: Listener) -> Self {
        Self {
            ingest,
            routes,
            listener,
        }
    }

    async fn route(&self, mut request: Request<axum::body::Body>) -> Response {
        request.extensions_mut().insert(self.listener);
        let mut routes = self.routes.clone();
        let answered: Result<_, Infallible> = routes.call(request).await;
        match answered {
            Ok(mut response) => {
                // Added outside of all layers, to whatever they answer for a method that a path does not have.
                if response.status() != StatusCode::METHOD_NOT_ALLOWED {
                    response.headers_mut().remove(header::ALLOW);
                }
                response.map(Either::Right)
            }
            Err(never) => match never {},
        }
    }
}

impl<P: Publish> Endpoint for Front<P> {
    async fn answer(&self, request: Request<RequestBody>) -> Response {
        if let Err(problem) = hops(request.headers()) {
            return self.refuse(request.map(drop), problem).await;
        }
        let hot = request.method() == Method::POST && request.uri().path() == EVENTS;
        if hot && self.listener != Listener::Public {
            return self.ingest.publish(request).await;
        }
        self.route(request.map(axum::body::Body::new)).await
    }

    /// Through the router, which knows in whose words a route refuses.
    async fn refuse(&self, request: Request<()>, problem: Problem) -> Response {
        let mut request = request.map(|()| axum::body::Body::empty());
        request.extensions_mut().insert(Refused(Arc::new(problem)));
        self.route(request).await
    }
}

/// The gateway as `server.health_listen` shows it: whether it lives, whether it is ready, its figures.
#[derive(Debug, Clone)]
pub struct HealthFront<P>(pub Front<P>);

impl<P: Publish> Endpoint for HealthFront<P> {
    async fn answer(&self, request: Request<RequestBody>) -> Response {
        if HEALTH.contains(&request.uri().path()) {
            return self.0.answer(request).await;
        }
        Problem::new(
            Code::RouteUnknown,
            "This listener has `/healthz`, `/readyz` and `/metrics` alone.",
        )
        .fix("Use the address of `server.listen`.")
        .into_reply()
    }
}

const EVENTS: &str = "/v1/events";
const HEALTH: [&str; 3] = ["/healthz", "/readyz", "/metrics"];
