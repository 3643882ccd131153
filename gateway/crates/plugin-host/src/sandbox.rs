//! Sandbox of the compiling process: only memory, the clock and its pipes are left to it.
//!
//! The process runs as the gateway's user, and a fault in the compiler would let an uploaded
//! component read that user's files: the keys, the store. So before it reads the component, the
//! process drops three things: privileges that it could gain (`no_new_privs`), all files and ports
//! (Landlock), and every system call but those listed here (seccomp). Each is best effort: a kernel
//! or a container may support none of them, and [`Confinement`] reports what is missing.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write as _};
use std::net::UdpSocket;
use std::path::Path;
use std::process::Command;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, Ruleset, RulesetAttr as _, RulesetError, RulesetStatus, Scope,
};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch, apply_filter};

use super::compile::SUBCOMMAND;

/// Confinement of compiling processes on this machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Confinement {
    /// Mechanisms that this machine lacks or refuses, each with the reason.
    pub missing: Vec<String>,
    /// Forbidden actions that a compiling process can still take; empty if it is confined.
    pub open: Vec<String>,
}

impl Confinement {
    /// Starts a compiling process that tries forbidden actions, and returns the result.
    ///
    /// # Errors
    /// The process cannot be started.
    pub fn probe(exe: &Path) -> io::Result<Self> {
        let asked = Command::new(exe).args([SUBCOMMAND, PROBE]).env_clear().output()?;
        if !asked.status.success() {
            return Err(io::Error::other(format!("it ended with {}", asked.status)));
        }
        let said = String::from_utf8_lossy(&asked.stdout);
        let lines = |mark: &str| {
            let lines = said.lines().filter_map(|line| line.strip_prefix(mark));
            lines.map(str::to_owned).collect()
        };
        Ok(Self {
            missing: lines(MISSING),
            open: lines(OPEN),
        })
    }

    /// Returns a warning if compiling processes are not confined.
    pub fn warning(&self) -> Option<String> {
        let (open, missing) = (self.open.join(", "), self.missing.join("; "));
        (!self.open.is_empty()).then(|| {
            format!("the process that compiles uploaded plugins is not confined: it can {open} ({missing})")
        })
    }
}

/// Enters the sandbox for good: drops every right that compiling does not need. Returns the
/// mechanisms that failed.
pub(super) fn enter() -> Vec<String> {
    let mut missing = Vec::new();
    if let Err(reason) = forbid_files() {
        missing.push(format!("no Landlock: {reason}"));
    }
    if let Err(reason) = forbid_calls() {
        missing.push(format!("no seccomp filter: {reason}"));
    }
    missing
}

/// Runs the probing process: enters the sandbox, tries to escape it, and reports the result.
pub(super) fn probe() -> io::Result<()> {
    let missing = enter();
    let mut out = io::stdout().lock();
    for reason in missing {
        writeln!(out, "{MISSING}{reason}")?;
    }
    for (what, done) in [
        ("open files", File::open("/").is_ok()),
        ("make sockets", UdpSocket::bind(("127.0.0.1", 0)).is_ok()),
        ("start processes", Command::new("/bin/true").status().is_ok()),
    ] {
        if done {
            writeln!(out, "{OPEN}{what}")?;
        }
    }
    out.flush()
}

/// Forbids opening files, binding and connecting ports, and signalling other processes.
fn forbid_files() -> Result<(), String> {
    let restrict = || -> Result<RulesetStatus, RulesetError> {
        let ruleset = Ruleset::default()
            .handle_access(AccessFs::from_all(KNOWN))?
            .handle_access(AccessNet::from_all(KNOWN))?
            .scope(Scope::from_all(KNOWN))?;
        Ok(ruleset.create()?.restrict_self()?.ruleset)
    };
    match restrict() {
        Ok(RulesetStatus::NotEnforced) => Err("this system has none".to_owned()),
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

/// Makes every system call that is not listed fail with `EPERM`.
fn forbid_calls() -> Result<(), String> {
    let rules: BTreeMap<i64, _> = ALLOWED.iter().map(|&call| (call, Vec::new())).collect();
    let refused = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let processor = TargetArch::try_from(std::env::consts::ARCH);
    let program = processor
        .and_then(|processor| SeccompFilter::new(rules, refused, SeccompAction::Allow, processor))
        .and_then(BpfProgram::try_from)
        .map_err(|error| error.to_string())?;
    // It sets `no_new_privs` first.
    apply_filter(&program).map_err(|error| error.to_string())
}

/// Newest access rights that are requested; an older kernel has some of them.
const KNOWN: ABI = ABI::V6;

/// System calls of a process that reads, computes and writes. None of them opens, connects, starts
/// or signals.
const ALLOWED: &[i64] = &[
    // Pipes.
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_close,
    // Memory.
    libc::SYS_brk,
    libc::SYS_mmap,
    libc::SYS_munmap,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_madvise,
    // Locks, the clock, randomness.
    libc::SYS_futex,
    libc::SYS_sched_yield,
    libc::SYS_clock_gettime,
    libc::SYS_gettimeofday,
    libc::SYS_getrandom,
    // Exit, also by an abort.
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_restart_syscall,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_tgkill,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// Argument that makes a compiling process the probing one.
pub(super) const PROBE: &str = "probe";
const MISSING: &str = "missing ";
const OPEN: &str = "open ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warning_names_what_is_open() {
        let of = |missing: &[&str], open: &[&str]| Confinement {
            missing: missing.iter().map(|&text| text.to_owned()).collect(),
            open: open.iter().map(|&text| text.to_owned()).collect(),
        };
        assert_eq!(of(&[], &[]).warning(), None);
        // One mechanism is enough where it forbids all.
        assert_eq!(of(&["no Landlock: this system has none"], &[]).warning(), None);
        let warning = of(&["no seccomp filter: refused"], &["make sockets"]).warning();
        let warning = warning.unwrap_or_default();
        assert!(
            warning.contains("make sockets") && warning.contains("refused"),
            "{warning}"
        );
    }
}
