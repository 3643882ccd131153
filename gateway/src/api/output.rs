//! Responses: `201`, `202`, `204`, and `200` with reserved memory.

use aide::OperationOutput;
use aide::generate::GenContext;
use aide::openapi::{Operation, Response, StatusCode as DocumentedStatus};
use axum::Json;
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::IntoResponse;
use http_body_util::BodyExt as _;
use schemars::JsonSchema;
use serde::Serialize;

use hookgate_runtime::memory::Reservation;

/// `201 Created`, with the location of the new resource.
pub(super) struct Created<T> {
    /// Path of the new resource.
    pub location: String,
    /// New resource.
    pub made: T,
}

/// `202 Accepted`: the work is not done yet.
pub(super) struct Accepted<T>(pub T);

/// `200 OK`, with memory held until the response is sent.
pub(super) struct Held<T>(pub T, pub Option<Reservation>);

/// `204 No Content`.
pub(super) struct Gone;

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> axum::response::Response {
        let location: Option<(HeaderName, HeaderValue)> =
            self.location.parse().ok().map(|path| (header::LOCATION, path));
        let mut response = (StatusCode::CREATED, Json(self.made)).into_response();
        response.headers_mut().extend(location);
        response
    }
}

impl<T: Serialize> IntoResponse for Accepted<T> {
    fn into_response(self) -> axum::response::Response {
        (StatusCode::ACCEPTED, Json(self.0)).into_response()
    }
}

impl<T: Serialize> IntoResponse for Held<T> {
    fn into_response(self) -> axum::response::Response {
        let Self(page, memory) = self;
        hold(Json(page).into_response(), memory)
    }
}

/// Keeps memory reserved until a response's body is sent or given up.
pub(super) fn hold(
    response: axum::response::Response,
    memory: Option<Reservation>,
) -> axum::response::Response {
    let Some(memory) = memory else { return response };
    response.map(|body| {
        Body::new(body.map_frame(move |frame| {
            let _held = &memory;
            frame
        }))
    })
}

impl IntoResponse for Gone {
    fn into_response(self) -> axum::response::Response {
        StatusCode::NO_CONTENT.into_response()
    }
}

impl<T: JsonSchema> OperationOutput for Created<T> {
    type Inner = T;

    fn operation_response(ctx: &mut GenContext, operation: &mut Operation) -> Option<Response> {
        Json::<T>::operation_response(ctx, operation)
    }

    fn inferred_responses(
        ctx: &mut GenContext,
        operation: &mut Operation,
    ) -> Vec<(Option<DocumentedStatus>, Response)> {
        with_status(201, Self::operation_response(ctx, operation))
    }
}

impl<T: JsonSchema> OperationOutput for Held<T> {
    type Inner = T;

    fn operation_response(ctx: &mut GenContext, operation: &mut Operation) -> Option<Response> {
        Json::<T>::operation_response(ctx, operation)
    }

    fn inferred_responses(
        ctx: &mut GenContext,
        operation: &mut Operation,
    ) -> Vec<(Option<DocumentedStatus>, Response)> {
        Json::<T>::inferred_responses(ctx, operation)
    }
}

impl<T: JsonSchema> OperationOutput for Accepted<T> {
    type Inner = T;

    fn operation_response(ctx: &mut GenContext, operation: &mut Operation) -> Option<Response> {
        Json::<T>::operation_response(ctx, operation)
    }

    fn inferred_responses(
        ctx: &mut GenContext,
        operation: &mut Operation,
    ) -> Vec<(Option<DocumentedStatus>, Response)> {
        with_status(202, Self::operation_response(ctx, operation))
    }
}

impl OperationOutput for Gone {
    type Inner = ();

    fn inferred_responses(
        _: &mut GenContext,
        _: &mut Operation,
    ) -> Vec<(Option<DocumentedStatus>, Response)> {
        with_status(
            204,
            Some(Response {
                description: "Done; there is nothing to show.".to_owned(),
                ..Response::default()
            }),
        )
    }
}

fn with_status(status: u16, response: Option<Response>) -> Vec<(Option<DocumentedStatus>, Response)> {
    response
        .map(|response| (Some(DocumentedStatus::Code(status)), response))
        .into_iter()
        .collect()
}
