//! `hookgate completions` and `hookgate man`: completions of shells and manual pages, from the same
//! definitions as `--help`.

use std::io;
use std::path::PathBuf;

use clap::{Args, Command};
use clap_complete::Shell;

use super::output::{Failure, say};

#[derive(Debug, Args)]
pub(super) struct Completions {
    /// Shell.
    shell: Shell,
}

#[derive(Debug, Args)]
pub(super) struct Man {
    /// Directory of the pages, which is created if necessary.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

/// Prints the completions of a shell.
pub(super) fn completions(arguments: &Completions, mut command: Command) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, "hookgate", &mut script);
    match io::Write::write_all(&mut io::stdout().lock(), &script) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::of(&error)),
        _ => Ok(()),
    }
}

/// Writes a page for each command.
pub(super) fn man(arguments: &Man, command: Command) -> Result<(), Failure> {
    let dir = &arguments.dir;
    let written = std::fs::create_dir_all(dir).and_then(|()| clap_mangen::generate_to(command, dir));
    written.map_err(|error| Failure::of(&error).prefixed(&dir.display().to_string()))?;
    say(format_args!(
        "the pages are in {}; try `man -l {}`",
        dir.display(),
        dir.join("hookgate.1").display()
    ));
    Ok(())
}
