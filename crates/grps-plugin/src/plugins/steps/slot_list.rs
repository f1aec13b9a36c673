//! The slots that a class of a plugin declares for a model.

use grps_core::DataType;
use parking_lot::Mutex;

use crate::plugins::abi::TensorView;
use crate::plugins::failure::ErrorSlot;
use crate::plugins::signature::read;

/// Maximum number of slots of a model.
const MAX_SLOTS: usize = 1024;

/// The slots of a model, in the order in which its class has added them.
#[derive(Clone, Debug, Default)]
pub struct DeclaredSlots(pub(crate) Vec<DeclaredSlot>);

/// One slot.
#[derive(Clone, Debug)]
pub(crate) struct DeclaredSlot {
    pub(crate) name: String,
    /// The bytes of a row.
    pub(crate) row_bytes: usize,
}

impl DeclaredSlots {
    /// The bytes of one row of all slots.
    pub fn row_bytes(&self) -> usize {
        self.0.iter().map(|slot| slot.row_bytes).fold(0, usize::saturating_add)
    }
}

/// Slots while a plugin adds them: `grps_slots`.
#[derive(Debug, Default)]
pub(crate) struct SlotList {
    slots: Mutex<Vec<DeclaredSlot>>,
    /// Where wrong calls are noted.
    pub(crate) errors: ErrorSlot,
}

impl SlotList {
    /// Adds a slot.
    ///
    /// # Safety
    /// `like` is null, or its struct_size and its pointers are true.
    pub(crate) unsafe fn add(&self, like: *const TensorView) -> Result<(), String> {
        // SAFETY: the caller guarantees the view.
        let tensor = unsafe { read(like) }?;
        let name = tensor.name;
        let row_bytes = row_bytes(tensor.dtype, &tensor.shape);
        let row_bytes = row_bytes.map_err(|fault| format!("'{name}': {fault}"))?;
        let mut slots = self.slots.lock();
        if slots.len() >= MAX_SLOTS {
            return Err(format!("more than {MAX_SLOTS} of them"));
        }
        if slots.iter().any(|other| other.name == name) {
            return Err(format!("two are called '{name}'"));
        }
        slots.push(DeclaredSlot { name, row_bytes });
        Ok(())
    }

    /// What the plugin has added.
    pub(crate) fn into_slots(self) -> DeclaredSlots {
        DeclaredSlots(self.slots.into_inner())
    }
}

fn row_bytes(dtype: DataType, shape: &[Option<u64>]) -> Result<usize, String> {
    let width = dtype.width().ok_or("rows of strings are not possible; keep them in the state")?;
    let mut bytes = width;
    for (axis, size) in shape.iter().enumerate() {
        let size = size.ok_or_else(|| format!("dimension {axis} is negative"))?;
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        bytes = bytes.checked_mul(size).ok_or("a row has too many elements")?;
    }
    Ok(bytes)
}
