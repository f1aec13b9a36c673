//! Element types of tensors.

use std::ffi::c_int;

/// The type of the elements of a tensor: the number of a `TF_DataType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element(pub(super) c_int);

#[expect(missing_docs, reason = "they are TensorFlow's names")]
impl Element {
    pub const FLOAT: Self = Self(1);
    pub const DOUBLE: Self = Self(2);
    pub const INT32: Self = Self(3);
    pub const UINT8: Self = Self(4);
    pub const INT16: Self = Self(5);
    pub const INT8: Self = Self(6);
    pub const STRING: Self = Self(7);
    pub const INT64: Self = Self(9);
    pub const BOOL: Self = Self(10);
    pub const BFLOAT16: Self = Self(14);
    pub const HALF: Self = Self(19);
}

/// Types whose memory this crate reads and writes, and the bytes of one element.
const NUMBERS: [(Element, usize); 10] = [
    (Element::FLOAT, 4),
    (Element::DOUBLE, 8),
    (Element::INT32, 4),
    (Element::UINT8, 1),
    (Element::INT16, 2),
    (Element::INT8, 1),
    (Element::INT64, 8),
    (Element::BOOL, 1),
    (Element::BFLOAT16, 2),
    (Element::HALF, 2),
];

impl Element {
    /// The type with a number of TensorFlow's protocol buffers, which the C API has as well.
    pub fn numbered(number: i32) -> Self {
        Self(number)
    }

    /// The bytes of one number; `None` for other types.
    pub(super) fn width(self) -> Option<usize> {
        NUMBERS.iter().find(|(known, _)| *known == self).map(|(_, width)| *width)
    }
}
