//! Protobuf encoding of `GrpsMessage`, as `proto/grps.proto` defines it.

mod decode;
pub(crate) mod encode;
mod model_facts;
mod outcome;
pub(crate) mod packed;
mod python;
mod raw_tensor;
pub(crate) mod reader;
pub(crate) mod size;
mod splice;
mod tensor;

pub use decode::{decode, decode_tensors, decode_within};
pub use encode::{encode, encode_input, encode_tensors, encode_within};
pub(crate) use encode::{write_bytes, write_number};
pub use model_facts::{ModelFacts, append_facts, read_facts};
pub use outcome::{PeekedOutcome, peek_outcome};
pub use python::{python_bytes, wide_text_bytes};
pub use raw_tensor::{encode_raw, has_raw};
pub(crate) use reader::{Reader, Wire};
pub use splice::{peek_model, with_chunk_status, with_status};
