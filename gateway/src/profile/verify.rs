//! Whether a received request is genuine: the consumer's side of a signature, for `hookgate listen` and the demo.

use std::time::Duration;

use subtle::ConstantTimeEq;

use super::template::Part;
use super::{Signature, SigningKey};
use crate::domain::Timestamp;

/// A request as it arrived.
#[derive(Clone, Copy)]
pub struct Received<'a> {
    /// A header's value by its lower-case name.
    pub header: &'a dyn Fn(&str) -> Option<String>,
    /// The body's bytes.
    pub body: &'a [u8],
    /// When it arrived.
    pub at: Timestamp,
}

/// Why a request is not taken for genuine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotGenuine {
    /// A header that the scheme needs is not there.
    #[error("the header `{0}` is missing")]
    Missing(String),
    /// The timestamp is not a number of seconds.
    #[error("the timestamp is not a number of seconds")]
    BadTimestamp,
    /// It was sent too long ago, or in the future: perhaps a replayed request.
    #[error("the timestamp is more than {} seconds from now", TOLERANCE.as_secs())]
    OutOfTime,
    /// No signature is of any of the keys.
    #[error("no signature matches")]
    Mismatch,
    /// The scheme mixes its values within one header, and only its sender is implemented.
    #[error("this signature scheme cannot be verified here")]
    Unsupported,
}

impl Signature {
    /// Checks a received request against the keys, in constant time.
    ///
    /// # Errors
    /// The first reason why it is not genuine.
    pub fn verify(&self, received: &Received<'_>, keys: &[SigningKey]) -> Result<(), NotGenuine> {
        let id = self.value_of(&Part::Id, received)?;
        let timestamp = self.value_of(&Part::Timestamp, received)?;
        let signatures = self.value_of(&Part::Signatures, received)?;
        check_time(&timestamp, received.at)?;
        let genuine = signatures.split(&self.between).any(|given| {
            keys.iter().any(|key| {
                let ours = self.sign(&id, &timestamp, received.body, key);
                ours.as_bytes().ct_eq(given.as_bytes()).into()
            })
        });
        if genuine {
            Ok(())
        } else {
            Err(NotGenuine::Mismatch)
        }
    }

    /// The value of the header that carries this and nothing else.
    fn value_of(&self, part: &Part, received: &Received<'_>) -> Result<String, NotGenuine> {
        let header = self.headers.iter().find(|(_, template)| template.is(part));
        let (name, _) = header.ok_or(NotGenuine::Unsupported)?;
        (received.header)(name).ok_or_else(|| NotGenuine::Missing(name.clone()))
    }
}

fn check_time(seconds: &str, now: Timestamp) -> Result<(), NotGenuine> {
    let seconds: u64 = seconds.parse().map_err(|_| NotGenuine::BadTimestamp)?;
    let sent = Timestamp::from_millis(seconds.saturating_mul(1_000));
    if sent.since(now).max(now.since(sent)) > TOLERANCE {
        Err(NotGenuine::OutOfTime)
    } else {
        Ok(())
    }
}

/// What the reference libraries of Standard Webhooks allow.
const TOLERANCE: Duration = Duration::from_secs(5 * 60);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{Message, SecretForm};

    const AT: Timestamp = Timestamp::from_millis(1_614_265_330_000);

    fn keys() -> [SigningKey; 2] {
        [1, 2].map(|n| {
            let secret = SecretForm::Whsec.generate([n; 32]);
            SecretForm::Whsec.key(&secret).expect("valid")
        })
    }

    fn verify(
        change: impl Fn(&mut Vec<(String, String)>),
        body: &[u8],
        at: Timestamp,
    ) -> Result<(), NotGenuine> {
        let [old, new] = keys();
        let scheme = Signature::standard();
        let message = Message {
            id: "evt_1",
            timestamp: AT,
            body: b"{}",
        };
        let mut headers: Vec<_> = scheme
            .headers(&message, &[new, old.clone()])
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        change(&mut headers);
        let header = |name: &str| headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
        let received = Received {
            header: &header,
            body,
            at,
        };
        scheme.verify(&received, &[old])
    }

    #[test]
    fn genuine_and_not() {
        let minutes = |n: u64| Duration::from_secs(n * 60);
        assert_eq!(verify(|_| {}, b"{}", AT), Ok(()));
        assert_eq!(verify(|_| {}, b"{}", AT.plus(minutes(5))), Ok(()));
        assert_eq!(
            verify(|_| {}, b"{}", AT.plus(minutes(6))),
            Err(NotGenuine::OutOfTime)
        );
        assert_eq!(
            verify(|_| {}, b"{}", AT.minus(minutes(6))),
            Err(NotGenuine::OutOfTime)
        );
        assert_eq!(verify(|_| {}, b"{ }", AT), Err(NotGenuine::Mismatch));
        let other_id = |headers: &mut Vec<(String, String)>| headers[0].1 = "evt_2".into();
        assert_eq!(verify(other_id, b"{}", AT), Err(NotGenuine::Mismatch));
        let other_time = |headers: &mut Vec<(String, String)>| headers[1].1 = "1614265331".into();
        assert_eq!(verify(other_time, b"{}", AT), Err(NotGenuine::Mismatch));
        let none = |headers: &mut Vec<(String, String)>| headers.truncate(2);
        assert_eq!(
            verify(none, b"{}", AT),
            Err(NotGenuine::Missing("webhook-signature".into()))
        );
    }
}
