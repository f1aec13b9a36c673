//! `generate` and `generate_stream`: inputs and outputs as the fields of JSON objects.

mod fields;
mod generate;
mod response;

pub(super) use generate::{generate, generate_stream};
