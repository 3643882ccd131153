//! Codes, tokens and sessions in the store.
//!
//! A code and a token are found by their digest. A code is exchanged by compare-and-set, so that one
//! of several exchanges wins. Sessions of a tenant are ended together by a time: those of links that
//! were made until then are over, the links that were not used yet too.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::token::{TokenKey, has_form};
use super::{Config, Grant, Session, record};
use hookgate_domain::{Secret, TenantId, Timestamp};
use hookgate_runtime::clock::Clock;
use hookgate_store::clock::StoreClock;
use hookgate_store::{NoteOwner, Store, StoreError};

/// Sessions in the store. Cheap to clone.
#[derive(Clone)]
pub struct Sessions {
    store: Arc<dyn Store>,
    clock: Clock,
    store_clock: StoreClock,
    key: TokenKey,
    /// Maximum number of sessions of a tenant at once, and of its unused links.
    per_tenant: u64,
    /// Maximum number of sessions of all tenants at once.
    total: u64,
}

/// Code of a new link.
#[derive(Debug)]
pub struct Issued {
    /// The code.
    pub code: Secret,
    /// Time at which the code expires.
    pub expires: Timestamp,
}

/// Error of a session operation.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The code is unknown, used or expired.
    #[error("the code is unknown, used or expired")]
    CodeInvalid,
    /// The session has ended.
    #[error("the session has ended")]
    Ended,
    /// A limit is reached; holds the configuration key.
    #[error("{0} is reached")]
    TooMany(&'static str),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Sessions {
    /// Creates the sessions of a store.
    pub fn new(
        store: &Arc<dyn Store>,
        (clock, store_clock): (Clock, StoreClock),
        key: TokenKey,
        config: &Config,
    ) -> Self {
        Self {
            store: Arc::clone(store),
            clock,
            store_clock,
            key,
            per_tenant: config.sessions_per_tenant,
            total: config.sessions,
        }
    }

    /// Returns `true` if a text has the form of a token.
    pub fn is_token(text: &str) -> bool {
        text.strip_prefix(TOKEN_PREFIX).is_some_and(has_form)
    }

    /// Current time of a new grant, by the store's clock.
    pub fn created(&self) -> Timestamp {
        self.store_clock.now()
    }

    /// Stores a grant under a new code.
    ///
    /// # Errors
    /// `TooMany`, `Store`.
    pub async fn issue(&self, grant: &Grant) -> Result<Issued, SessionError> {
        let code = self.key.create("");
        let owner = self.owner("ui-codes", grant);
        let note = record::encode(grant, Timestamp::from_micros(0));
        let name = code_note(code.reveal());
        let put = self.store.note_put(&name, note, CODE_TTL, Some(&owner));
        put.await.map_err(|error| too_many(error, PER_TENANT))?;
        Ok(Issued {
            code,
            expires: self.clock.now().plus(CODE_TTL),
        })
    }

    /// Exchanges a code for a session and its token. A code works once.
    ///
    /// # Errors
    /// `CodeInvalid`, `TooMany`, `Store`.
    pub async fn begin(&self, code: &str) -> Result<(Secret, Session), SessionError> {
        if !self.key.created("", code) {
            return Err(SessionError::CodeInvalid);
        }
        let name = code_note(code);
        let note = self.store.note(&name).await?.ok_or(SessionError::CodeInvalid)?;
        let grant = record::grant(&note).ok_or(SessionError::CodeInvalid)?;
        let owner = self.owner("ui-codes", &grant);
        let taken = self.store.note_replace(&name, note, None, Some(&owner)).await?;
        let now = self.clock.now();
        if !taken || grant.until <= now || self.is_ended(&grant).await? {
            return Err(SessionError::CodeInvalid);
        }
        let token = self.key.create(TOKEN_PREFIX);
        let session = Session {
            digest: digest(token.reveal()),
            expires: grant.until.min(now.plus(TOKEN_TTL)),
            grant,
        };
        let (note, keep) = (encode(&session), session.expires.since(now));
        let owner = self.owner("ui-sessions", &session.grant);
        let name = session_note(&session.digest);
        let put = self.store.note_put(&name, note.clone(), keep, Some(&owner));
        put.await.map_err(|error| too_many(error, PER_TENANT))?;
        // Tenants cannot lock the operator out.
        if session.grant.portal.is_none() {
            return Ok((token, session));
        }
        let (seat, seats) = (seat_note(&session.digest), self.seats());
        if let Err(error) = self.store.note_put(&seat, SEAT, keep, Some(&seats)).await {
            self.store.note_replace(&name, note, None, Some(&owner)).await?;
            return Err(too_many(error, TOTAL));
        }
        Ok((token, session))
    }

    /// Session of a token; `None` if there is none, or it has ended.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn find(&self, token: &str) -> Result<Option<Session>, StoreError> {
        if !self.key.created(TOKEN_PREFIX, token) {
            return Ok(None);
        }
        self.load(&digest(token)).await
    }

    /// Session as it is now; `None` if it has ended.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn again(&self, session: &Session) -> Result<Option<Session>, StoreError> {
        self.load(&session.digest).await
    }

    async fn load(&self, digest: &str) -> Result<Option<Session>, StoreError> {
        let note = self.store.note(&session_note(digest)).await?;
        let Some(session) = note.and_then(|note| record::session(digest, &note)) else {
            return Ok(None);
        };
        let over = session.expires <= self.clock.now() || self.is_ended(&session.grant).await?;
        Ok((!over).then_some(session))
    }

    /// Returns `true` if the sessions of links of that time were ended together.
    async fn is_ended(&self, grant: &Grant) -> Result<bool, StoreError> {
        let whose = whose(
            grant
                .portal
                .as_ref()
                .map(|portal| (&portal.tenant, portal.tenant_created)),
        );
        let label = grant.portal.as_ref().and_then(|portal| portal.label.as_deref());
        let mut names = vec![ended_note(&whose, None)];
        names.extend(label.map(|label| ended_note(&whose, Some(label))));
        for name in names {
            let ended = self.store.note(&name).await?;
            if ended.is_some_and(|ended| time(&ended) >= grant.created) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Extends a session by the time of a token, up to the end of its grant.
    ///
    /// # Errors
    /// `Ended`, `Store`.
    pub async fn renew(&self, session: &Session) -> Result<Session, SessionError> {
        let now = self.clock.now();
        let renewed = Session {
            expires: session.grant.until.min(now.plus(TOKEN_TTL)),
            ..session.clone()
        };
        let keep = renewed.expires.since(now);
        let next = Some((encode(&renewed), keep));
        let owner = self.owner("ui-sessions", &session.grant);
        let name = session_note(&session.digest);
        let replaced = self
            .store
            .note_replace(&name, encode(session), next, Some(&owner))
            .await?;
        if !replaced {
            // Another request renewed it, or ended it.
            return self.again(session).await?.ok_or(SessionError::Ended);
        }
        let seat = Some((SEAT, keep));
        let name = seat_note(&session.digest);
        self.store
            .note_replace(&name, SEAT, seat, Some(&self.seats()))
            .await?;
        Ok(renewed)
    }

    /// Ends a session.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn end(&self, session: &Session) -> Result<(), StoreError> {
        let owner = self.owner("ui-sessions", &session.grant);
        let name = session_note(&session.digest);
        // A renewal may come in between.
        let mut ended = false;
        for _ in 0..TRIES {
            let Some(note) = self.store.note(&name).await? else {
                ended = true;
                break;
            };
            ended = self.store.note_replace(&name, note, None, Some(&owner)).await?;
            if ended {
                break;
            }
        }
        if !ended {
            return Err(StoreError::Conflict);
        }
        let name = seat_note(&session.digest);
        self.store
            .note_replace(&name, SEAT, None, Some(&self.seats()))
            .await?;
        Ok(())
    }

    /// Ends all sessions of a tenant (`None`: the operator's), or those with a label, and unused
    /// links.
    ///
    /// # Errors
    /// `TooMany`: of too many labels the end is stored. `Store`.
    pub async fn end_all(
        &self,
        tenant: Option<(&TenantId, Timestamp)>,
        label: Option<&str>,
    ) -> Result<(), SessionError> {
        let tenant = whose(tenant);
        let name = ended_note(&tenant, label);
        let owner = NoteOwner {
            name: format!("ui-ended/{tenant}"),
            most: self.per_tenant,
        };
        let owner = label.map(|_| &owner);
        let now = Bytes::from(self.store_clock.now().as_micros().to_string());
        for _ in 0..TRIES {
            let put = self.store.note_put(&name, now.clone(), ENDED_TTL, owner);
            let Some(there) = put.await.map_err(|error| too_many(error, PER_TENANT))? else {
                return Ok(());
            };
            if time(&there) >= time(&now) {
                return Ok(());
            }
            let next = Some((now.clone(), ENDED_TTL));
            if self.store.note_replace(&name, there, next, owner).await? {
                return Ok(());
            }
        }
        Err(StoreError::Conflict.into())
    }

    fn owner(&self, what: &str, grant: &Grant) -> NoteOwner {
        let portal = grant.portal.as_ref();
        let whose = whose(portal.map(|portal| (&portal.tenant, portal.tenant_created)));
        NoteOwner {
            name: format!("{what}/{whose}"),
            most: self.per_tenant,
        }
    }

    fn seats(&self) -> NoteOwner {
        NoteOwner {
            name: "ui-seats".to_owned(),
            most: self.total,
        }
    }
}

/// Tenant, or the operator, in names of notes. A tenant that was deleted and created again starts
/// with no sessions.
fn whose(tenant: Option<(&TenantId, Timestamp)>) -> String {
    match tenant {
        Some((tenant, created)) => format!("{tenant}@{}", created.as_micros()),
        None => "operator".to_owned(),
    }
}

fn encode(session: &Session) -> Bytes {
    record::encode(&session.grant, session.expires)
}

/// Digest of a code or token. A fast hash suffices: they have 256 bits of entropy.
fn digest(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}

fn code_note(code: &str) -> String {
    format!("ui-code:{}", digest(code))
}

fn session_note(digest: &str) -> String {
    format!("ui-session:{digest}")
}

fn seat_note(digest: &str) -> String {
    format!("ui-seat:{digest}")
}

fn ended_note(tenant: &str, label: Option<&str>) -> String {
    match label {
        None => format!("ui-ended:{tenant}"),
        Some(label) => format!("ui-ended:{tenant}/{}", digest(label)),
    }
}

/// Time in a note, in µs. A note that cannot be read ends everything before now.
fn time(note: &[u8]) -> Timestamp {
    let text = std::str::from_utf8(note).ok();
    let micros = text.and_then(|text| text.parse().ok());
    Timestamp::from_micros(micros.unwrap_or(u64::MAX))
}

fn too_many(error: StoreError, key: &'static str) -> SessionError {
    match error {
        StoreError::OverQuota(_) => SessionError::TooMany(key),
        error => error.into(),
    }
}

/// Prefix of tokens.
pub const TOKEN_PREFIX: &str = "hgs_";
/// Time for which a code can be exchanged.
const CODE_TTL: Duration = Duration::from_secs(60);
/// Time from one renewal of a session to the next.
const TOKEN_TTL: Duration = Duration::from_secs(3600);
/// Longest life of a session, and a margin: sessions that were ended together are gone by then.
const ENDED_TTL: Duration = Duration::from_secs(26 * 3600);
/// Attempts of a compare-and-set before it is given up.
const TRIES: usize = 16;
const SEAT: Bytes = Bytes::from_static(b"1");
const PER_TENANT: &str = "ui.sessions_per_tenant";
const TOTAL: &str = "ui.sessions";
