//! The elements of tensors as bytes, and back.

use bytemuck::{Pod, cast_slice, cast_slice_mut};
use grps_core::{CutRows, DataType, Values};
use half::f16;

/// The elements as they lie in memory; empty for texts.
pub(crate) fn bytes_of(values: &Values) -> &[u8] {
    match values {
        Values::Uint8(values) => values,
        Values::Int8(values) => cast_slice(values),
        Values::Int16(values) => cast_slice(values),
        Values::Int32(values) => cast_slice(values),
        Values::Int64(values) => cast_slice(values),
        Values::Float16(values) => cast_slice(values),
        Values::Float32(values) => cast_slice(values),
        Values::Float64(values) => cast_slice(values),
        Values::String(_) => &[],
    }
}

/// Bytes of one element; `None` for texts.
pub(crate) fn width(dtype: DataType) -> Option<u64> {
    Some(match dtype {
        DataType::Uint8 | DataType::Int8 => 1,
        DataType::Int16 | DataType::Float16 => 2,
        DataType::Int32 | DataType::Float32 => 4,
        DataType::Int64 | DataType::Float64 => 8,
        DataType::String => return None,
    })
}

/// `count` elements of a type, filled by `read`; no texts.
pub(crate) fn read_values<E>(
    dtype: DataType,
    count: usize,
    read: impl FnOnce(&mut [u8]) -> Result<(), E>,
) -> Result<Values, E> {
    fn filled<T: Pod, E>(
        count: usize,
        read: impl FnOnce(&mut [u8]) -> Result<(), E>,
    ) -> Result<Vec<T>, E> {
        let mut values = vec![T::zeroed(); count];
        read(cast_slice_mut(&mut values))?;
        Ok(values)
    }
    Ok(match dtype {
        DataType::Uint8 => Values::Uint8(filled(count, read)?),
        DataType::Int8 => Values::Int8(filled(count, read)?),
        DataType::Int16 => Values::Int16(filled(count, read)?),
        DataType::Int32 => Values::Int32(filled(count, read)?),
        DataType::Int64 => Values::Int64(filled(count, read)?),
        DataType::Float16 => Values::Float16(filled::<f16, E>(count, read)?),
        DataType::Float32 => Values::Float32(filled(count, read)?),
        DataType::Float64 => Values::Float64(filled(count, read)?),
        DataType::String => Values::String(Vec::new()),
    })
}

/// A request's part of an output: its shape and elements.
pub(crate) fn cut(part: &CutRows, values: &Values, shape: &[usize]) -> (Vec<usize>, Values) {
    macro_rules! cut_each {
        ($($variant:ident),+) => {
            match values {
                $(Values::$variant(values) => {
                    let (shape, values) = part.cut(values, shape);
                    (shape, Values::$variant(values))
                })+
            }
        };
    }
    cut_each!(Uint8, Int8, Int16, Int32, Int64, Float16, Float32, Float64, String)
}
