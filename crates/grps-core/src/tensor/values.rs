//! Elements of tensors: in typed vectors that codecs and the batcher fill, and borrowed from any
//! memory.

use std::ops::Range;

use bytemuck::{AnyBitPattern, NoUninit, cast_slice, cast_slice_mut, try_cast_slice};
use bytes::Bytes;
use half::{bf16, f16};

use crate::tensor::dtype::DataType;

#[cfg(target_endian = "big")]
compile_error!("wire formats are little-endian, and elements are copied as they lie in memory");

/// Defines both enums and what they do alike for every element type.
macro_rules! define {
    ($($variant:ident: $element:ty),+) => {
        /// Elements in row-major order, in a vector of their type.
        #[derive(Clone, Debug, PartialEq)]
        #[expect(missing_docs, reason = "each variant is named like its DataType")]
        pub enum Values {
            $($variant(Vec<$element>)),+
        }

        /// Elements in row-major order, borrowed from a vector or from bytes.
        #[derive(Clone, Copy, Debug, PartialEq)]
        #[expect(missing_docs, reason = "each variant is named like its DataType")]
        pub enum Elements<'a> {
            $($variant(&'a [$element])),+
        }

        impl Values {
            /// An empty vector of this type.
            pub fn empty(dtype: DataType) -> Self {
                match dtype {
                    $(DataType::$variant => Self::$variant(Vec::new())),+
                }
            }

            /// An empty vector of this type with room for `count` elements.
            pub(crate) fn with_capacity(dtype: DataType, count: usize) -> Self {
                match dtype {
                    $(DataType::$variant => Self::$variant(Vec::with_capacity(count))),+
                }
            }

            /// The elements.
            pub fn elements(&self) -> Elements<'_> {
                match self {
                    $(Self::$variant(values) => Elements::$variant(values)),+
                }
            }

            /// Appends elements; false when their type differs.
            pub(crate) fn append(&mut self, elements: Elements<'_>) -> bool {
                match (self, elements) {
                    $((Self::$variant(to), Elements::$variant(from)) => {
                        to.extend_from_slice(from);
                    })+
                    _ => return false,
                }
                true
            }

            /// Appends `count` zeros, or empty strings.
            pub(crate) fn append_blank(&mut self, count: usize) {
                match self {
                    $(Self::$variant(values) => {
                        values.resize_with(values.len() + count, Default::default);
                    })+
                }
            }

            /// Appends the last element, or a zero or empty string when there is none, until there
            /// are `count` elements.
            pub fn fill(&mut self, count: usize) {
                match self {
                    $(Self::$variant(values) => {
                        let last = values.last().cloned().unwrap_or_default();
                        values.resize(count.max(values.len()), last);
                    })+
                }
            }

            /// Appends the last `count` elements once more; false when there are not as many.
            pub(crate) fn repeat_last(&mut self, count: usize) -> bool {
                match self {
                    $(Self::$variant(values) => {
                        let start = values.len().checked_sub(count);
                        start.map(|start| values.extend_from_within(start..)).is_some()
                    })+
                }
            }
        }

        impl<'a> Elements<'a> {
            /// No elements of this type.
            pub(crate) fn empty(dtype: DataType) -> Self {
                match dtype {
                    $(DataType::$variant => Self::$variant(&[])),+
                }
            }

            /// The element type.
            pub fn dtype(self) -> DataType {
                match self {
                    $(Self::$variant(_) => DataType::$variant),+
                }
            }

            /// The number of elements.
            pub fn len(self) -> usize {
                match self {
                    $(Self::$variant(values) => values.len()),+
                }
            }

            /// Bytes that the elements take, the text of strings aside.
            pub fn byte_len(self) -> usize {
                match self {
                    $(Self::$variant(values) => size_of_val(values)),+
                }
            }

            /// A range of the elements; `None` when it lies outside.
            pub fn get(self, range: Range<usize>) -> Option<Self> {
                match self {
                    $(Self::$variant(values) => values.get(range).map(Self::$variant)),+
                }
            }

            /// A copy of the elements.
            pub fn to_values(self) -> Values {
                match self {
                    $(Self::$variant(values) => Values::$variant(values.to_vec())),+
                }
            }
        }

        $(impl From<Vec<$element>> for Values {
            fn from(values: Vec<$element>) -> Self {
                Self::$variant(values)
            }
        })+
    };
}

define! {
    Bool: bool, Uint8: u8, Uint16: u16, Uint32: u32, Uint64: u64, Int8: i8, Int16: i16, Int32: i32,
    Int64: i64, Float16: f16, Bfloat16: bf16, Float32: f32, Float64: f64, String: Bytes
}

impl Values {
    /// The element type.
    pub fn dtype(&self) -> DataType {
        self.elements().dtype()
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.elements().len()
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// `count` elements of a type, whose bytes `read` fills in; no strings. A byte of a bool that
    /// is not zero is `true`.
    ///
    /// # Errors
    /// What `read` returns.
    pub fn read<E>(
        dtype: DataType,
        count: usize,
        read: impl FnOnce(&mut [u8]) -> Result<(), E>,
    ) -> Result<Self, E> {
        Ok(match dtype {
            DataType::Bool => {
                let bytes: Vec<u8> = filled(count, read)?;
                Self::Bool(bytes.into_iter().map(|byte| byte != 0).collect())
            }
            DataType::Uint8 => Self::Uint8(filled(count, read)?),
            DataType::Uint16 => Self::Uint16(filled(count, read)?),
            DataType::Uint32 => Self::Uint32(filled(count, read)?),
            DataType::Uint64 => Self::Uint64(filled(count, read)?),
            DataType::Int8 => Self::Int8(filled(count, read)?),
            DataType::Int16 => Self::Int16(filled(count, read)?),
            DataType::Int32 => Self::Int32(filled(count, read)?),
            DataType::Int64 => Self::Int64(filled(count, read)?),
            DataType::Float16 => Self::Float16(filled(count, read)?),
            DataType::Bfloat16 => Self::Bfloat16(filled(count, read)?),
            DataType::Float32 => Self::Float32(filled(count, read)?),
            DataType::Float64 => Self::Float64(filled(count, read)?),
            DataType::String => Self::String(Vec::new()),
        })
    }
}

fn filled<T: AnyBitPattern + NoUninit, E>(
    count: usize,
    read: impl FnOnce(&mut [u8]) -> Result<(), E>,
) -> Result<Vec<T>, E> {
    let mut values = vec![T::zeroed(); count];
    read(cast_slice_mut(&mut values))?;
    Ok(values)
}

impl<'a> Elements<'a> {
    /// Bytes as elements of a type; `None` where they are not aligned or not whole, for bools,
    /// which not every byte is, and for strings.
    pub(crate) fn of_bytes(dtype: DataType, bytes: &'a [u8]) -> Option<Self> {
        Some(match dtype {
            DataType::Bool | DataType::String => return None,
            DataType::Uint8 => Self::Uint8(bytes),
            DataType::Uint16 => Self::Uint16(try_cast_slice(bytes).ok()?),
            DataType::Uint32 => Self::Uint32(try_cast_slice(bytes).ok()?),
            DataType::Uint64 => Self::Uint64(try_cast_slice(bytes).ok()?),
            DataType::Int8 => Self::Int8(try_cast_slice(bytes).ok()?),
            DataType::Int16 => Self::Int16(try_cast_slice(bytes).ok()?),
            DataType::Int32 => Self::Int32(try_cast_slice(bytes).ok()?),
            DataType::Int64 => Self::Int64(try_cast_slice(bytes).ok()?),
            DataType::Float16 => Self::Float16(try_cast_slice(bytes).ok()?),
            DataType::Bfloat16 => Self::Bfloat16(try_cast_slice(bytes).ok()?),
            DataType::Float32 => Self::Float32(try_cast_slice(bytes).ok()?),
            DataType::Float64 => Self::Float64(try_cast_slice(bytes).ok()?),
        })
    }

    /// Whether there is no element.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The elements as they lie in memory, which is also little-endian; empty for strings.
    pub fn bytes(self) -> &'a [u8] {
        match self {
            Self::Bool(values) => cast_slice(values),
            Self::Uint8(values) => values,
            Self::Uint16(values) => cast_slice(values),
            Self::Uint32(values) => cast_slice(values),
            Self::Uint64(values) => cast_slice(values),
            Self::Int8(values) => cast_slice(values),
            Self::Int16(values) => cast_slice(values),
            Self::Int32(values) => cast_slice(values),
            Self::Int64(values) => cast_slice(values),
            Self::Float16(values) => cast_slice(values),
            Self::Bfloat16(values) => cast_slice(values),
            Self::Float32(values) => cast_slice(values),
            Self::Float64(values) => cast_slice(values),
            Self::String(_) => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_go_with_their_variants() {
        for dtype in DataType::ALL {
            let mut values = Values::empty(dtype);
            assert_eq!((values.dtype(), Elements::empty(dtype).dtype()), (dtype, dtype));
            values.append_blank(3);
            assert!(values.repeat_last(2) && !values.repeat_last(6));
            let copy = values.elements().to_values();
            assert!(values.append(copy.elements()));
            assert_eq!((values.len(), values.is_empty()), (10, false));
            assert_eq!(values.elements().bytes().len(), 10 * dtype.width().unwrap_or(0));
            let other = if dtype == DataType::Bool { DataType::Int8 } else { DataType::Bool };
            assert!(!values.append(Elements::empty(other)));
            assert!(values.elements().get(9..11).is_none());
        }
    }

    #[test]
    fn bytes_are_read_into_elements() {
        for dtype in DataType::ALL {
            let Some(width) = dtype.width() else { continue };
            let fill = |bytes: &mut [u8]| {
                bytes.fill(1);
                Ok::<_, ()>(())
            };
            let values = Values::read(dtype, 3, fill).unwrap();
            assert_eq!(
                (values.dtype(), values.elements().bytes()),
                (dtype, &vec![1; 3 * width][..])
            );
        }
        assert_eq!(Values::read(DataType::Int8, 1, |_| Err("no")), Err("no"));
        let twos = |bytes: &mut [u8]| {
            bytes.copy_from_slice(&[0, 2]);
            Ok::<_, ()>(())
        };
        assert_eq!(Values::read(DataType::Bool, 2, twos), Ok(Values::Bool(vec![false, true])));
    }
}
