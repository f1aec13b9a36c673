//! Element types of tensors.

use std::ffi::c_int;
use std::ptr::null_mut;

use crate::library::OpenError;
use crate::openvino::functions::{Functions, Shape};

/// Names of `ov_element_type_e` in its order.
const NAMES: [&str; 26] = [
    "dynamic", "boolean", "bf16", "f16", "f32", "f64", "i4", "i8", "i16", "i32", "i64", "u1", "u2",
    "u3", "u4", "u6", "u8", "u16", "u32", "u64", "nf4", "f8e4m3", "f8e5m2", "string", "f4e2m1",
    "f8e8m0",
];

/// The type of the elements of a tensor: OpenVINO's number of it in 2025 and later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element(c_int);

#[expect(missing_docs, reason = "they are OpenVINO's names")]
impl Element {
    pub const BOOLEAN: Self = Self(1);
    pub const F16: Self = Self(3);
    pub const F32: Self = Self(4);
    pub const F64: Self = Self(5);
    pub const I8: Self = Self(7);
    pub const I16: Self = Self(8);
    pub const I32: Self = Self(9);
    pub const I64: Self = Self(10);
    pub const U8: Self = Self(16);
}

/// Types whose numbers are looked at, and the bytes of one element.
const KNOWN: [(Element, usize); 9] = [
    (Element::BOOLEAN, 1),
    (Element::F16, 2),
    (Element::F32, 4),
    (Element::F64, 8),
    (Element::I8, 1),
    (Element::I16, 2),
    (Element::I32, 4),
    (Element::I64, 8),
    (Element::U8, 1),
];
/// Elements of a tensor that is made to see their size: less than whole bytes show.
const LOOKED_AT: usize = 8;

impl Element {
    /// Whether every byte of memory may be such an element.
    pub(super) fn is_number(self) -> bool {
        KNOWN.iter().any(|(known, _)| *known == self)
    }

    /// OpenVINO's name of it.
    pub fn name(self) -> &'static str {
        let index = usize::try_from(self.0).ok();
        index.and_then(|index| NAMES.get(index).copied()).unwrap_or("unknown")
    }
}

/// How much the numbers of an OpenVINO are above those of [`Element`]: before 2025, there was one
/// more type in front.
#[derive(Clone, Copy, Debug)]
pub(super) struct Numbering(c_int);

impl Numbering {
    /// Finds out which numbers a library uses, by the sizes of tensors.
    pub(super) fn of(functions: &Functions) -> Result<Self, OpenError> {
        let fits = |numbering: &Self| {
            KNOWN.iter().all(|(element, bytes)| {
                size_of(functions, numbering.number(*element)) == Some(bytes * LOOKED_AT)
            })
        };
        let numbering = [Self(0), Self(1)].into_iter().find(fits);
        numbering.ok_or_else(|| OpenError("this version has other element types".to_owned()))
    }

    pub(super) fn number(self, element: Element) -> c_int {
        element.0 + self.0
    }

    pub(super) fn element(self, number: c_int) -> Element {
        Element(number - self.0)
    }
}

/// The bytes of a tensor of a type.
fn size_of(functions: &Functions, number: c_int) -> Option<usize> {
    let mut dims = [i64::try_from(LOOKED_AT).ok()?];
    let shape = Shape { rank: 1, dims: dims.as_mut_ptr() };
    let (mut tensor, mut bytes) = (null_mut(), 0);
    // SAFETY: the shape has one dimension; `tensor` receives a handle.
    if unsafe { (functions.ov_tensor_create)(number, shape, &raw mut tensor) } != 0 {
        return None;
    }
    // SAFETY: the handle was just made; `bytes` receives a number.
    let status = unsafe { (functions.ov_tensor_get_byte_size)(tensor, &raw mut bytes) };
    // SAFETY: the handle is freed once and not used below.
    unsafe { (functions.ov_tensor_free)(tensor) };
    (status == 0).then_some(bytes)
}
