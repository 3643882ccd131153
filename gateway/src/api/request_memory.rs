//! Memory charged for the body and document of a request, held until the request is answered.

use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use http::HeaderMap;
use hyper::body::Body;

use super::Api;
use crate::http::{Account, BodyLimits, Caller, Charge, Head, Problem, receive};
use hookgate_domain::{Scope, TenantId};

/// Memory of a request, as a request extension.
#[derive(Debug, Clone, Default)]
pub(super) struct RequestMemory {
    charge: Arc<Mutex<Charge>>,
}

/// Tenant that a request's memory is charged to, as a request extension.
///
/// Present if the key is not in the usual headers.
#[derive(Debug, Clone)]
pub(super) struct Owner(pub TenantId);

/// Body of a request that another layer has read, as a request extension.
#[derive(Debug, Clone)]
pub(super) struct InMemory(pub Bytes);

/// Holds the memory of a request until its response is made; tells the server which route answered.
pub(super) async fn layer(mut request: Request, next: Next) -> Response {
    let memory = RequestMemory::default();
    request.extensions_mut().insert(memory.clone());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut response = next.run(request).await;
    drop(memory);
    if let Some(route) = route {
        response.extensions_mut().insert(route);
    }
    response
}

/// Reads the body of a request.
///
/// # Errors
/// Errors of [`receive`].
pub(super) async fn read<B>(
    api: &Api,
    request: http::Request<B>,
    limits: BodyLimits,
) -> Result<(http::request::Parts, Bytes), Problem>
where
    B: Body<Data = Bytes> + Unpin,
{
    let (mut head, body) = request.into_parts();
    if let Some(InMemory(bytes)) = head.extensions.remove() {
        return Ok((head, bytes));
    }
    let owner = owner(api, &head.headers, &head.extensions);
    let account = Account {
        pool: &api.memory,
        owner: owner.as_ref(),
    };
    let received = receive(&head.headers, body, limits, account).await?;
    if let Some(memory) = head.extensions.get::<RequestMemory>() {
        memory.hold(received.memory);
    }
    Ok((head, received.bytes))
}

/// Charges the document of a JSON text.
///
/// # Errors
/// Errors of [`Account::charge_document`].
pub(super) fn charge_document(api: &Api, head: &http::request::Parts, text: &[u8]) -> Result<(), Problem> {
    let owner = owner(api, &head.headers, &head.extensions);
    let account = Account {
        pool: &api.memory,
        owner: owner.as_ref(),
    };
    let mut charge = Charge::default();
    account.charge_document(&mut charge, text)?;
    if let Some(memory) = head.extensions.get::<RequestMemory>() {
        memory.hold(charge);
    }
    Ok(())
}

/// Tenant that a request is for, by its key.
///
/// `None` for the operator itself, or an unknown caller.
pub(super) fn owner(api: &Api, headers: &HeaderMap, extensions: &http::Extensions) -> Option<TenantId> {
    if let Some(Owner(tenant)) = extensions.get() {
        return Some(tenant.clone());
    }
    let head = Head::from((headers, extensions));
    match api.auth.caller(head) {
        Ok(Caller::Tenant(tenant, _)) | Ok(Caller::Session(tenant, _)) => Some(tenant.id.clone()),
        // The operator acts for a tenant or for itself; its key has every scope.
        Ok(Caller::Operator) => {
            let tenant = api.auth.tenant(head, Scope::Read);
            tenant.ok().map(|tenant| tenant.id.clone())
        }
        Err(_) => None,
    }
}

impl RequestMemory {
    /// Holds further memory until the request is answered.
    fn hold(&self, charge: Charge) {
        self.charge
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .add(charge);
    }
}
