//! Protobuf encoding of `GrpsMessage`, as `proto/grps.proto` defines it.

mod decode;
pub(crate) mod encode;
pub(crate) mod packed;
mod python;
pub(crate) mod reader;
pub(crate) mod size;
mod splice;
mod tensor;

pub use decode::{decode, decode_tensors, decode_within};
pub use encode::{encode, encode_input, encode_tensors, encode_within};
pub(crate) use encode::{write_bytes, write_number};
pub use python::{python_bytes, wide_text_bytes};
pub(crate) use reader::{Reader, Wire};
pub use splice::{peek_model, with_chunk_status, with_status};
