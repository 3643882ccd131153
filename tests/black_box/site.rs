//! A gateway with the store it runs on.

use hookgate_tests::{Client, Fsync, Gateway, RedisServer, Setup};

/// A gateway, its tenant `acme`, and the Redis behind it, if there is one.
pub(crate) struct Site {
    pub(crate) gateway: Gateway,
    pub(crate) acme: Client,
    pub(crate) redis: Option<RedisServer>,
}

/// Kind of store.
#[derive(Clone, Copy, Debug)]
pub(crate) enum On {
    Embedded,
    Redis,
}

impl Site {
    pub(crate) async fn start(on: On) -> Self {
        Self::with(on, "").await
    }

    /// Starts it with additional configuration, TOML. Redis flushes before each answer, because
    /// these tests check for loss.
    pub(crate) async fn with(on: On, toml: &str) -> Self {
        Self::set_up(on, toml, |setup| setup).await
    }

    /// Starts it under limits of the process, in the form of the shell's `ulimit`.
    pub(crate) async fn under(on: On, limits: &str, toml: &str) -> Self {
        Self::set_up(on, toml, |setup| setup.under(limits)).await
    }

    /// Starts it under a limit of the gateway's memory: an allocation over it ends the process.
    pub(crate) async fn limited(on: On, toml: &str, bytes: u64) -> Self {
        Self::set_up(on, toml, |setup| setup.with_data_limit(bytes)).await
    }

    async fn set_up(on: On, toml: &str, more: impl FnOnce(Setup) -> Setup) -> Self {
        let redis = match on {
            On::Embedded => None,
            On::Redis => Some(RedisServer::start(Fsync::Always).unwrap()),
        };
        let setup = redis
            .as_ref()
            .map_or_else(Setup::embedded, |redis| Setup::redis(&redis.url()));
        let gateway = more(setup.with(QUICK_RETRIES).with(toml)).start();
        let acme = gateway.tenant("acme").await;
        Self { gateway, acme, redis }
    }

    /// Ends the gateway's process and starts another, on another port.
    pub(crate) fn restart(mut self) -> Self {
        self.gateway = self.gateway.restart();
        self.acme = self.acme.towards(self.gateway.base());
        self
    }
}

/// Short retries, so that tests do not wait for the backoff of production.
const QUICK_RETRIES: &str = "retry.base = \"20ms\"\nretry.max = \"200ms\"";

/// Runs `async fn(On)` on both stores, as two tests.
macro_rules! on_both_stores {
    ($($name:ident),* $(,)?) => {$(
        mod $name {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn embedded() {
                super::$name(crate::site::On::Embedded).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn redis() {
                super::$name(crate::site::On::Redis).await;
            }
        }
    )*};
}

pub(crate) use on_both_stores;
