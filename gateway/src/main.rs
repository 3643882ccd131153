//! The binary.

use std::env;
use std::process::ExitCode;

use hookgate::plugin;

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    if arguments.next().as_deref() == Some(plugin::SUBCOMMAND) {
        return plugin::run_child(arguments);
    }
    ExitCode::SUCCESS
}
