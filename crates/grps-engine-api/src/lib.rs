//! C APIs of engines behind safe types.
//!
//! Each module has the few functions of one engine that `grps-engines` needs. The engine's shared
//! library is opened at run time and never closed; handles are freed when their types are dropped.

mod library;
pub mod openvino;
pub mod tensorflow;

pub use library::OpenError;
