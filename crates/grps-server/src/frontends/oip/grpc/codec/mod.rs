//! Reads `ModelInferRequest` and writes `ModelInferResponse`. Elements are not copied: inputs are
//! slices of the message, outputs leave in their own memory.

mod contents;
mod parameters;
mod request;
mod response;

pub(super) use request::{cost_of, decode, find_raw_input, peek_id};
pub(super) use response::{encode, encode_failure, encode_streamed};

#[cfg(test)]
mod test_messages;
