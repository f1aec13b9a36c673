//! The engines that there are; a new one has a line in each function.

use std::path::PathBuf;

use crate::common::{EngineError, LoadedEngine, ModelFile};
use crate::{onnxruntime, openvino, tensorflow};

/// An engine in native code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NativeEngine {
    /// ONNX models on ONNX Runtime.
    Onnxruntime,
    /// OpenVINO's own models and ONNX models on OpenVINO.
    Openvino,
    /// SavedModels on TensorFlow.
    Tensorflow,
}

impl NativeEngine {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Onnxruntime, Self::Openvino, Self::Tensorflow];

    /// The engine of an `inferer_type`.
    pub fn named(inferer_type: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|engine| engine.name() == inferer_type)
    }

    /// Its `inferer_type`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Onnxruntime => "onnxruntime",
            Self::Openvino => "openvino",
            Self::Tensorflow => "tensorflow",
        }
    }

    /// Opens this library when a model needs the engine; only the first call of the process counts.
    pub fn use_library(self, path: PathBuf) {
        match self {
            Self::Onnxruntime => onnxruntime::use_library(path),
            Self::Openvino => openvino::use_library(path),
            Self::Tensorflow => tensorflow::use_library(path),
        }
    }

    /// Loads one copy of a model and runs it for the first time.
    ///
    /// # Errors
    /// The arguments, the file or the library of the engine are wrong, the model fails, or it needs
    /// Python.
    pub fn load(self, model: &ModelFile) -> Result<LoadedEngine, EngineError> {
        match self {
            Self::Onnxruntime => onnxruntime::load(model),
            Self::Openvino => openvino::load(model),
            Self::Tensorflow => tensorflow::load(model),
        }
    }
}
