//! Elements of tensors as engines take them.

use grps_core::{Buffer, DataType, Elements, Tensor, TensorSpec, Values};

/// The elements of an input. Clients of GRPS send a bool as a uint8.
pub(crate) fn elements_for(tensor: &Tensor, spec: &TensorSpec) -> Buffer {
    match tensor.elements() {
        Elements::Uint8(bytes) if spec.dtype == Some(DataType::Bool) => {
            let bools: Vec<bool> = bytes.iter().map(|byte| *byte != 0).collect();
            Buffer::from(Values::Bool(bools))
        }
        _ => tensor.buffer().clone(),
    }
}
