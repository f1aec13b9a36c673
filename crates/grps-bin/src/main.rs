//! `grps-server`: a service without Python.

mod arguments;
mod output;
mod reading;

use std::process::ExitCode;

use arguments::{Action, Arguments};

// As in the extension module: tensors of hundreds of kilobytes come and go with every request.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Exit status for a command line that can't be understood, as Python's `argparse` has it.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let arguments = match Arguments::parse(std::env::args_os().skip(1)) {
        Ok(arguments) => arguments,
        Err(error) => {
            output::complain(&error);
            return ExitCode::from(USAGE);
        }
    };
    match arguments.action {
        Action::Help => output::say(arguments::HELP),
        Action::Read(kind) => reading::read_files(kind, &arguments.files),
    }
}
