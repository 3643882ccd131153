//! Lua scripts, called by their hash.
//!
//! A server forgets scripts when it restarts, when it fails over, and after SCRIPT FLUSH. A call
//! therefore never relies on a loaded script: after NOSCRIPT it is sent again with the source,
//! which also loads it. A call with NOSCRIPT has had no effect, so this is safe.

use redis::{Arg, Cmd, ToRedisArgs};

/// Script in the two dialects of servers.
#[derive(Debug)]
pub(super) struct Script {
    /// For servers from 7.0 on: with its flags.
    flagged: Spelling,
    /// For servers before 7.0, where the line of flags is a syntax error.
    plain: Spelling,
}

/// Source of a script and its SHA-1, by which it is called.
#[derive(Debug)]
struct Spelling {
    source: String,
    hash: String,
}

/// All scripts.
#[derive(Debug)]
pub(super) struct Scripts {
    pub(super) accept: Script,
    pub(super) turns: Script,
    pub(super) claim: Script,
    pub(super) settle: Script,
    pub(super) enqueue: Script,
    pub(super) interrupted: Script,
    pub(super) forget: Script,
    pub(super) purge: Script,
    pub(super) drop: Script,
    pub(super) mend: Script,
    pub(super) cut: Script,
    pub(super) registry: Script,
    pub(super) note: Script,
    pub(super) note_put: Script,
}

/// A call of a script.
#[derive(Debug)]
pub(super) struct Call<'a> {
    script: &'a Script,
    keys: Vec<String>,
    args: Cmd,
}

impl Default for Scripts {
    fn default() -> Self {
        Self {
            accept: Script::new(include_str!("scripts/accept.lua")),
            turns: Script::new(include_str!("scripts/turns.lua")),
            claim: Script::new(include_str!("scripts/claim.lua")),
            settle: Script::new(include_str!("scripts/settle.lua")),
            enqueue: Script::new(include_str!("scripts/enqueue.lua")),
            interrupted: Script::new(include_str!("scripts/interrupted.lua")),
            forget: Script::new(include_str!("scripts/forget.lua")),
            purge: Script::new(include_str!("scripts/purge.lua")),
            drop: Script::new(include_str!("scripts/drop.lua")),
            mend: Script::new(include_str!("scripts/mend.lua")),
            cut: Script::new(include_str!("scripts/cut.lua")),
            registry: Script::new(include_str!("scripts/registry.lua")),
            note: Script::new(include_str!("scripts/note.lua")),
            note_put: Script::new(include_str!("scripts/note_put.lua")),
        }
    }
}

impl Script {
    fn new(source: &str) -> Self {
        let plain = match source.split_once('\n') {
            Some((first, rest)) if first.starts_with("#!") => rest,
            _ => source,
        };
        Self {
            flagged: Spelling::new(source),
            plain: Spelling::new(plain),
        }
    }

    /// Creates a call without keys and arguments.
    pub(super) fn call(&self) -> Call<'_> {
        Call {
            script: self,
            keys: Vec::new(),
            args: Cmd::new(),
        }
    }

    fn spelled(&self, dialect: Dialect) -> &Spelling {
        match dialect {
            Dialect::Flags => &self.flagged,
            Dialect::Plain => &self.plain,
        }
    }
}

impl Spelling {
    fn new(source: &str) -> Self {
        Self {
            source: source.to_owned(),
            hash: redis::Script::new(source).get_hash().to_owned(),
        }
    }
}

/// Script dialect that a server understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// 7.0 and later: scripts with flags.
    Flags,
    /// Before 7.0: scripts without flags.
    Plain,
}

impl Scripts {
    /// Commands that load every script, so that the first calls need not be sent twice.
    pub(super) fn loads(&self, dialect: Dialect) -> impl Iterator<Item = Cmd> {
        [
            &self.accept,
            &self.turns,
            &self.claim,
            &self.settle,
            &self.enqueue,
            &self.interrupted,
            &self.forget,
            &self.purge,
            &self.drop,
            &self.mend,
            &self.cut,
            &self.registry,
            &self.note,
            &self.note_put,
        ]
        .into_iter()
        .map(move |script| {
            let mut load = redis::cmd("SCRIPT");
            load.arg("LOAD").arg(&script.spelled(dialect).source);
            load
        })
    }
}

impl Call<'_> {
    /// Adds a key. The first decides where a cluster sends the call.
    pub(super) fn key(&mut self, key: String) -> &mut Self {
        self.keys.push(key);
        self
    }

    /// Adds an argument.
    pub(super) fn arg(&mut self, arg: impl ToRedisArgs) -> &mut Self {
        self.args.arg(arg);
        self
    }

    /// The call by hash.
    pub(super) fn by_hash(&self, dialect: Dialect) -> Cmd {
        self.command("EVALSHA", &self.script.spelled(dialect).hash)
    }

    /// The call with the source, which also loads the script.
    pub(super) fn by_source(&self, dialect: Dialect) -> Cmd {
        self.command("EVAL", &self.script.spelled(dialect).source)
    }

    fn command(&self, name: &str, script: &str) -> Cmd {
        let args = self.args.args_iter();
        let count = 3 + self.keys.len() + args.len();
        let keys: usize = self.keys.iter().map(String::len).sum();
        let bytes: usize = args.clone().map(|arg| text(&arg).len()).sum();
        let mut command = Cmd::with_capacity(count, name.len() + script.len() + 8 + keys + bytes);
        command.arg(name).arg(script).arg(self.keys.len());
        for key in &self.keys {
            command.arg(key.as_str());
        }
        for arg in args {
            command.arg(text(&arg));
        }
        command
    }
}

fn text<'a>(arg: &Arg<&'a [u8]>) -> &'a [u8] {
    match arg {
        Arg::Simple(text) => text,
        // Only the commands of SCAN have a cursor.
        _ => &[],
    }
}
