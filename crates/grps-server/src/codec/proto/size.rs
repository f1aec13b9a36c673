//! Encoded sizes, computed before anything is written so that one allocation is enough.

use grps_core::{Elements, Error, Tensor};

use crate::codec::message::{MapData, Status};
use crate::codec::wire_tensor::{WireShape, WireTensor, wire_dim};
use crate::codec::wire_type::{FLAT_BYTES, WireType, wire_elements};

/// Bytes of a varint.
#[inline]
pub(crate) fn varint_size(value: u64) -> usize {
    // 7 bits a byte: the integer form of ceil(bits / 7), at least 1.
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

/// Bytes of a length-delimited field whose tag takes one byte.
pub(crate) fn field_size(length: usize) -> usize {
    1 + varint_size(length as u64) + length
}

/// As [`field_size`], but an empty field is not written.
pub(crate) fn optional_size(length: usize) -> usize {
    if length == 0 { 0 } else { field_size(length) }
}

/// Bytes of an `int32` field that is not written when it is zero.
pub(super) fn int_field_size(value: i32) -> usize {
    if value == 0 { 0 } else { 1 + varint_size(value as u64) }
}

/// Bytes inside a `Status`.
pub(super) fn status_size(status: &Status) -> usize {
    int_field_size(status.code) + optional_size(status.msg.len()) + int_field_size(status.outcome.0)
}

/// Bytes inside a `GenericMapData`.
pub(super) fn map_size(map: &MapData) -> usize {
    entries_size(&map.s_s, |value| field_size(value.len()))
        + entries_size(&map.s_b, |value| field_size(value.len()))
        + entries_size(&map.s_i32, |value| 1 + varint_size(*value as u64))
        + entries_size(&map.s_i64, |value| 1 + varint_size(*value as u64))
        + entries_size(&map.s_f, |_| 5)
        + entries_size(&map.s_d, |_| 9)
}

/// `value_size` counts the value with its tag; key and value are always written.
fn entries_size<V>(entries: &[(String, V)], value_size: impl Fn(&V) -> usize) -> usize {
    entries.iter().map(|(key, value)| field_size(field_size(key.len()) + value_size(value))).sum()
}

/// A tensor to encode, with the sizes that its framing needs.
pub(super) struct SizedTensor<'a> {
    pub(super) name: &'a str,
    pub(super) dtype: i32,
    pub(super) shape: WireShape,
    /// Bytes of the packed shape.
    pub(super) shape_size: usize,
    /// The columns that have elements, in field order.
    pub(super) columns: [Option<SizedColumn<'a>>; 9],
    /// Bytes inside the `GenericTensor`.
    pub(super) size: usize,
}

/// A column to encode.
#[derive(Clone, Copy)]
pub(super) struct SizedColumn<'a> {
    /// Number of the field that holds it.
    pub(super) field: u32,
    pub(super) elements: Elements<'a>,
    /// Bytes of the packed elements; of all fields together for strings, which are not packed.
    pub(super) size: usize,
}

impl<'a> SizedTensor<'a> {
    /// `column` gives the elements of a type, if there are any.
    fn new(
        (name, dtype): (&'a str, i32),
        shape: WireShape,
        column: impl Fn(WireType) -> Option<Elements<'a>>,
    ) -> Self {
        let columns = WireType::ALL.map(|wire_type| {
            let elements = column(wire_type).filter(|elements| !elements.is_empty())?;
            Some(SizedColumn::new(wire_type, elements))
        });
        let shape_size = shape.iter().map(|dim| varint_size(u64::from(*dim))).sum();
        let columns_size: usize = columns.iter().flatten().map(SizedColumn::framed_size).sum();
        let size = optional_size(name.len())
            + int_field_size(dtype)
            + optional_size(shape_size)
            + columns_size;
        Self { name, dtype, shape, shape_size, columns, size }
    }
}

impl<'a> From<&'a WireTensor> for SizedTensor<'a> {
    fn from(tensor: &'a WireTensor) -> Self {
        Self::new((&tensor.name, tensor.dtype), tensor.shape.clone(), |wire_type| {
            let mut columns = tensor.columns.iter();
            let found = columns.find(|column| WireType::of(column.dtype()) == Some(wire_type));
            found.map(|column| column.elements())
        })
    }
}

impl<'a> TryFrom<&'a Tensor> for SizedTensor<'a> {
    type Error = Error;

    fn try_from(tensor: &'a Tensor) -> Result<Self, Error> {
        let own = WireType::of_output(tensor)?;
        let shape = tensor.shape().iter().map(|dim| wire_dim(*dim)).collect();
        Ok(Self::new((tensor.name(), own.number()), shape, |wire_type| {
            (wire_type == own).then(|| wire_elements(tensor.elements()))
        }))
    }
}

impl<'a> SizedColumn<'a> {
    /// Strings are in `flat_bytes` when one of them is not UTF-8; its tags take two bytes.
    fn new(wire_type: WireType, elements: Elements<'a>) -> Self {
        let (field, size) = (wire_type.field(), column_size(elements));
        match elements {
            Elements::String(values) if !values.iter().all(|value| is_text(value)) => {
                Self { field: FLAT_BYTES, elements, size: size + values.len() }
            }
            _ => Self { field, elements, size },
        }
    }

    fn framed_size(&self) -> usize {
        match self.elements {
            Elements::String(_) => self.size,
            _ => field_size(self.size),
        }
    }
}

fn is_text(value: &[u8]) -> bool {
    std::str::from_utf8(value).is_ok()
}

fn column_size(elements: Elements<'_>) -> usize {
    match elements {
        // Written out because the compiler turns this form into wide adds.
        Elements::Uint8(values) => {
            values.len() + values.iter().filter(|value| **value >= 0x80).count()
        }
        Elements::Int8(values) => values.iter().map(|value| varint_size(*value as u64)).sum(),
        Elements::Int16(values) => values.iter().map(|value| varint_size(*value as u64)).sum(),
        Elements::Int32(values) => values.iter().map(|value| varint_size(*value as u64)).sum(),
        Elements::Int64(values) => values.iter().map(|value| varint_size(*value as u64)).sum(),
        Elements::Float16(values) => values.len() * 4,
        Elements::Float32(values) => values.len() * 4,
        Elements::Float64(values) => values.len() * 8,
        Elements::String(values) => values.iter().map(|value| field_size(value.len())).sum(),
        // No field holds these.
        Elements::Bool(_)
        | Elements::Uint16(_)
        | Elements::Uint32(_)
        | Elements::Uint64(_)
        | Elements::Bfloat16(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varint_sizes_change_every_seven_bits() {
        assert_eq!(varint_size(0), 1);
        for bytes in 1..=9u32 {
            let limit = 1u64 << (7 * bytes);
            assert_eq!(varint_size(limit - 1), bytes as usize);
            assert_eq!(varint_size(limit), bytes as usize + 1);
        }
        assert_eq!(varint_size(u64::MAX), 10);
        assert_eq!(int_field_size(-1), 11);
    }
}
