//! Tensors, their element types, and the signatures that they are checked against.

pub(crate) mod elements;
pub(crate) mod signature;
pub(crate) mod tensor;
pub(crate) mod values;
