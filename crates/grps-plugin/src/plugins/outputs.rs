//! Tensors that a plugin adds to an answer or to a chunk.

use std::ffi::c_void;
use std::sync::Arc;

use bytes::Bytes;
use grps_core::{Buffer, Cause, Content, Error, Tensor};
use parking_lot::Mutex;

use crate::lent_memory::LentMemory;
use crate::plugins::abi::TensorView;
use crate::plugins::aligned::AlignedMemory;
use crate::plugins::failure::ErrorSlot;
use crate::plugins::view::{Described, bytes, describe, strings};

/// Maximum number of tensors of an answer.
const MAX_OUTPUTS: usize = 1024;

/// Tensors on their way out: `grps_outputs`. Any thread may add to it.
#[derive(Debug)]
pub(crate) struct OutputList {
    /// Where wrong calls are noted.
    errors: Arc<ErrorSlot>,
    /// Whether they are of a single request, which may be answered by a message.
    is_single: bool,
    /// In the order of the calls.
    outputs: Mutex<Vec<Output>>,
}

/// A tensor, and its memory while a plugin writes it.
#[derive(Debug)]
enum Output {
    Written(Described, AlignedMemory),
    Whole(Tensor),
    /// An encoded `GrpsMessage`, the only output.
    Message(Bytes),
}

impl OutputList {
    /// Outputs of a batch.
    pub(crate) fn new(errors: &Arc<ErrorSlot>) -> Self {
        Self { errors: Arc::clone(errors), is_single: false, outputs: Mutex::default() }
    }

    /// Outputs of a single request.
    pub(crate) fn of_request(errors: &Arc<ErrorSlot>) -> Self {
        Self { is_single: true, ..Self::new(errors) }
    }

    /// Takes the outputs, if there are any; a plugin must not write into them any more.
    pub(crate) fn take(&self) -> Result<Option<Content>, Error> {
        let mut outputs = std::mem::take(&mut *self.outputs.lock());
        if outputs.is_empty() {
            return Ok(None);
        }
        if let [Output::Message(message)] = outputs.as_mut_slice() {
            return Ok(Some(Content::Message(std::mem::take(message))));
        }
        let tensors = outputs.into_iter().filter_map(Output::into_tensor);
        tensors.collect::<Result<_, _>>().map(|tensors| Some(Content::Tensors(tensors)))
    }

    /// Makes a message the only output.
    pub(crate) fn put_message(&self, message: &[u8]) -> Result<(), String> {
        if !self.is_single {
            return Err("put_message: only outputs of a request may be a message".to_owned());
        }
        self.add(Output::Message(Bytes::copy_from_slice(message)))
    }

    /// Notes a wrong call.
    pub(crate) fn note(&self, fault: String) {
        self.errors.note_wrong_call(fault);
    }

    /// Adds memory that a plugin writes, and returns its address.
    ///
    /// # Safety
    /// `like` is null or points to a view whose fields are true.
    pub(crate) unsafe fn allocate(&self, like: *const TensorView) -> Result<*mut c_void, String> {
        // SAFETY: the caller guarantees the view.
        let (tensor, _) = unsafe { describe(like) }?;
        let length = tensor.byte_len("allocated")?;
        let memory = AlignedMemory::zeroed(length)
            .ok_or_else(|| format!("output '{}': no memory for {length} bytes", tensor.name))?;
        let address = memory.address().cast();
        self.add(Output::Written(tensor, memory))?;
        Ok(address)
    }

    /// Adds a copy of a tensor.
    ///
    /// # Safety
    /// As for [`OutputList::allocate`].
    pub(crate) unsafe fn copy(&self, view: *const TensorView) -> Result<(), String> {
        // SAFETY: the caller guarantees the view.
        let (tensor, view) = unsafe { describe(view) }?;
        let buffer = if tensor.dtype.width().is_none() {
            // SAFETY: the caller guarantees the view.
            Buffer::from(unsafe { strings(&tensor, &view) }?)
        } else {
            check_size(&tensor, &view, "copied")?;
            // SAFETY: the caller guarantees `bytes` bytes.
            let elements = unsafe { bytes(view.data.cast(), view.bytes) };
            let elements = elements.map_err(|_| no_data(&tensor))?;
            buffer_of(&tensor, Bytes::copy_from_slice(elements)).map_err(text_of)?
        };
        self.add(Output::Whole(whole(tensor, buffer).map_err(text_of)?))
    }

    /// Adds a tensor in memory of the plugin, which is given back whatever happens.
    ///
    /// # Safety
    /// As for [`OutputList::allocate`]; `lend` is called with the address and the number of bytes.
    pub(crate) unsafe fn lend(
        &self,
        view: *const TensorView,
        lend: impl FnOnce(*const u8, usize) -> LentMemory,
    ) -> Result<(), String> {
        // SAFETY: the caller guarantees the view.
        let described = unsafe { describe(view) };
        let checked = described.and_then(|(tensor, view)| {
            check_size(&tensor, &view, "lent")?;
            let is_missing = view.data.is_null() && view.bytes > 0;
            if is_missing { Err(no_data(&tensor)) } else { Ok((tensor, view)) }
        });
        match checked {
            Ok((tensor, view)) => {
                let memory = lend(view.data.cast(), view.bytes as usize).into_bytes();
                let buffer = buffer_of(&tensor, memory).map_err(text_of)?;
                self.add(Output::Whole(whole(tensor, buffer).map_err(text_of)?))
            }
            Err(fault) => {
                drop(lend(std::ptr::null(), 0));
                Err(fault)
            }
        }
    }

    fn add(&self, output: Output) -> Result<(), String> {
        let mut outputs = self.outputs.lock();
        if outputs.len() >= MAX_OUTPUTS {
            return Err(format!("more than {MAX_OUTPUTS} outputs"));
        }
        let is_message = |output: &Output| matches!(output, Output::Message(_));
        if outputs.iter().any(is_message) || (is_message(&output) && !outputs.is_empty()) {
            return Err("a message is the only output of a request".to_owned());
        }
        let name = output.name();
        if outputs.iter().any(|other| other.name() == name) {
            return Err(format!("two outputs are called '{name}'"));
        }
        outputs.push(output);
        Ok(())
    }
}

impl Output {
    fn name(&self) -> &str {
        match self {
            Self::Written(tensor, _) => &tensor.name,
            Self::Whole(tensor) => tensor.name(),
            Self::Message(_) => "",
        }
    }

    fn into_tensor(self) -> Option<Result<Tensor, Error>> {
        match self {
            Self::Written(tensor, memory) => {
                let buffer = buffer_of(&tensor, Bytes::from_owner(memory));
                Some(buffer.and_then(|buffer| whole(tensor, buffer)))
            }
            Self::Whole(tensor) => Some(Ok(tensor)),
            Self::Message(_) => None,
        }
    }
}

/// Checks that the elements take as many bytes as the shape says.
fn check_size(tensor: &Described, view: &TensorView, what: &str) -> Result<(), String> {
    let expected = tensor.byte_len(what)?;
    if view.bytes == expected as u64 {
        return Ok(());
    }
    let (name, shape, dtype) = (&tensor.name, &tensor.shape, tensor.dtype);
    let bytes = view.bytes;
    Err(format!(
        "output '{name}': {dtype} of shape {shape:?} has {expected} bytes, but `bytes` is {bytes}"
    ))
}

fn no_data(tensor: &Described) -> String {
    format!("output '{}': its data is NULL", tensor.name)
}

fn buffer_of(tensor: &Described, bytes: Bytes) -> Result<Buffer, Error> {
    Buffer::from_bytes(tensor.dtype, bytes).ok_or_else(|| {
        let message = format!("output '{}' is not in whole elements", tensor.name);
        Error::new(Cause::Internal, message)
    })
}

fn whole(tensor: Described, buffer: Buffer) -> Result<Tensor, Error> {
    let made = Tensor::new(tensor.name, tensor.shape, buffer);
    // The plugin's fault, never the client's.
    made.map_err(|error| Error::new(Cause::ModelFailed, error.message()))
}

#[expect(clippy::needless_pass_by_value, reason = "maps errors")]
fn text_of(error: Error) -> String {
    error.message().to_owned()
}
