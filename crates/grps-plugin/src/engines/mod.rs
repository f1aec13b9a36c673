//! Shims of engines with a C++ interface, behind `sdk/cpp/engines/engine.h`.
//!
//! [`EngineLibrary::open`] loads a shim, and [`EngineModel::open`] a copy of a model by it.

mod abi;
mod library;
mod model;
mod signature;

pub use library::EngineLibrary;
pub use model::{EngineModel, EngineSettings};
