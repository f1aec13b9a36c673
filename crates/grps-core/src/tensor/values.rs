//! The elements of a tensor.

use std::ops::Range;

use half::f16;

use crate::tensor::tensor::DataType;

/// Does the same with the vector of whichever type it is.
macro_rules! on_vector {
    ($values:expr, $vector:ident => $action:expr) => {
        match $values {
            Values::Uint8($vector) => $action,
            Values::Int8($vector) => $action,
            Values::Int16($vector) => $action,
            Values::Int32($vector) => $action,
            Values::Int64($vector) => $action,
            Values::Float16($vector) => $action,
            Values::Float32($vector) => $action,
            Values::Float64($vector) => $action,
            Values::String($vector) => $action,
        }
    };
}

/// The elements of a tensor in row-major order, one vector per element type.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "each variant is named like its DataType")]
pub enum Values {
    Uint8(Vec<u8>),
    Int8(Vec<i8>),
    Int16(Vec<i16>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Float16(Vec<f16>),
    Float32(Vec<f32>),
    Float64(Vec<f64>),
    String(Vec<String>),
}

impl Values {
    /// An empty vector of the given type.
    pub fn empty(dtype: DataType) -> Self {
        match dtype {
            DataType::Uint8 => Self::Uint8(Vec::new()),
            DataType::Int8 => Self::Int8(Vec::new()),
            DataType::Int16 => Self::Int16(Vec::new()),
            DataType::Int32 => Self::Int32(Vec::new()),
            DataType::Int64 => Self::Int64(Vec::new()),
            DataType::Float16 => Self::Float16(Vec::new()),
            DataType::Float32 => Self::Float32(Vec::new()),
            DataType::Float64 => Self::Float64(Vec::new()),
            DataType::String => Self::String(Vec::new()),
        }
    }

    /// The element type.
    pub fn dtype(&self) -> DataType {
        match self {
            Self::Uint8(_) => DataType::Uint8,
            Self::Int8(_) => DataType::Int8,
            Self::Int16(_) => DataType::Int16,
            Self::Int32(_) => DataType::Int32,
            Self::Int64(_) => DataType::Int64,
            Self::Float16(_) => DataType::Float16,
            Self::Float32(_) => DataType::Float32,
            Self::Float64(_) => DataType::Float64,
            Self::String(_) => DataType::String,
        }
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        on_vector!(self, values => values.len())
    }

    /// Bytes that the elements take, those of texts aside.
    pub fn byte_len(&self) -> usize {
        on_vector!(self, values => size_of_val(values.as_slice()))
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// An empty vector of the given type with room for `count` elements.
    pub(crate) fn with_capacity(dtype: DataType, count: usize) -> Self {
        let mut values = Self::empty(dtype);
        on_vector!(&mut values, values => values.reserve_exact(count));
        values
    }

    /// Appends a range of the elements of another vector of the same type; false when the types
    /// differ or the range lies outside.
    pub(crate) fn extend_from(&mut self, other: &Self, range: Range<usize>) -> bool {
        match (self, other) {
            (Self::Uint8(to), Self::Uint8(from)) => append(to, from.get(range)),
            (Self::Int8(to), Self::Int8(from)) => append(to, from.get(range)),
            (Self::Int16(to), Self::Int16(from)) => append(to, from.get(range)),
            (Self::Int32(to), Self::Int32(from)) => append(to, from.get(range)),
            (Self::Int64(to), Self::Int64(from)) => append(to, from.get(range)),
            (Self::Float16(to), Self::Float16(from)) => append(to, from.get(range)),
            (Self::Float32(to), Self::Float32(from)) => append(to, from.get(range)),
            (Self::Float64(to), Self::Float64(from)) => append(to, from.get(range)),
            (Self::String(to), Self::String(from)) => append(to, from.get(range)),
            _ => false,
        }
    }

    /// Appends `count` zeros, or empty texts.
    pub(crate) fn extend_blank(&mut self, count: usize) {
        on_vector!(self, values => values.resize_with(values.len() + count, Default::default));
    }

    /// Appends the last `count` elements once more; false when there are not as many.
    pub(crate) fn repeat_last(&mut self, count: usize) -> bool {
        on_vector!(self, values => {
            let start = values.len().checked_sub(count);
            start.map(|start| values.extend_from_within(start..)).is_some()
        })
    }
}

fn append<T: Clone>(to: &mut Vec<T>, from: Option<&[T]>) -> bool {
    from.map(|values| to.extend_from_slice(values)).is_some()
}
