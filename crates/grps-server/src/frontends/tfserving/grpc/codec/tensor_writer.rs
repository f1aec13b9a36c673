//! Writes `TensorProto` with the elements in the field of their type, where many clients read them.
//!
//! Floats and bools lie in their field as in memory and are not copied.

use bytes::Bytes;
use grps_core::{Elements, Tensor};

use crate::codec::proto::encode::{VARINT, write_bytes, write_length, write_tag, write_varint};
use crate::codec::proto::size::{field_size, varint_size};
use crate::frontends::tfserving::element_type;
use crate::frontends::tfserving::grpc::codec::tensor_reader::field_of;

/// Strings of so many bytes leave in their own memory.
const LARGE_STRING: usize = 64 << 10;

/// Encodes a tensor as a list of buffers and returns how many bytes they have.
pub(super) fn encode(tensor: &Tensor, parts: &mut Vec<Bytes>) -> usize {
    let before = parts.len();
    let dtype = tensor.dtype();
    let mut out = Vec::with_capacity(64);
    write_tag(&mut out, 1, VARINT);
    // All numbers are small and positive.
    write_varint(&mut out, element_type::number_of(dtype) as u64);
    write_shape(&mut out, tensor.shape());
    let field = field_of(dtype);
    match tensor.elements() {
        elements if elements.is_empty() => {}
        Elements::Float32(_) | Elements::Float64(_) | Elements::Bool(_) => {
            let bytes = tensor.buffer().clone().into_bytes().unwrap_or_default();
            write_length(&mut out, field, bytes.len());
            parts.push(std::mem::take(&mut out).into());
            parts.push(bytes);
        }
        Elements::String(strings) => write_strings(&mut out, parts, field, strings),
        Elements::Uint8(values) => varints(&mut out, field, values, |value| u64::from(*value)),
        Elements::Uint16(values) => varints(&mut out, field, values, |value| u64::from(*value)),
        Elements::Uint32(values) => varints(&mut out, field, values, |value| u64::from(*value)),
        Elements::Uint64(values) => varints(&mut out, field, values, |value| *value),
        // Negative numbers take the sign of 64 bits.
        Elements::Int8(values) => varints(&mut out, field, values, |value| *value as u64),
        Elements::Int16(values) => varints(&mut out, field, values, |value| *value as u64),
        Elements::Int32(values) => varints(&mut out, field, values, |value| *value as u64),
        Elements::Int64(values) => varints(&mut out, field, values, |value| *value as u64),
        Elements::Float16(values) => {
            varints(&mut out, field, values, |value| u64::from(value.to_bits()));
        }
        Elements::Bfloat16(values) => {
            varints(&mut out, field, values, |value| u64::from(value.to_bits()));
        }
    }
    if !out.is_empty() {
        parts.push(out.into());
    }
    parts.iter().skip(before).map(Bytes::len).sum()
}

fn write_shape(out: &mut Vec<u8>, shape: &[usize]) {
    let dim = |size: &usize| if *size == 0 { 0 } else { 1 + varint_size(*size as u64) };
    write_length(out, 2, shape.iter().map(|size| field_size(dim(size))).sum());
    for size in shape {
        write_length(out, 2, dim(size));
        if *size > 0 {
            write_tag(out, 1, VARINT);
            write_varint(out, *size as u64);
        }
    }
}

fn varints<T>(out: &mut Vec<u8>, field: u32, values: &[T], widen: impl Fn(&T) -> u64) {
    let size = values.iter().map(|value| varint_size(widen(value))).sum();
    write_length(out, field, size);
    out.reserve(size);
    values.iter().for_each(|value| write_varint(out, widen(value)));
}

fn write_strings(out: &mut Vec<u8>, parts: &mut Vec<Bytes>, field: u32, strings: &[Bytes]) {
    let short = strings.iter().filter(|text| text.len() < LARGE_STRING);
    out.reserve(short.map(|text| field_size(text.len())).sum());
    for text in strings {
        if text.len() < LARGE_STRING {
            write_bytes(out, field, text);
        } else {
            write_length(out, field, text.len());
            parts.push(std::mem::take(out).into());
            parts.push(text.clone());
        }
    }
}
