//! JSON encoding of `GrpsMessage`, for the HTTP interface.

mod base64;
mod cursor;
mod decode;
mod element;
mod encode;
mod flat;
mod gmap;
mod gtensors;
mod ndarray;
mod number;
mod text;
mod unicode;
mod write;

pub(crate) use cursor::Cursor;
pub use decode::{
    JsonRequest, decode, decode_as, decode_optional, decode_with, has_true, is_object,
    parse_ndarray, parse_ndarray_within,
};
pub use encode::{encode, encode_ndarray, encode_tensors};
pub(crate) use flat::{encode_flat, encode_string};
pub(crate) use ndarray::{natural_type, read_as};
pub(crate) use unicode::text_of;
