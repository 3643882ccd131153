//! Limits of the management API.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use hookgate_domain::units::{Size, Span};

/// Limits of one call of the management API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Maximum number of deliveries that one `recover` call creates. Its answer has the cursor to
    /// go on with.
    pub recover_deliveries: usize,
    /// Maximum number of events that one `recover` call examines.
    pub recover_events: usize,
    /// Most entries of the attempt log that one page of attempts looks at, 1 or more; a page that ends so is `partial`.
    pub list_scan: usize,
    /// Most deliveries of one event to one endpoint, its retries and replays included.
    pub max_deliveries_per_event: usize,
    /// Maximum size of an imported document.
    pub max_import_size: Size,
    /// Maximum number of rows of an imported document.
    pub max_import_rows: usize,
    /// Maximum number of rows that the answer to an import lists: refused, created or changed rows.
    pub max_import_rows_shown: usize,
    /// Maximum number of concurrent exports and imports. Over it: 503 and `Retry-After`.
    pub max_transfers: usize,
    /// Maximum number of concurrent exports and imports of one tenant. The operator counts as one
    /// tenant. Over it: 429 and `Retry-After`.
    pub max_transfers_per_tenant: usize,
    /// Most clients that may watch a tail (`/v1/tail`) at once, 1 or more. Over it: 503 and `Retry-After`.
    pub tail_clients: usize,
    /// Most of them that may be one tenant's, 1 or more. Over it: 429 and `Retry-After`.
    pub tail_clients_per_tenant: usize,
    /// Lines that a client of a tail is sent in a second, 1 or more; of what is more it is told the number.
    pub tail_lines: usize,
    /// Time between two looks of a tail for what happened at other gateways, and for attempts; what its own gateway accepts it sees at once.
    pub tail_poll: Span,
    /// Maximum concurrent component uploads of a tenant. Over it: 429 and `Retry-After`.
    pub max_uploads_per_tenant: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            recover_deliveries: 1_000,
            recover_events: 10_000,
            list_scan: 4_000,
            max_deliveries_per_event: 100,
            max_import_size: Size::from_bytes(32 << 20),
            max_import_rows: 100_000,
            max_import_rows_shown: 1_000,
            max_transfers: 8,
            max_transfers_per_tenant: 2,
            tail_clients: 64,
            tail_clients_per_tenant: 16,
            tail_lines: 200,
            tail_poll: Span::from_millis(500),
            max_uploads_per_tenant: 4,
        }
    }
}
