//! Tensors.

use std::ffi::{c_int, c_void};

use crate::tensorflow::element::Element;
use crate::tensorflow::functions::Opaque;
use crate::tensorflow::runtime::Tensorflow;
use crate::tensorflow::status::TensorflowError;
use crate::tensorflow::texts::{CELL_BYTES, Texts, text_at};

/// A tensor, freed when it is dropped; its memory is freed with its last user.
pub struct Tensor {
    tensorflow: &'static Tensorflow,
    tensor: *mut Opaque,
}

// SAFETY: a tensor is never written to here, and TensorFlow counts its users atomically.
unsafe impl Send for Tensor {}
// SAFETY: as above.
unsafe impl Sync for Tensor {}

impl Drop for Tensor {
    fn drop(&mut self) {
        // SAFETY: the handle was made for this owner, and is not used again.
        unsafe { (self.tensorflow.functions.TF_DeleteTensor)(self.tensor) };
    }
}

impl Tensor {
    /// Takes over a handle.
    pub(super) fn new(tensorflow: &'static Tensorflow, tensor: *mut Opaque) -> Self {
        Self { tensorflow, tensor }
    }

    /// A tensor of numbers in the memory of an owner, who is dropped with the last user of it.
    ///
    /// # Errors
    /// They are no numbers, or not as many as the shape says.
    pub fn of_numbers<O>(
        tensorflow: &'static Tensorflow,
        element: Element,
        shape: &[usize],
        owner: O,
    ) -> Result<Self, TensorflowError>
    where
        O: AsRef<[u8]> + Send + Sync + 'static,
    {
        let count = shape.iter().try_fold(1_usize, |count, dim| count.checked_mul(*dim));
        let bytes = element.width().zip(count).and_then(|(width, count)| width.checked_mul(count));
        let owner = Box::new(owner);
        let (data, given) = (owner.as_ref().as_ref().as_ptr(), owner.as_ref().as_ref().len());
        if bytes != Some(given) {
            return Err(TensorflowError::new(format!("{given} bytes do not fill {shape:?}")));
        }
        // TensorFlow writes to no memory that it does not own.
        Self::lent(tensorflow, element, shape, (data.cast_mut().cast(), given), owner)
    }

    /// A tensor of strings.
    ///
    /// # Errors
    /// They are not as many as the shape says.
    pub fn of_texts<T: AsRef<[u8]>>(
        tensorflow: &'static Tensorflow,
        shape: &[usize],
        texts: &[T],
    ) -> Result<Self, TensorflowError> {
        let count = shape.iter().try_fold(1_usize, |count, dim| count.checked_mul(*dim));
        if count != Some(texts.len()) {
            let given = texts.len();
            return Err(TensorflowError::new(format!("{given} strings do not fill {shape:?}")));
        }
        let texts = Box::new(Texts::new(texts));
        let memory = (texts.cells().cast_mut().cast(), texts.cell_bytes());
        Self::lent(tensorflow, Element::STRING, shape, memory, texts)
    }

    /// A tensor in memory that `owner` keeps: as many elements as the shape says.
    fn lent<O: Send + Sync + 'static>(
        tensorflow: &'static Tensorflow,
        element: Element,
        shape: &[usize],
        (data, bytes): (*mut c_void, usize),
        owner: Box<O>,
    ) -> Result<Self, TensorflowError> {
        let dims: Vec<i64> = shape.iter().filter_map(|dim| i64::try_from(*dim).ok()).collect();
        let rank = c_int::try_from(dims.len()).unwrap_or(c_int::MAX);
        let owner = Box::into_raw(owner).cast();
        // SAFETY: there are `rank` dimensions and `bytes` bytes, which live until the deallocator
        // drops their owner; TensorFlow calls it once, at the end or when it has copied them.
        let tensor = unsafe {
            (tensorflow.functions.TF_NewTensor)(
                element.0,
                dims.as_ptr(),
                rank,
                data,
                bytes,
                drop_owner::<O>,
                owner,
            )
        };
        if tensor.is_null() {
            return Err(TensorflowError::new(format!("no tensor of shape {shape:?}")));
        }
        Ok(Self { tensorflow, tensor })
    }

    pub(super) fn raw(&self) -> *mut Opaque {
        self.tensor
    }

    /// The type of its elements.
    pub fn element(&self) -> Element {
        // SAFETY: the tensor is live.
        Element(unsafe { (self.tensorflow.functions.TF_TensorType)(self.tensor) })
    }

    /// Its dimensions.
    pub fn shape(&self) -> Vec<usize> {
        let functions = &self.tensorflow.functions;
        // SAFETY: the tensor is live.
        let rank = unsafe { (functions.TF_NumDims)(self.tensor) };
        // SAFETY: the tensor is live and has so many dimensions.
        let dims = (0..rank).map(|index| unsafe { (functions.TF_Dim)(self.tensor, index) });
        dims.filter_map(|dim| usize::try_from(dim).ok()).collect()
    }

    /// Its numbers as they lie in memory, in the same memory; `None` for other types.
    pub fn into_bytes(self) -> Option<TensorBytes> {
        self.element().width().map(|_| TensorBytes(self))
    }

    /// Its strings; `None` for other types.
    pub fn texts(&self) -> Option<Vec<Vec<u8>>> {
        if self.element() != Element::STRING {
            return None;
        }
        let (data, bytes) = self.memory();
        let cells = (0..bytes / CELL_BYTES).map(|index| {
            // SAFETY: the tensor has so many strings, one behind the other.
            unsafe { text_at(data.add(index * CELL_BYTES)) }
        });
        Some(cells.collect())
    }

    fn memory(&self) -> (*const u8, usize) {
        let functions = &self.tensorflow.functions;
        // SAFETY: the tensor is live.
        let data = unsafe { (functions.TF_TensorData)(self.tensor) };
        // SAFETY: the tensor is live.
        let bytes = unsafe { (functions.TF_TensorByteSize)(self.tensor) };
        if data.is_null() { (data.cast(), 0) } else { (data.cast(), bytes) }
    }
}

/// The numbers of a tensor in its memory.
pub struct TensorBytes(Tensor);

impl AsRef<[u8]> for TensorBytes {
    fn as_ref(&self) -> &[u8] {
        let (data, bytes) = self.0.memory();
        if bytes == 0 {
            return &[];
        }
        // SAFETY: the tensor has so many bytes there, which live as long and are not written to.
        unsafe { std::slice::from_raw_parts(data, bytes) }
    }
}

/// Drops the owner of a tensor's memory.
///
/// # Safety
/// `owner` is of `Box::into_raw` and of the type `O`, and not used again.
unsafe extern "C" fn drop_owner<O>(_data: *mut c_void, _bytes: usize, owner: *mut c_void) {
    // SAFETY: the caller answers for it.
    drop(unsafe { Box::from_raw(owner.cast::<O>()) });
}
