//! Contract suite and faults with real servers; each test starts a separate one.

mod cluster;
mod faults;
mod server;
mod usage;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::*;
use crate::contract::{Settings, Subject, contract_suite};
use hookgate_domain::units::Span;
use server::Server;

/// Store with its server.
struct Real {
    store: Arc<dyn Store>,
    /// The server; `None` where several stores share one.
    _server: Option<Server>,
}

#[async_trait]
impl Subject for Real {
    fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    fn stands_still(&self) -> bool {
        false
    }
}

async fn fresh(settings: Settings) -> Real {
    let server = Server::start("everysec").await;
    let store = open_with(&server, &settings.retention).await;
    Real {
        store,
        _server: Some(server),
    }
}

async fn open(server: &Server) -> Arc<dyn Store> {
    open_with(server, &Retention::default()).await
}

async fn open_with(server: &Server, retention: &Retention) -> Arc<dyn Store> {
    Arc::new(
        RedisStore::open(&server.url(), &patient(), retention)
            .await
            .unwrap(),
    )
}

/// Settings with long timeouts, for a machine busy with other tests.
fn patient() -> Config {
    Config {
        accept_timeout: Span::from_secs(20),
        response_timeout: Span::from_secs(20),
        connect_timeout: Span::from_secs(20),
        ..Config::default()
    }
}

contract_suite!(fresh);
