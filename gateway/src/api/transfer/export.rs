//! Export: the document of one tenant, or of all, as a stream.
//!
//! One piece of it is in memory at a time, and one tenant's snapshot.

use std::convert::Infallible;
use std::sync::Arc;
use std::vec;

use aide::OperationOutput;
use aide::generate::GenContext;
use aide::openapi::{MediaType, Operation, Response as DocumentedResponse, StatusCode};
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderValue, header};
use serde::Serialize;

use super::super::Api;
use super::NDJSON;
use super::document::{EndRow, Header, KeyRow, Kind, Reader, SubscriptionRow, TenantRow, TypeRow};
use crate::http::InFlight;
use hookgate_domain::{TenantId, Timestamp};
use hookgate_registry::Tenant;

/// Export in progress.
pub(super) struct Export {
    api: Api,
    /// Tenants that are still to come.
    tenants: vec::IntoIter<TenantId>,
    current: Option<Cursor>,
    reader: Reader,
    rows: usize,
    now: Timestamp,
    part: Part,
    _held: InFlight,
}

/// Position within a tenant.
struct Cursor {
    tenant: Arc<Tenant>,
    at: usize,
}

enum Part {
    Header,
    Rows,
    Done,
}

impl Export {
    pub(super) fn new(api: Api, tenants: Vec<TenantId>, reader: Reader, held: InFlight) -> Self {
        Self {
            now: api.clock.now(),
            api,
            tenants: tenants.into_iter(),
            current: None,
            reader,
            rows: 0,
            part: Part::Header,
            _held: held,
        }
    }

    /// Returns the next piece; `None` at the end.
    fn next_piece(&mut self) -> Option<Bytes> {
        let mut piece = Vec::with_capacity(PIECE);
        loop {
            match self.part {
                Part::Header => {
                    line(&mut piece, &Header::new(self.now));
                    self.part = Part::Rows;
                }
                Part::Rows => {
                    if self.write_row(&mut piece) {
                        self.rows += 1;
                    } else {
                        self.end(&mut piece);
                    }
                }
                Part::Done => return (!piece.is_empty()).then(|| piece.into()),
            }
            if piece.len() >= PIECE {
                return Some(piece.into());
            }
        }
    }

    fn end(&mut self, piece: &mut Vec<u8>) {
        let rows = self.rows;
        let kind = Kind::End;
        line(piece, &EndRow { kind, rows });
        tracing::info!(rows, "registry.exported");
        self.part = Part::Done;
    }

    /// Writes the next row; `false` if there is none.
    fn write_row(&mut self, piece: &mut Vec<u8>) -> bool {
        loop {
            if let Some(cursor) = &mut self.current {
                if cursor.write(piece, self.reader, self.now) {
                    return true;
                }
                self.current = None;
            }
            let Some(id) = self.tenants.next() else {
                return false;
            };
            // A tenant deleted in the meantime is left out.
            self.current = self
                .api
                .registry
                .tenant(&id)
                .map(|tenant| Cursor { tenant, at: 0 });
        }
    }
}

impl Cursor {
    /// Writes the tenant's next row; `false` if there is none.
    ///
    /// The order is: its settings, event types, subscriptions, keys.
    fn write(&mut self, piece: &mut Vec<u8>, reader: Reader, now: Timestamp) -> bool {
        let (tenant, at) = (&*self.tenant, self.at);
        self.at += 1;
        if at == 0 {
            line(piece, &TenantRow::new(tenant, now, reader));
            return true;
        }
        let at = at - 1;
        if let Some(own) = tenant.types.values().nth(at) {
            line(piece, &TypeRow::new(tenant, &own.spec));
            return true;
        }
        let at = at - tenant.types.len();
        if let Some(subscription) = tenant.subscriptions.get(at) {
            line(piece, &SubscriptionRow::new(tenant, subscription, now, reader));
            return true;
        }
        let key = match reader {
            Reader::Operator => tenant.keys.get(at - tenant.subscriptions.len()),
            Reader::Tenant => None,
        };
        key.inspect(|key| line(piece, &KeyRow::new(tenant, key)))
            .is_some()
    }
}

fn line<T: Serialize>(piece: &mut Vec<u8>, row: &T) {
    serde_json::to_writer(&mut *piece, row).expect("rows are texts and numbers, and memory takes them");
    piece.push(b'\n');
}

impl IntoResponse for Export {
    fn into_response(self) -> Response {
        let pieces = stream::unfold(self, async |mut export| {
            let piece = export.next_piece()?;
            Some((Ok::<_, Infallible>(piece), export))
        });
        let mut response = Response::new(Body::from_stream(pieces));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(NDJSON));
        let name = HeaderValue::from_static("attachment; filename=\"hookgate-registry.ndjson\"");
        headers.insert(header::CONTENT_DISPOSITION, name);
        response
    }
}

impl OperationOutput for Export {
    type Inner = String;

    fn operation_response(_: &mut GenContext, _: &mut Operation) -> Option<DocumentedResponse> {
        let content = [(NDJSON.to_owned(), MediaType::default())].into_iter().collect();
        Some(DocumentedResponse {
            description: "One JSON object a line; the last line counts the rows. It holds secrets."
                .to_owned(),
            content,
            ..DocumentedResponse::default()
        })
    }

    fn inferred_responses(
        ctx: &mut GenContext,
        operation: &mut Operation,
    ) -> Vec<(Option<StatusCode>, DocumentedResponse)> {
        let response = Self::operation_response(ctx, operation);
        response
            .map(|response| (Some(StatusCode::Code(200)), response))
            .into_iter()
            .collect()
    }
}

/// Approximate number of bytes that are sent at once.
const PIECE: usize = 32 << 10;
