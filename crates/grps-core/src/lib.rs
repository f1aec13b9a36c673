//! The engine of GRPS, free of HTTP and of Python.

mod content;
mod error;
mod tensor;

pub use content::{Content, ContentAdapter, InputForm};
pub use error::{Cause, Error};
pub use tensor::{DataType, MAX_RANK, Tensor, Values};
