//! Standard Webhooks signatures, implemented from the specification without the gateway's code.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Returns `true` if one of the header's `v1` signatures is valid for the message under the secret.
pub fn verifies(secret: &str, id: &str, timestamp: &str, header: &str, body: &[u8]) -> bool {
    let Some(encoded) = secret.strip_prefix("whsec_") else {
        return false;
    };
    let Ok(key) = STANDARD.decode(encoded) else {
        return false;
    };
    header
        .split(' ')
        .filter_map(|part| part.strip_prefix("v1,"))
        .any(|signature| {
            let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&key) else {
                return false;
            };
            mac.update(format!("{id}.{timestamp}.").as_bytes());
            mac.update(body);
            STANDARD
                .decode(signature)
                .is_ok_and(|signature| mac.verify_slice(&signature).is_ok())
        })
}

/// The value of a signature header for a message, as specified.
///
/// # Panics
/// If the secret is invalid.
pub fn sign(secret: &str, id: &str, timestamp: &str, body: &[u8]) -> String {
    let encoded = secret.strip_prefix("whsec_").expect("a prefix");
    let key = STANDARD.decode(encoded).expect("base64");
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("HMAC takes keys of any length");
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}
