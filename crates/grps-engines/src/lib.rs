//! Engines of GRPS in native code.
//!
//! An engine is opened from its shared library when the first model needs it, so a service without
//! such a model neither has nor loads it. What it makes of a model is what native instances run
//! ([`grps_core::NativeInferer`]), with the signature that requests are checked against.

mod common;
mod onnxruntime;
mod openvino;
mod shim;
mod table;
mod tensorflow;
mod tensorrt;
mod torch;

pub use common::{EngineError, LoadedEngine, ModelFile, RowLimits};
pub use table::NativeEngine;
