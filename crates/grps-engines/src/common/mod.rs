//! What the engines have in common.

mod arguments;
mod causes;
mod copies;
mod engine;
mod joined_rows;
mod library_path;
mod model_files;
mod values;
mod warm_up;

pub(crate) use arguments::{DefaultDevice, Paths, needs_python, read_arguments, require_cpu};
pub(crate) use causes::{one_line, run_error};
pub(crate) use copies::{load_copies, load_inferers};
pub use engine::{EngineError, LoadedEngine, ModelFile, RowLimits};
pub(crate) use library_path::LibraryPath;
pub(crate) use model_files::only_file;
pub(crate) use values::elements_for;
pub(crate) use warm_up::{Runs, zeros_of};
