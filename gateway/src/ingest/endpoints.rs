//! Endpoints that events name (`deliver_to`): checked together, so a request waits once for DNS.

use crate::http::{Code, FieldError, Problem};
use hookgate_egress::NotAdmitted;

use super::Ingest;
use super::candidate::Candidate;

impl Ingest {
    /// Checks that the gateway may send to the endpoints of these events.
    /// `many`: pointers begin with the index.
    ///
    /// # Errors
    /// `address_refused` or `invalid_event`, with the location of the first refused one.
    pub(super) async fn admit_endpoints(&self, candidates: &[Candidate], many: bool) -> Result<(), Problem> {
        let brought = candidates.iter().enumerate();
        let brought = brought.filter_map(|(index, candidate)| Some((index, candidate.deliver_to.as_ref()?)));
        let (places, urls): (Vec<_>, Vec<_>) = brought.unzip();
        if urls.is_empty() {
            return Ok(());
        }
        let verdicts = self.inner.parts.egress.admit_all(&urls).await;
        for (index, verdict) in places.into_iter().zip(verdicts) {
            let Err(refused) = verdict else { continue };
            let prefix = if many { format!("/{index}") } else { String::new() };
            let (code, detail) = match refused {
                NotAdmitted::Address(refused) => (Code::AddressRefused, refused.to_string()),
                NotAdmitted::Url(_) | NotAdmitted::Own => (Code::InvalidEvent, refused.to_string()),
            };
            let error = FieldError::new(format!("{prefix}/deliver_to"), detail);
            return Err(Problem::fields(code, vec![error]));
        }
        Ok(())
    }
}
