//! Who answers a request: the ingest for the hot one, the router for all others.

use std::convert::Infallible;
use std::future::Future;

use axum::Router;
use http::{Method, Request};
use http_body_util::Either;
use tower_service::Service;

use super::{Code, Problem, RequestBody, Response, hops};

/// Answers requests. Cheap to clone.
pub trait Endpoint: Clone + Send + Sync + 'static {
    /// Answers one.
    fn answer(&self, request: Request<RequestBody>) -> impl Future<Output = Response> + Send;
}

/// Answers `POST /v1/events`. Cheap to clone.
pub trait Publish: Clone + Send + Sync + 'static {
    /// Answers one.
    fn publish(&self, request: Request<RequestBody>) -> impl Future<Output = Response> + Send;
}

/// The gateway as a client sees it.
#[derive(Debug, Clone)]
pub struct Front<P> {
    ingest: P,
    routes: Router,
}

impl<P: Publish> Front<P> {
    /// Sends `POST /v1/events` to the ingest without going through the router, which costs as much as parsing a small event.
    /// The router serves the same route for whoever uses it alone.
    pub fn new(ingest: P, routes: Router) -> Self {
        Self { ingest, routes }
    }
}

impl<P: Publish> Endpoint for Front<P> {
    async fn answer(&self, request: Request<RequestBody>) -> Response {
        if let Err(problem) = hops(request.headers()) {
            return problem.into_reply();
        }
        if request.method() == Method::POST && request.uri().path() == EVENTS {
            return self.ingest.publish(request).await;
        }
        let mut routes = self.routes.clone();
        let answered: Result<_, Infallible> = routes.call(request.map(axum::body::Body::new)).await;
        match answered {
            Ok(response) => response.map(Either::Right),
            Err(never) => match never {},
        }
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
