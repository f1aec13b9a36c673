//! Memory of tensors: immutable, shared by clones and slices, owned by whatever made it.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use crate::tensor::dtype::DataType;
use crate::tensor::values::{Elements, Values};

/// Elements of one type in memory that clones and slices share.
///
/// The memory is a typed vector, which its only owner gets back without a copy, or bytes with any
/// owner: a slice of the network buffer, or memory that is lent ([`Bytes::from_owner`]).
#[derive(Clone)]
pub struct Buffer(Memory);

#[derive(Clone)]
enum Memory {
    /// A range of the elements of a vector.
    Vector { values: Arc<Values>, range: Range<usize> },
    /// Bytes that are elements of this type, aligned.
    Bytes { dtype: DataType, bytes: Bytes },
}

impl Buffer {
    /// Takes bytes as elements of a type. They are copied only where they are not aligned, and for
    /// bools, which not every byte is.
    ///
    /// `None` when they are not whole elements, and for strings, whose bytes have no fixed size.
    pub fn from_bytes(dtype: DataType, bytes: Bytes) -> Option<Self> {
        let width = dtype.width()?;
        if !bytes.len().is_multiple_of(width) {
            return None;
        }
        if Elements::of_bytes(dtype, &bytes).is_some() {
            return Some(Self(Memory::Bytes { dtype, bytes }));
        }
        let copied = Values::read(dtype, bytes.len() / width, |elements| {
            elements.copy_from_slice(&bytes);
            Ok::<_, ()>(())
        });
        copied.ok().map(Self::from)
    }

    /// The elements.
    pub fn elements(&self) -> Elements<'_> {
        match &self.0 {
            Memory::Vector { values, range } => {
                let elements = values.elements();
                if *range == (0..elements.len()) {
                    return elements;
                }
                elements.get(range.clone()).unwrap_or(Elements::empty(elements.dtype()))
            }
            Memory::Bytes { dtype, bytes } => {
                Elements::of_bytes(*dtype, bytes).unwrap_or(Elements::empty(*dtype))
            }
        }
    }

    /// The element type.
    pub fn dtype(&self) -> DataType {
        match &self.0 {
            Memory::Vector { values, .. } => values.dtype(),
            Memory::Bytes { dtype, .. } => *dtype,
        }
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        match &self.0 {
            Memory::Vector { range, .. } => range.len(),
            Memory::Bytes { dtype, bytes } => bytes.len() / dtype.width().unwrap_or(1),
        }
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A range of the elements in the same memory; `None` when it lies outside.
    pub fn slice(&self, range: Range<usize>) -> Option<Self> {
        self.elements().get(range.clone())?;
        Some(Self(match &self.0 {
            Memory::Vector { values, range: whole } => {
                let range = whole.start + range.start..whole.start + range.end;
                Memory::Vector { values: Arc::clone(values), range }
            }
            Memory::Bytes { dtype, bytes } => {
                let width = dtype.width()?;
                let bytes = bytes.slice(range.start * width..range.end * width);
                Memory::Bytes { dtype: *dtype, bytes }
            }
        }))
    }

    /// Whether this is the only owner of a whole vector, so that [`Buffer::into_values`] copies
    /// nothing.
    pub fn is_owned(&self) -> bool {
        match &self.0 {
            Memory::Vector { values, range } => {
                *range == (0..values.len()) && Arc::strong_count(values) == 1
            }
            Memory::Bytes { .. } => false,
        }
    }

    /// The elements in a vector of their own: the only owner of one gets it as it is, and bytes
    /// that nothing else uses become a vector of bytes.
    pub fn into_values(self) -> Values {
        match self.0 {
            Memory::Vector { values, range } if range == (0..values.len()) => {
                Arc::try_unwrap(values).unwrap_or_else(|shared| Values::clone(&shared))
            }
            Memory::Bytes { dtype: DataType::Uint8, bytes } => Values::Uint8(bytes.into()),
            _ => self.elements().to_values(),
        }
    }

    /// The elements as they lie in memory, in the same memory; `None` for strings.
    pub fn into_bytes(self) -> Option<Bytes> {
        match self.0 {
            Memory::Bytes { bytes, .. } => Some(bytes),
            Memory::Vector { .. } => {
                self.elements().dtype().width()?;
                Some(Bytes::from_owner(self))
            }
        }
    }
}

impl From<Values> for Buffer {
    fn from(values: Values) -> Self {
        let range = 0..values.len();
        Self(Memory::Vector { values: Arc::new(values), range })
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        self.elements().bytes()
    }
}

impl PartialEq for Buffer {
    fn eq(&self, other: &Self) -> bool {
        self.elements() == other.elements()
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.elements().fmt(f)
    }
}

#[cfg(test)]
#[path = "buffer_tests.rs"]
mod tests;
