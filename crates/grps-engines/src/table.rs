//! The engines that there are; a new one has a line in each function.

use std::path::PathBuf;

use crate::common::{EngineError, LoadedEngine, ModelFile};
use crate::{onnxruntime, openvino, tensorflow, tensorrt, torch};

/// An engine in native code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NativeEngine {
    /// ONNX models on ONNX Runtime.
    Onnxruntime,
    /// OpenVINO's own models and ONNX models on OpenVINO.
    Openvino,
    /// SavedModels on TensorFlow.
    Tensorflow,
    /// Engine files on TensorRT.
    Tensorrt,
    /// TorchScript and AOTInductor on libtorch.
    Torch,
}

impl NativeEngine {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Onnxruntime, Self::Openvino, Self::Tensorflow, Self::Tensorrt, Self::Torch];

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
            Self::Tensorrt => "tensorrt",
            Self::Torch => "torch",
        }
    }

    /// Opens this library when a model needs the engine; only the first call of the process counts.
    pub fn use_library(self, path: PathBuf) {
        match self {
            Self::Onnxruntime => onnxruntime::use_library(path),
            Self::Openvino => openvino::use_library(path),
            Self::Tensorflow => tensorflow::use_library(path),
            Self::Tensorrt => tensorrt::use_library(path),
            Self::Torch => torch::use_library(path),
        }
    }

    /// Where a model with this `device` of the configuration runs, such as `cuda:0`.
    pub fn place_of(self, device: &str) -> String {
        match self {
            Self::Onnxruntime | Self::Openvino | Self::Tensorflow | Self::Torch => "cpu".to_owned(),
            Self::Tensorrt => tensorrt::place_of(device),
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
            Self::Tensorrt => tensorrt::load(model),
            Self::Torch => torch::load(model),
        }
    }
}
