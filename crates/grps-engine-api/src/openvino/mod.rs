//! OpenVINO by its C API, `openvino/c/openvino.h` (2024.5 and later).

mod compiled;
mod element;
mod error;
mod functions;
mod request;
mod runtime;
mod tensor;

pub use compiled::{Compiled, Port};
pub use element::Element;
pub use error::OpenvinoError;
pub use request::{InferRequest, Input, Output};
pub use runtime::Openvino;
