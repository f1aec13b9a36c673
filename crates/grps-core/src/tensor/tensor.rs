//! Typed tensors: what the codec produces from wire bytes and what instances compute on.

use std::ops::Range;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::error::Error;
use crate::tensor::buffer::Buffer;
use crate::tensor::dtype::DataType;
use crate::tensor::values::{Elements, Values};
use crate::text::quoted;

/// Most dimensions a tensor may have (numpy's own limit is 64).
pub const MAX_RANK: usize = 32;

/// Dimensions, outermost first; empty for a scalar. Few take no memory of their own.
pub type Shape = SmallVec<[usize; 4]>;

/// Most elements that the sizes of a shape multiply to, those of 0 left out. Array libraries address
/// their elements, of at most 8 bytes, by signed numbers.
const MAX_ELEMENTS: usize = isize::MAX as usize / 8;

/// How many elements a shape has; `None` when no array can have that shape, which may also be so
/// where it has no elements.
pub fn element_count(shape: &[usize]) -> Option<usize> {
    let sizes = shape.iter().filter(|size| **size > 0);
    let count = sizes.copied().try_fold(1usize, usize::checked_mul)?;
    let is_empty = shape.contains(&0);
    (count <= MAX_ELEMENTS).then_some(if is_empty { 0 } else { count })
}

/// A named, typed, row-major tensor whose element count fits its shape.
///
/// Its elements are immutable; cloning it copies none.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Name as sent; empty when the sender gave none.
    name: Arc<str>,
    /// The dimensions.
    shape: Shape,
    /// Elements, exactly as many as the shape says.
    buffer: Buffer,
}

impl Tensor {
    /// Makes a tensor.
    ///
    /// # Errors
    /// `InvalidArgument` when the shape has more than [`MAX_RANK`] dimensions, overflows, or
    /// does not fit the number of elements.
    pub fn new(
        name: Arc<str>,
        shape: impl Into<Shape>,
        elements: impl Into<Buffer>,
    ) -> Result<Self, Error> {
        let (shape, buffer) = (shape.into(), elements.into());
        if shape.len() > MAX_RANK {
            let (name, rank) = (quoted(&name), shape.len());
            return Err(Error::invalid(format!(
                "tensor {name} has {rank} dimensions, at most {MAX_RANK} are allowed"
            )));
        }
        let expected = element_count(&shape);
        if expected != Some(buffer.len()) {
            return Err(Error::invalid(format!(
                "tensor {}: shape {shape:?} wants {} {} values, got {}",
                quoted(&name),
                expected.map_or_else(|| "too many".to_owned(), |count| count.to_string()),
                buffer.dtype(),
                buffer.len()
            )));
        }
        Ok(Self { name, shape, buffer })
    }

    /// The name; empty when the sender gave none.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Gives the tensor another name.
    pub fn rename(&mut self, name: impl Into<Arc<str>>) {
        self.name = name.into();
    }

    /// The same tensor with another name.
    pub(crate) fn renamed(&self, name: &Arc<str>) -> Self {
        let name = Arc::clone(name);
        Self { name, shape: self.shape.clone(), buffer: self.buffer.clone() }
    }

    /// The dimensions, outermost first.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The elements.
    pub fn elements(&self) -> Elements<'_> {
        self.buffer.elements()
    }

    /// The memory of the elements.
    pub fn buffer(&self) -> &Buffer {
        &self.buffer
    }

    /// The element type.
    pub fn dtype(&self) -> DataType {
        self.buffer.dtype()
    }

    /// A range of the first dimension in the same memory; `None` when it lies outside.
    pub fn rows(&self, range: Range<usize>) -> Option<Self> {
        let mut shape = self.shape.clone();
        let first = shape.first_mut().filter(|first| range.end <= **first)?;
        let row = self.buffer.len().checked_div(*first).unwrap_or_default();
        *first = range.len();
        let buffer = self.buffer.slice(range.start * row..range.end * row)?;
        Some(Self { name: Arc::clone(&self.name), shape, buffer })
    }

    /// The same tensor in a vector that nothing else uses; copies unless it is in one.
    #[must_use]
    pub fn into_owned(self) -> Self {
        if self.buffer.is_owned() {
            return self;
        }
        let Self { name, shape, buffer } = self;
        Self { name, shape, buffer: buffer.into_values().into() }
    }

    /// The bytes of the same elements as elements of another type of the same size.
    pub(crate) fn bytes_as(self, dtype: DataType) -> Self {
        let Self { name, shape, buffer } = self;
        let other = buffer.clone().into_bytes();
        let other = other.and_then(|bytes| Buffer::from_bytes(dtype, bytes));
        let other = other.filter(|other| other.len() == buffer.len());
        Self { name, shape, buffer: other.unwrap_or(buffer) }
    }

    /// A tensor of the same name; `None` when shape and elements do not fit together.
    pub(crate) fn like(&self, shape: Shape, values: Values) -> Option<Self> {
        Self::new(Arc::clone(&self.name), shape, values).ok()
    }

    /// Takes the tensor apart into name, shape and elements.
    pub fn into_parts(self) -> (Arc<str>, Shape, Buffer) {
        (self.name, self.shape, self.buffer)
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
        assert_eq!(element_count(&[MAX_ELEMENTS]), Some(MAX_ELEMENTS));
        assert_eq!(element_count(&[MAX_ELEMENTS + 1]), None);
    }

    #[test]
    fn a_shape_without_elements_that_no_array_has_is_refused() {
        for shape in [[0, MAX_ELEMENTS], [MAX_ELEMENTS, 0]] {
            assert!(Tensor::new("x".into(), shape.to_vec(), floats(0)).is_ok());
        }
        for shape in [[0, MAX_ELEMENTS + 1], [MAX_ELEMENTS + 1, 0]] {
            assert!(Tensor::new("x".into(), shape.to_vec(), floats(0)).is_err());
        }
        assert!(Tensor::new("x".into(), vec![1 << 40, 1 << 40, 0], floats(0)).is_err());
    }

    #[test]
    fn rank_limit_is_exact() {
        assert!(Tensor::new("x".into(), vec![1; MAX_RANK], floats(1)).is_ok());
        assert!(Tensor::new("x".into(), vec![1; MAX_RANK + 1], floats(1)).is_err());
    }

    #[test]
    fn rows_and_clones_share_memory() {
        let tensor = Tensor::new("x".into(), vec![3, 2], Values::Int8((0..6).collect())).unwrap();
        let rows = tensor.rows(1..3).unwrap();
        assert_eq!((rows.shape(), rows.name()), (&[2, 2][..], "x"));
        assert_eq!(rows.elements(), Elements::Int8(&[2, 3, 4, 5]));
        assert_eq!(rows.elements().bytes().as_ptr(), tensor.elements().bytes()[2..].as_ptr());
        assert_eq!(tensor.rows(3..3).unwrap().shape(), [0, 2]);
        assert!(tensor.rows(2..4).is_none());
        let scalar = Tensor::new("x".into(), vec![], Values::Int8(vec![1])).unwrap();
        assert!(scalar.rows(0..0).is_none());
        assert_eq!(tensor.clone().elements().bytes().as_ptr(), tensor.elements().bytes().as_ptr());
    }

    #[test]
    fn only_what_is_shared_is_copied_to_be_owned() {
        let tensor = Tensor::new("x".into(), vec![2], floats(2)).unwrap();
        let place = tensor.elements().bytes().as_ptr();
        let tensor = tensor.into_owned();
        assert_eq!(tensor.elements().bytes().as_ptr(), place);
        let owned = tensor.clone().into_owned();
        assert_ne!(owned.elements().bytes().as_ptr(), place);
        assert!(owned.buffer().is_owned() && tensor.buffer().is_owned());
        assert_eq!(owned, tensor);
    }
}
