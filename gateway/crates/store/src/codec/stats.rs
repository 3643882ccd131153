//! Binary encoding of a subscription's statistics.

use bytes::Bytes;

use super::wire::{Reader, Writer};
use super::{Stats, StoreError, Timestamp, VERSION};
use hookgate_domain::stats::{Bucket, CELLS, Counts, LastFailure};

/// Statistics and the time at which all of them expire.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct StatsRecord {
    pub(crate) stats: Stats,
    pub(crate) forget_at: Timestamp,
}

impl StatsRecord {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new(VERSION, 64 + 24 * self.stats.buckets.len());
        out.time(self.forget_at);
        out.option(self.stats.last_success.as_ref(), |out, at| out.time(*at));
        out.option(self.stats.last_failure.as_ref(), write_failure);
        out.list(&self.stats.buckets, |out, bucket| {
            out.time(bucket.start);
            out.list(&bucket.counts.0, |out, count| out.number(*count));
        });
        out.finish()
    }

    /// Decodes a record.
    ///
    /// # Errors
    /// `Corrupt` if it is not such a record.
    pub(crate) fn decode(record: &Bytes) -> Result<Self, StoreError> {
        let mut from = Reader::new(record, VERSION, "statistics")?;
        let forget_at = from.time()?;
        let last_success = from.option(Reader::time)?;
        let last_failure = from.option(read_failure)?;
        let buckets = from.list(|from| {
            let start = from.time()?;
            let counts = from.list(Reader::number)?;
            let counts: [u64; CELLS] = counts.try_into().map_err(|_| from.corrupt())?;
            let counts = Counts(counts);
            Ok(Bucket { start, counts })
        })?;
        from.end()?;
        let stats = Stats {
            buckets,
            last_success,
            last_failure,
        };
        Ok(Self { stats, forget_at })
    }
}

fn write_failure(out: &mut Writer, failure: &LastFailure) {
    out.time(failure.at);
    out.text(&failure.outcome);
    out.option(failure.status.as_ref(), |out, status| {
        out.number((*status).into());
    });
    out.option(failure.retry.as_ref(), |out, at| out.time(*at));
}

fn read_failure(from: &mut Reader) -> Result<LastFailure, StoreError> {
    Ok(LastFailure {
        at: from.time()?,
        outcome: from.text()?,
        status: from.option(Reader::small)?,
        retry: from.option(Reader::time)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_come_back() {
        let mut record = StatsRecord {
            forget_at: Timestamp::from_millis(9),
            ..StatsRecord::default()
        };
        assert_eq!(StatsRecord::decode(&record.encode().into()).unwrap(), record);
        record.stats.last_success = Some(Timestamp::from_micros(7));
        record.stats.last_failure = Some(LastFailure {
            at: Timestamp::from_micros(8),
            outcome: "refused".to_owned(),
            status: Some(500),
            retry: None,
        });
        for start in [1, 2] {
            record.stats.bucket(Timestamp::from_millis(start)).0[3] = u64::MAX;
        }
        let bytes = record.encode();
        assert_eq!(StatsRecord::decode(&bytes.clone().into()).unwrap(), record);
        for end in 0..bytes.len() {
            assert!(StatsRecord::decode(&Bytes::copy_from_slice(&bytes[..end])).is_err());
        }
    }
}
