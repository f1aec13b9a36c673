//! Elements of tensors as bytes, and back: as they lie in memory, which is also little-endian.

use bytemuck::{Pod, cast_slice, cast_slice_mut};

use crate::tensor::tensor::DataType;
use crate::tensor::values::Values;

#[cfg(target_endian = "big")]
compile_error!("wire formats are little-endian, and elements are copied as they lie in memory");

impl DataType {
    /// Bytes of one element; `None` for texts.
    pub fn width(self) -> Option<usize> {
        Some(match self {
            Self::Uint8 | Self::Int8 => 1,
            Self::Int16 | Self::Float16 => 2,
            Self::Int32 | Self::Float32 => 4,
            Self::Int64 | Self::Float64 => 8,
            Self::String => return None,
        })
    }
}

impl Values {
    /// The elements as they lie in memory; empty for texts.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Uint8(values) => values,
            Self::Int8(values) => cast_slice(values),
            Self::Int16(values) => cast_slice(values),
            Self::Int32(values) => cast_slice(values),
            Self::Int64(values) => cast_slice(values),
            Self::Float16(values) => cast_slice(values),
            Self::Float32(values) => cast_slice(values),
            Self::Float64(values) => cast_slice(values),
            Self::String(_) => &[],
        }
    }

    /// `count` elements of a type, whose bytes `read` fills in; no texts.
    ///
    /// # Errors
    /// What `read` returns.
    pub fn read<E>(
        dtype: DataType,
        count: usize,
        read: impl FnOnce(&mut [u8]) -> Result<(), E>,
    ) -> Result<Self, E> {
        Ok(match dtype {
            DataType::Uint8 => Self::Uint8(filled(count, read)?),
            DataType::Int8 => Self::Int8(filled(count, read)?),
            DataType::Int16 => Self::Int16(filled(count, read)?),
            DataType::Int32 => Self::Int32(filled(count, read)?),
            DataType::Int64 => Self::Int64(filled(count, read)?),
            DataType::Float16 => Self::Float16(filled(count, read)?),
            DataType::Float32 => Self::Float32(filled(count, read)?),
            DataType::Float64 => Self::Float64(filled(count, read)?),
            DataType::String => Self::String(Vec::new()),
        })
    }
}

fn filled<T: Pod, E>(
    count: usize,
    read: impl FnOnce(&mut [u8]) -> Result<(), E>,
) -> Result<Vec<T>, E> {
    let mut values = vec![T::zeroed(); count];
    read(cast_slice_mut(&mut values))?;
    Ok(values)
}
