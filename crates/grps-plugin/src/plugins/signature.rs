//! What a plugin says of the inputs and outputs of a model.

use parking_lot::Mutex;

use grps_core::{DataType, MAX_RANK};

use crate::plugins::abi::TensorView;
use crate::plugins::failure::ErrorSlot;
use crate::plugins::view;

/// Maximum number of inputs, and of outputs.
const MAX_TENSORS: usize = 1024;

/// Inputs and outputs of a model, in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PluginSignature {
    /// What it takes.
    pub inputs: Vec<PluginTensor>,
    /// What it returns.
    pub outputs: Vec<PluginTensor>,
}

/// An input or an output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginTensor {
    /// Its name.
    pub name: String,
    /// Its element type.
    pub dtype: DataType,
    /// Its dimensions; `None` for one of any size.
    pub shape: Vec<Option<u64>>,
}

/// A signature while a plugin fills it in: `grps_signature`.
#[derive(Debug, Default)]
pub(crate) struct SignatureList {
    signature: Mutex<PluginSignature>,
    /// Where wrong calls are noted.
    pub(crate) errors: ErrorSlot,
}

impl SignatureList {
    /// Adds an input, or else an output.
    ///
    /// # Safety
    /// `like` is null, or its struct_size and its pointers are true.
    pub(crate) unsafe fn add(&self, like: *const TensorView, is_input: bool) -> Result<(), String> {
        // SAFETY: the caller guarantees the view.
        let tensor = unsafe { read(like) }?;
        let mut signature = self.signature.lock();
        let PluginSignature { inputs, outputs } = &mut *signature;
        let list = if is_input { inputs } else { outputs };
        if list.len() >= MAX_TENSORS {
            return Err(format!("more than {MAX_TENSORS} of them"));
        }
        if list.iter().any(|other| other.name == tensor.name) {
            return Err(format!("two are called '{}'", tensor.name));
        }
        list.push(tensor);
        Ok(())
    }

    /// What the plugin has said.
    pub(crate) fn into_signature(self) -> PluginSignature {
        self.signature.into_inner()
    }
}

/// Reads a description.
///
/// # Safety
/// As for [`SignatureList::add`].
pub(crate) unsafe fn read(like: *const TensorView) -> Result<PluginTensor, String> {
    // SAFETY: the caller guarantees a view.
    let size = unsafe { like.as_ref() }.map(|view| view.struct_size);
    let size = size.ok_or("the description is NULL")?;
    if (size as usize) < size_of::<TensorView>() {
        let least = size_of::<TensorView>();
        return Err(format!("its struct_size is {size}, not {least} or more"));
    }
    // SAFETY: the view has at least these fields.
    let like = unsafe { *like };
    // SAFETY: the caller guarantees the name.
    let name = unsafe { view::text(like.name, like.name_length) };
    let name = name.map_err(|fault| format!("its name: {fault}"))?;
    let dtype = usize::try_from(like.dtype).ok().and_then(|number| DataType::ALL.get(number));
    let dtype = *dtype.ok_or_else(|| format!("'{name}': no type {}", like.dtype))?;
    let rank = like.rank as usize;
    if rank > MAX_RANK {
        return Err(format!("'{name}': rank {rank}; at most {MAX_RANK} are allowed"));
    }
    if rank > 0 && like.shape.is_null() {
        return Err(format!("'{name}': its shape is NULL"));
    }
    // SAFETY: the caller guarantees `rank` dimensions.
    let sizes = (0..rank).map(|axis| unsafe { *like.shape.add(axis) });
    let shape = sizes.map(|size| u64::try_from(size).ok()).collect();
    Ok(PluginTensor { name: name.to_owned(), dtype, shape })
}
