//! The binary: the allocator, and the command line behind the compiling process.

use std::env;
use std::process::ExitCode;

use hookgate::cli;
use hookgate_plugin_host as plugin;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    if arguments.next().as_deref() == Some(plugin::SUBCOMMAND) {
        return plugin::run_child(arguments);
    }
    cli::main()
}
