//! Reads the requests with tensors or examples and writes the response of `Predict`. Elements are not
//! copied where they lie in the message as in memory.

mod examples;
mod predict_request;
mod predict_response;
mod tensor_reader;
mod tensor_writer;

pub(super) use examples::Examples;
pub(super) use predict_request::{PredictRequest, cost_of, find_elements};
pub(super) use predict_response::encode as encode_predict;

#[cfg(test)]
mod test_messages;
