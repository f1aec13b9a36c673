//! Tensors whose elements are raw bytes: the field `raw` of `GenericTensor`.
//!
//! They are for services that call each other, which neither count nor convert elements then. The
//! element types that have no `flat_*` field have numbers from 100 up.

use bytes::Bytes;
use grps_core::{Cause, Elements, Error, Tensor, Values, element_count};

use super::encode::{write_bytes, write_length, write_number, write_status, write_varint};
use super::reader::{Reader, Wire};
use super::size::{field_size, status_size, varint_size};
use crate::codec::fault::Fault;
use crate::codec::message::Status;
use crate::codec::room::Room;
use crate::codec::wire_tensor::{WireTensor, wire_dim};
use crate::codec::wire_type::{FLAT_BYTES, raw_number, raw_type};

/// The field.
pub(super) const RAW: u32 = 101;
/// Elements of fewer bytes are copied behind what is before them, rather than sent apart.
const SMALL_BYTES: usize = 16 << 10;

/// The elements of a tensor whose other fields are read; `None` if there are none.
pub(super) fn raw_values(
    tensor: &WireTensor,
    raw: &[u8],
    room: &Room<'_>,
) -> Result<Option<Values>, Fault> {
    if !tensor.columns.is_empty() {
        return Err(Fault::new("raw and a flat_* field are both set; set one of them"));
    }
    let Some(dtype) = raw_type(tensor.dtype) else {
        return Err(Fault::new(format!("dtype {} is not known", tensor.dtype)));
    };
    let Some(width) = dtype.width() else {
        return Err(Fault::new("strings have no raw bytes; use flat_string or flat_bytes"));
    };
    let shape: Vec<usize> = tensor.shape.iter().map(|dim| *dim as usize).collect();
    let count = element_count(&shape);
    let Some(count) = count.filter(|count| count.checked_mul(width) == Some(raw.len())) else {
        let bytes = raw.len();
        return Err(Fault::new(format!("{bytes} bytes are no {dtype} of shape {shape:?}")));
    };
    if count == 0 {
        return Ok(None);
    }
    room.take(raw.len())?;
    let read = Values::read(dtype, count, |elements| {
        elements.copy_from_slice(raw);
        Ok::<_, Fault>(())
    });
    read.map(Some)
}

/// Whether a tensor of an encoded message has raw elements. A message that can't be read has none:
/// its decoder reports it.
pub fn has_raw(message: &[u8]) -> bool {
    finds_raw(message, &[5, 1]).unwrap_or(false)
}

/// Whether a message has the field `raw` below fields of these numbers.
fn finds_raw(bytes: &[u8], path: &[u32]) -> Result<bool, Fault> {
    let mut reader = Reader::new(bytes);
    while let Some((field, wire)) = reader.tag()? {
        match path {
            [] if (field, wire) == (RAW, Wire::Len) => return Ok(true),
            [next, rest @ ..] if (field, wire) == (*next, Wire::Len) => {
                if finds_raw(reader.bytes()?, rest)? {
                    return Ok(true);
                }
            }
            _ => reader.skip(field, wire)?,
        }
    }
    Ok(false)
}

/// Encodes a message with raw tensors, in pieces: large elements stay in the memory of their tensor.
///
/// # Errors
/// `ModelFailed` for an element type without a number; there is none.
pub fn encode_raw(
    status: Option<&Status>,
    model: &str,
    tensors: &[Tensor],
) -> Result<Vec<Bytes>, Error> {
    let parts: Result<Vec<_>, _> = tensors.iter().map(Part::new).collect();
    let parts = parts?;
    let mut pieces = Vec::with_capacity(1 + 2 * parts.len());
    let mut out = Vec::with_capacity(256);
    if let Some(status) = status {
        out.reserve(field_size(status_size(status)));
        write_status(&mut out, status);
    }
    if !model.is_empty() {
        write_bytes(&mut out, 2, model.as_bytes());
    }
    write_length(&mut out, 5, parts.iter().map(|part| field_size(part.len())).sum());
    for part in parts {
        write_length(&mut out, 1, part.len());
        out.extend_from_slice(&part.head);
        if part.elements.len() < SMALL_BYTES {
            out.extend_from_slice(&part.elements);
        } else {
            pieces.push(std::mem::take(&mut out).into());
            pieces.push(part.elements);
        }
    }
    if !out.is_empty() {
        pieces.push(out.into());
    }
    Ok(pieces)
}

/// An encoded tensor: what comes before its elements, and its elements.
struct Part {
    head: Vec<u8>,
    elements: Bytes,
}

impl Part {
    fn new(tensor: &Tensor) -> Result<Self, Error> {
        let Some(number) = raw_number(tensor.dtype()) else {
            let (name, dtype) = (tensor.name(), tensor.dtype());
            let text = format!("output '{name}' has type {dtype}, which has no GRPS data type");
            return Err(Error::new(Cause::ModelFailed, text));
        };
        let mut head = Vec::with_capacity(64 + tensor.name().len());
        if !tensor.name().is_empty() {
            write_bytes(&mut head, 1, tensor.name().as_bytes());
        }
        write_number(&mut head, 2, number as u64);
        let dims: Vec<u64> = tensor.shape().iter().map(|dim| wire_dim(*dim).into()).collect();
        if !dims.is_empty() {
            write_length(&mut head, 3, dims.iter().map(|dim| varint_size(*dim)).sum());
            dims.iter().for_each(|dim| write_varint(&mut head, *dim));
        }
        if let Elements::String(strings) = tensor.elements() {
            strings.iter().for_each(|string| write_bytes(&mut head, FLAT_BYTES, string));
            return Ok(Self { head, elements: Bytes::new() });
        }
        let elements = tensor.buffer().clone().into_bytes().unwrap_or_default();
        write_length(&mut head, RAW, elements.len());
        Ok(Self { head, elements })
    }

    fn len(&self) -> usize {
        self.head.len() + self.elements.len()
    }
}

#[cfg(test)]
#[path = "raw_tensor_tests.rs"]
mod tests;
