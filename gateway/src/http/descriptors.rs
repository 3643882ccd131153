//! File descriptors of the process: raises the limit, and reserves some beside those of clients.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Maximum of file descriptors of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Descriptors {
    /// `None`: unlimited.
    max: Option<u64>,
}

impl Descriptors {
    /// Raises the soft limit (`RLIMIT_NOFILE`) to the hard one.
    pub fn raise() -> Self {
        let limit = getrlimit(Resource::Nofile);
        let raised = Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        };
        // Refused only in sandboxes: then the present limit applies.
        let max = match setrlimit(Resource::Nofile, raised) {
            Ok(()) => limit.maximum,
            Err(_) => limit.current,
        };
        Self { max }
    }

    /// Limit that [`Self::raise`] would reach.
    pub fn available() -> Self {
        Self {
            max: getrlimit(Resource::Nofile).maximum,
        }
    }

    /// Number of client connections, at most `wanted`, beside `outgoing` outbound connections.
    /// Some descriptors are reserved for those, for the store, for files and for compilations.
    /// Clients have a quarter of all in any case.
    pub fn connections(self, wanted: usize, outgoing: usize) -> usize {
        let Some(max) = self.max.and_then(|max| usize::try_from(max).ok()) else {
            return wanted;
        };
        let left = max.saturating_sub(outgoing.saturating_add(OWN));
        wanted.min(left.max(max / 4)).max(1)
    }

    /// Warning if `wanted` connections are not possible.
    pub fn warning(self, wanted: usize, outgoing: usize) -> Option<String> {
        let may = self.connections(wanted, outgoing);
        let max = self.max.filter(|_| may < wanted)?;
        Some(format!(
            "the process may have {max} file descriptors, so that `server.max_connections` is {may} instead of {wanted}"
        ))
    }
}

/// Descriptors reserved for the store, files, compilations and the process itself.
const OWN: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_are_kept_back_from_connections() {
        for (max, wanted, outgoing, may) in [
            (None, 10_000, 1_500, 10_000),
            (Some(1 << 20), 10_000, 1_500, 10_000),
            (Some(4_096), 10_000, 1_500, 2_340),
            (Some(4_096), 1_000, 1_500, 1_000),
            // Too few for all uses: each gets some.
            (Some(1_024), 10_000, 1_500, 256),
            (Some(256), 10_000, 1_500, 64),
            (Some(2), 10_000, 1_500, 1),
        ] {
            let descriptors = Descriptors { max };
            assert_eq!(descriptors.connections(wanted, outgoing), may, "{max:?} {wanted}");
            let warned = descriptors.warning(wanted, outgoing);
            assert_eq!(warned.is_some(), may < wanted, "{max:?} {wanted}");
        }
        let told = Descriptors { max: Some(1_024) }
            .warning(10_000, 1_500)
            .unwrap_or_default();
        assert!(
            told.contains("1024 file descriptors") && told.contains("256 instead of 10000"),
            "{told}"
        );
    }
}
