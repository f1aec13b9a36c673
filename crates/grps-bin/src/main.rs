//! `grps-server`: a service without Python.

mod app;
mod arguments;
mod callers;
mod commands;
mod dashboard;
mod engine_models;
mod graphs;
mod instances;
mod loading;
mod machine;
mod models;
mod output;
mod output_file;
mod plugin_models;
mod process_models;
mod project;
mod readiness;
mod reading;
mod remote_models;
mod service_log;
mod settings;
mod signatures;
mod state;
mod stderr_log;
mod step_models;
mod stopping;
mod traffic;
mod version;
mod workers;

use std::process::ExitCode;

use app::{Options, Service};
use arguments::{Action, Arguments};
use stderr_log::StderrFormat;
use stopping::StopRequest;

// As in the extension module: tensors of hundreds of kilobytes come and go with every request.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Exit status for a command line that can't be understood, as Python's `argparse` has it.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    // The allocator asks for huge pages, of which an idle service would hold many that it hardly
    // uses. Without them it has more small ones, and nothing else changes.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
    // As `grps/backends/onnxruntime/declaration.py` has it.
    grps_plugin::process::set_default_variable("ORT_DISABLE_TELEMETRY", "1");
    let arguments = match Arguments::parse(std::env::args_os().skip(1)) {
        Ok(arguments) => arguments,
        Err(error) => {
            output::complain(&error);
            return ExitCode::from(USAGE);
        }
    };
    match arguments.action {
        Action::Help => output::say(arguments::HELP),
        Action::Version => output::say(&version::text(arguments.as_json)),
        Action::Read(kind) => reading::read_files(kind, &arguments.files),
        Action::Check => reading::check_project(&arguments.options),
        Action::Ready(file) => exit_code(readiness::check_ready(&file)),
        Action::Serve => serve(arguments.options),
        Action::Work => exit_code(workers::run_worker()),
    }
}

fn serve(mut options: Options) -> ExitCode {
    match stderr_log::stderr_format() {
        Ok(format) => options.only_stderr = format,
        Err(error) => {
            output::complain(&error);
            return ExitCode::from(USAGE);
        }
    }
    let is_json = options.only_stderr == Some(StderrFormat::Json);
    let project = options.project.clone();
    let stop = StopRequest::listen().map_err(|error| error.to_string());
    let moved = std::env::set_current_dir(&project);
    let moved = moved.map_err(|error| format!("{}: {error}", project.display()));
    match moved.and(stop).and_then(|stop| Service::new(options, stop).run()) {
        Err(error) if is_json => {
            output::write_error(&stderr_log::error_line(&error));
            ExitCode::FAILURE
        }
        outcome => exit_code(outcome),
    }
}

fn exit_code(outcome: Result<(), String>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::complain(&error);
            ExitCode::FAILURE
        }
    }
}
