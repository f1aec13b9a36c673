//! TensorFlow by its C API, `tensorflow/c/c_api.h`: a session of a SavedModel and its tensors.

mod element;
#[expect(non_snake_case, reason = "they are the names of the functions in C")]
mod functions;
mod program;
mod runtime;
mod status;
mod tensor;
mod texts;

pub use element::Element;
pub use program::Program;
pub use runtime::Tensorflow;
pub use status::TensorflowError;
pub use tensor::{Tensor, TensorBytes};
