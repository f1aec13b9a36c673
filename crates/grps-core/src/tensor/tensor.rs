//! Typed tensors: what the codec produces from wire bytes and what instances compute on.

use std::fmt;

use crate::error::Error;
use crate::tensor::values::Values;

/// Most dimensions a tensor may have (numpy's own limit is 64).
pub const MAX_RANK: usize = 32;

/// Element type of a tensor, numbered as on the GRPS wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum DataType {
    /// Unsigned 8-bit integer.
    Uint8 = 1,
    /// Signed 8-bit integer.
    Int8 = 2,
    /// Signed 16-bit integer.
    Int16 = 3,
    /// Signed 32-bit integer.
    Int32 = 4,
    /// Signed 64-bit integer.
    Int64 = 5,
    /// IEEE half precision; travels as float on the wire.
    Float16 = 6,
    /// IEEE single precision.
    Float32 = 7,
    /// IEEE double precision.
    Float64 = 8,
    /// UTF-8 text.
    String = 9,
}

impl DataType {
    /// All types in wire order.
    pub const ALL: [Self; 9] = [
        Self::Uint8,
        Self::Int8,
        Self::Int16,
        Self::Int32,
        Self::Int64,
        Self::Float16,
        Self::Float32,
        Self::Float64,
        Self::String,
    ];

    /// The type with this wire number; `None` for 0 (`DT_INVALID`) and unknown numbers.
    pub fn from_wire(number: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|dtype| *dtype as i32 == number)
    }

    /// The wire name, for example `DT_FLOAT32`.
    pub fn wire_name(self) -> &'static str {
        match self {
            Self::Uint8 => "DT_UINT8",
            Self::Int8 => "DT_INT8",
            Self::Int16 => "DT_INT16",
            Self::Int32 => "DT_INT32",
            Self::Int64 => "DT_INT64",
            Self::Float16 => "DT_FLOAT16",
            Self::Float32 => "DT_FLOAT32",
            Self::Float64 => "DT_FLOAT64",
            Self::String => "DT_STRING",
        }
    }

    /// The lower-case name, for example `float32`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Uint8 => "uint8",
            Self::Int8 => "int8",
            Self::Int16 => "int16",
            Self::Int32 => "int32",
            Self::Int64 => "int64",
            Self::Float16 => "float16",
            Self::Float32 => "float32",
            Self::Float64 => "float64",
            Self::String => "string",
        }
    }

    /// The type with this lower-case name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dtype| dtype.name() == name)
    }
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A named, typed, row-major tensor whose element count fits its shape.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Name as sent; empty when the sender gave none.
    name: String,
    /// Dimensions, outermost first; empty for a scalar.
    shape: Vec<usize>,
    /// Elements, exactly as many as the shape says.
    values: Values,
}

impl Tensor {
    /// Makes a tensor.
    ///
    /// # Errors
    /// `InvalidArgument` when the shape has more than [`MAX_RANK`] dimensions, overflows, or
    /// does not fit the number of elements.
    pub fn new(name: String, shape: Vec<usize>, values: Values) -> Result<Self, Error> {
        if shape.len() > MAX_RANK {
            let rank = shape.len();
            return Err(Error::invalid(format!(
                "tensor '{name}' has {rank} dimensions, at most {MAX_RANK} are allowed"
            )));
        }
        let expected = shape.iter().try_fold(1usize, |count, dim| count.checked_mul(*dim));
        if expected != Some(values.len()) {
            return Err(Error::invalid(format!(
                "tensor '{name}': shape {shape:?} wants {} {} values, got {}",
                expected.map_or_else(|| "too many".to_owned(), |count| count.to_string()),
                values.dtype(),
                values.len()
            )));
        }
        Ok(Self { name, shape, values })
    }

    /// The name; empty when the sender gave none.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Gives the tensor another name.
    pub fn rename(&mut self, name: &str) {
        name.clone_into(&mut self.name);
    }

    /// The dimensions, outermost first.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The elements.
    pub fn values(&self) -> &Values {
        &self.values
    }

    /// The element type.
    pub fn dtype(&self) -> DataType {
        self.values.dtype()
    }

    /// Takes the tensor apart into name, shape and elements.
    pub fn into_parts(self) -> (String, Vec<usize>, Values) {
        (self.name, self.shape, self.values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn floats(count: usize) -> Values {
        Values::Float32(vec![0.0; count])
    }

    #[test]
    fn shape_must_fit_values() {
        assert!(Tensor::new("x".into(), vec![2, 3], floats(6)).is_ok());
        assert!(Tensor::new("x".into(), vec![], floats(1)).is_ok());
        assert!(Tensor::new("x".into(), vec![0, 7], floats(0)).is_ok());
        let error = Tensor::new("x".into(), vec![2, 3], floats(5)).unwrap_err();
        assert_eq!(error.message(), "tensor 'x': shape [2, 3] wants 6 float32 values, got 5");
    }

    #[test]
    fn overflowing_shape_is_refused() {
        assert!(Tensor::new("x".into(), vec![usize::MAX, 2], floats(1)).is_err());
    }

    #[test]
    fn rank_limit_is_exact() {
        assert!(Tensor::new("x".into(), vec![1; MAX_RANK], floats(1)).is_ok());
        assert!(Tensor::new("x".into(), vec![1; MAX_RANK + 1], floats(1)).is_err());
    }

    #[test]
    fn names_and_numbers_round_trip() {
        for dtype in DataType::ALL {
            assert_eq!(DataType::from_wire(dtype as i32), Some(dtype));
            assert_eq!(DataType::from_name(dtype.name()), Some(dtype));
            assert_eq!(Values::empty(dtype).dtype(), dtype);
        }
        assert_eq!(DataType::from_wire(0), None);
        assert_eq!(DataType::from_wire(10), None);
    }
}
