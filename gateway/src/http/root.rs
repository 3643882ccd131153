//! Root handler of requests: the ingest for the hot route, the router for all others.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;

use axum::Router;
use http::{Method, Request, StatusCode, header};
use http_body_util::Either;
use tower_service::Service;

use super::{Code, Problem, Refused, RequestBody, Response, bearer, hops};
use crate::ui::TOKEN_PREFIX;

/// Handler of requests. Cheap to clone.
pub trait Endpoint: Clone + Send + Sync + 'static {
    /// Answers a request.
    fn answer(&self, request: Request<RequestBody>) -> impl Future<Output = Response> + Send;

    /// Answers a request that is refused because of its head.
    fn refuse(&self, _: Request<()>, problem: Problem) -> impl Future<Output = Response> + Send {
        async { problem.into_reply() }
    }
}

/// Handler of `POST /v1/events`. Cheap to clone.
pub trait Publish: Clone + Send + Sync + 'static {
    /// Answers a request.
    fn publish(&self, request: Request<RequestBody>) -> impl Future<Output = Response> + Send;
}

/// Listener that accepted a request, as an extension of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listener {
    /// Only listener: serves everything.
    Shared,
    /// Listener for products' customers.
    Public,
    /// Listener for everything else, if customers have one of their own.
    Admin,
}

/// Root handler of the gateway.
#[derive(Debug, Clone)]
pub struct RootHandler<P> {
    ingest: P,
    routes: Router,
    listener: Listener,
}

impl<P: Publish> RootHandler<P> {
    /// Creates a handler that passes `POST /v1/events` to the ingest without the router.
    /// The router costs as much as parsing a small event. It serves the same route where it is used
    /// alone, and for the public listener.
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
                // The router adds it outside of all layers, to any response for a method that a
                // path does not have.
                if response.status() != StatusCode::METHOD_NOT_ALLOWED {
                    response.headers_mut().remove(header::ALLOW);
                }
                response.map(Either::Right)
            }
            Err(never) => match never {},
        }
    }
}

impl<P: Publish> Endpoint for RootHandler<P> {
    async fn answer(&self, request: Request<RequestBody>) -> Response {
        if let Err(problem) = hops(request.headers()) {
            return self.refuse(request.map(drop), problem).await;
        }
        let hot = request.method() == Method::POST && request.uri().path() == EVENTS;
        // The router's layers look sessions up.
        let has_session = || bearer(request.headers()).is_some_and(|key| key.starts_with(TOKEN_PREFIX));
        if hot && self.listener != Listener::Public && !has_session() {
            return self.ingest.publish(request).await;
        }
        self.route(request.map(axum::body::Body::new)).await
    }

    /// Refuses through the router, which knows the form of a route's refusals.
    async fn refuse(&self, request: Request<()>, problem: Problem) -> Response {
        let mut request = request.map(|()| axum::body::Body::empty());
        request.extensions_mut().insert(Refused(Arc::new(problem)));
        self.route(request).await
    }
}

/// Handler of `server.health_listen`: liveness, readiness and metrics.
#[derive(Debug, Clone)]
pub struct HealthHandler<P>(pub RootHandler<P>);

impl<P: Publish> Endpoint for HealthHandler<P> {
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
