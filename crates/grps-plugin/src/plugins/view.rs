//! Reading what plugins pass and filling in what they get, with every field checked.

use std::sync::Arc;

use bytes::Bytes;
use grps_core::{DataType, MAX_RANK, Shape, Tensor, Values};

use crate::plugins::abi::{TensorView, Text};

/// Maximum length of a tensor's name in bytes.
const MAX_NAME: u64 = 4096;

/// The description of a tensor that a plugin has passed.
#[derive(Debug)]
pub(crate) struct Described {
    pub(crate) name: Arc<str>,
    pub(crate) dtype: DataType,
    pub(crate) shape: Shape,
    /// The number of elements that the shape says.
    pub(crate) count: usize,
}

impl Described {
    /// The size of the elements; fails for strings and when it overflows.
    pub(crate) fn byte_len(&self, what: &str) -> Result<usize, String> {
        let name = &self.name;
        let width = self
            .dtype
            .width()
            .ok_or_else(|| format!("output '{name}': strings can't be {what}; use copy"))?;
        let length = self.count.checked_mul(width);
        length.ok_or_else(|| format!("output '{name}': its shape has too many elements"))
    }
}

/// Borrows a text of a plugin.
///
/// # Safety
/// `data` is null, or points to `length` bytes that live as long as what is returned is used.
pub(crate) unsafe fn text<'a>(data: Text, length: u64) -> Result<&'a str, &'static str> {
    // SAFETY: the caller guarantees the same.
    let bytes = unsafe { bytes(data.cast(), length) }?;
    std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8")
}

/// Borrows bytes of a plugin.
///
/// # Safety
/// As for [`text`].
pub(crate) unsafe fn bytes<'a>(data: *const u8, length: u64) -> Result<&'a [u8], &'static str> {
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if length == 0 {
        return Ok(&[]);
    }
    if data.is_null() {
        return Err("its pointer is NULL");
    }
    if length > isize::MAX as usize {
        return Err("it is too long");
    }
    // SAFETY: the caller guarantees the bytes.
    Ok(unsafe { std::slice::from_raw_parts(data, length) })
}

/// Reads the description in a tensor view; fails with what is wrong.
///
/// # Safety
/// `view` is null or points to a view whose struct_size is true; so are its pointers.
pub(crate) unsafe fn describe(view: *const TensorView) -> Result<(Described, TensorView), String> {
    // SAFETY: the caller guarantees a view.
    let size = unsafe { view.as_ref() }.map(|view| view.struct_size);
    let size = size.ok_or("an output's description is NULL")?;
    if (size as usize) < size_of::<TensorView>() {
        let least = size_of::<TensorView>();
        return Err(format!("an output's struct_size is {size}, not {least} or more"));
    }
    // SAFETY: the view has at least these fields.
    let view = unsafe { *view };
    if view.name_length > MAX_NAME {
        let length = view.name_length;
        return Err(format!("an output's name has {length} bytes; at most {MAX_NAME} are allowed"));
    }
    // SAFETY: the caller guarantees the name.
    let name = unsafe { text(view.name, view.name_length) };
    let name = name.map_err(|fault| format!("an output's name: {fault}"))?;
    let dtype = usize::try_from(view.dtype).ok().and_then(|number| DataType::ALL.get(number));
    let dtype = *dtype.ok_or_else(|| format!("output '{name}': no type {}", view.dtype))?;
    // SAFETY: the caller guarantees the shape.
    let (shape, count) = unsafe { shape(name, &view) }?;
    Ok((Described { name: name.into(), dtype, shape, count }, view))
}

/// Reads the shape, and how many elements it says.
///
/// # Safety
/// The shape is null or has as many dimensions as the view says.
unsafe fn shape(name: &str, view: &TensorView) -> Result<(Shape, usize), String> {
    let rank = view.rank as usize;
    if rank > MAX_RANK {
        return Err(format!("output '{name}': rank {rank}; at most {MAX_RANK} are allowed"));
    }
    if rank > 0 && view.shape.is_null() {
        return Err(format!("output '{name}': its shape is NULL"));
    }
    let mut shape = Shape::new();
    let mut count = 1usize;
    for axis in 0..rank {
        // SAFETY: the caller guarantees `rank` dimensions.
        let size = unsafe { *view.shape.add(axis) };
        let Ok(unsigned) = usize::try_from(size) else {
            return Err(format!("output '{name}': dimension {axis} is {size}"));
        };
        shape.push(unsigned);
        let product = count.checked_mul(unsigned);
        count =
            product.ok_or_else(|| format!("output '{name}': its shape has too many elements"))?;
    }
    Ok((shape, count))
}

/// Copies strings out of a view.
///
/// # Safety
/// As for [`describe`], which has read the view.
pub(crate) unsafe fn strings(tensor: &Described, view: &TensorView) -> Result<Values, String> {
    let wrong = |fault: String| format!("output '{}': {fault}", tensor.name);
    if tensor.count == 0 {
        return Ok(Values::String(Vec::new()));
    }
    if view.offsets.is_null() {
        return Err(wrong("its offsets are NULL".to_owned()));
    }
    if tensor.count > isize::MAX as usize / size_of::<u64>() - 1 {
        return Err(wrong("its shape has too many elements".to_owned()));
    }
    // SAFETY: the caller guarantees one offset more than there are strings.
    let offsets = unsafe { std::slice::from_raw_parts(view.offsets, tensor.count + 1) };
    let pairs = || offsets.iter().zip(offsets.iter().skip(1));
    if let Some(index) = pairs().position(|(start, end)| start > end) {
        return Err(wrong(format!("string {index} ends before it begins")));
    }
    let end = offsets.last().copied().unwrap_or_default();
    // SAFETY: the caller guarantees the text up to the last offset.
    let all = unsafe { bytes(view.text.cast(), end) };
    let all = all.map_err(|fault| wrong(format!("its text: {fault}")))?;
    let string = |(start, end): (&u64, &u64)| {
        Bytes::copy_from_slice(all.get(*start as usize..*end as usize).unwrap_or_default())
    };
    Ok(Values::String(pairs().map(string).collect()))
}

/// The strings of an input as the interface has them.
#[derive(Debug)]
pub(crate) struct Strings {
    pub(crate) offsets: Vec<u64>,
    pub(crate) text: Vec<u8>,
}

impl Strings {
    /// Joins strings.
    pub(crate) fn of(strings: &[Bytes]) -> Self {
        let mut offsets = Vec::with_capacity(strings.len() + 1);
        let mut text = Vec::with_capacity(strings.iter().map(Bytes::len).sum());
        offsets.push(0);
        for string in strings {
            text.extend_from_slice(string);
            offsets.push(text.len() as u64);
        }
        Self { offsets, text }
    }
}

/// A view of a tensor, which is valid as long as the tensor and its strings are.
pub(crate) fn view_of(tensor: &Tensor, strings: Option<&Strings>) -> TensorView {
    let elements = tensor.elements().bytes();
    let number = DataType::ALL.iter().position(|dtype| *dtype == tensor.dtype());
    TensorView {
        struct_size: size_of::<TensorView>() as u32,
        dtype: number.and_then(|number| i32::try_from(number).ok()).unwrap_or(-1),
        rank: tensor.shape().len() as u32,
        reserved: 0,
        // Dimensions fit: a tensor has as many elements as its shape says, and memory ends before.
        shape: tensor.shape().as_ptr().cast(),
        data: if strings.is_some() { std::ptr::null() } else { elements.as_ptr().cast() },
        bytes: elements.len() as u64,
        offsets: strings.map_or(std::ptr::null(), |strings| strings.offsets.as_ptr()),
        text: strings.map_or(std::ptr::null(), |strings| strings.text.as_ptr().cast()),
        name: tensor.name().as_ptr().cast(),
        name_length: tensor.name().len() as u64,
    }
}
