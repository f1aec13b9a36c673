//! Tensors, their element types, and the signatures that they are checked against.

pub(crate) mod buffer;
pub(crate) mod dtype;
pub(crate) mod signature;
#[expect(clippy::module_inception, reason = "one noun a file, and this folder is named after one")]
pub(crate) mod tensor;
pub(crate) mod values;
