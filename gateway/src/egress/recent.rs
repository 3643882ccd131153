//! Endpoints that requests went to lately, taken apart already: an attempt looks its URL up instead of parsing it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use url::Url;

use super::{BadUrl, Endpoint, UrlPolicy};

/// The endpoints of a client, by their URLs.
#[derive(Debug, Default)]
pub(super) struct RecentEndpoints(Mutex<HashMap<String, Arc<Endpoint>>>);

impl RecentEndpoints {
    /// A URL taken apart; the policy is the same at every call.
    ///
    /// # Errors
    /// As [`UrlPolicy::endpoint`]: nothing is kept of what is refused.
    pub(super) fn endpoint(&self, policy: &UrlPolicy, url: &Url) -> Result<Arc<Endpoint>, BadUrl> {
        let known = self.lock().get(url.as_str()).cloned();
        if let Some(endpoint) = known {
            return Ok(endpoint);
        }
        let endpoint = Arc::new(policy.endpoint(url)?);
        let mut endpoints = self.lock();
        if endpoints.len() >= MOST {
            endpoints.clear();
        }
        endpoints.insert(url.as_str().to_owned(), Arc::clone(&endpoint));
        Ok(endpoint)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Endpoint>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Endpoints that are kept; when there are more, all are parsed anew.
const MOST: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_parsed_once_and_no_more_are_kept_than_may() {
        let (recent, policy) = (RecentEndpoints::default(), UrlPolicy::default());
        let endpoint = |url: &str| recent.endpoint(&policy, &url.parse().unwrap());
        let first = endpoint("http://a.example/0").unwrap();
        assert!(Arc::ptr_eq(&first, &endpoint("http://a.example/0").unwrap()));
        assert!(endpoint("http://a.example:0/").is_err());
        for number in 1..=MOST {
            endpoint(&format!("http://a.example/{number}")).unwrap();
            assert!(recent.0.lock().unwrap().len() <= MOST);
        }
        assert!(!Arc::ptr_eq(&first, &endpoint("http://a.example/0").unwrap()));
    }
}
