//! What a shim says of the inputs and outputs of a model.

use grps_core::{DataType, MAX_RANK, Naming, Signature, TensorSpec};

use crate::engines::abi::{OPTIONAL, STRICT_NAMES, SignatureView, TensorEntry, UNKNOWN};
use crate::plugins::abi::TextView;
use crate::plugins::view;

/// Most inputs, outputs or notes.
const MOST: u64 = 4096;

/// Reads a signature, and its notes.
///
/// # Safety
/// Its pointers are null or true.
pub(super) unsafe fn read(view: &SignatureView) -> Result<(Signature, Vec<String>), String> {
    // SAFETY: the caller guarantees the lists.
    let (inputs, outputs, notes) = unsafe {
        (
            list(view.inputs, view.input_count)?,
            list(view.outputs, view.output_count)?,
            list(view.notes, view.note_count)?,
        )
    };
    // SAFETY: the caller guarantees what the entry points to.
    let spec = |entry: &TensorEntry| unsafe { read_entry(entry) };
    let specs = |entries: &[TensorEntry]| entries.iter().map(spec).collect::<Result<Vec<_>, _>>();
    let is_strict = view.flags & STRICT_NAMES != 0;
    let naming = if is_strict { Naming::Strict } else { Naming::Advisory };
    let signature = Signature { inputs: specs(inputs)?, outputs: specs(outputs)?, naming };
    // SAFETY: the caller guarantees the texts.
    let note = |note: &TextView| unsafe { view::text(note.data, note.length) };
    let notes = notes.iter().map(|text| note(text).map(str::to_owned));
    let notes: Result<_, _> = notes.collect();
    Ok((signature, notes.map_err(|fault| format!("a note: {fault}"))?))
}

/// Borrows a list.
///
/// # Safety
/// The pointer is null or has as many entries, which live as long as what is returned is used.
unsafe fn list<'a, T>(entries: *const T, count: u64) -> Result<&'a [T], String> {
    match count {
        0 => Ok(&[]),
        _ if entries.is_null() || count > MOST => Err(format!("a list of {count} is not true")),
        // SAFETY: the caller guarantees the entries.
        _ => Ok(unsafe { std::slice::from_raw_parts(entries, count as usize) }),
    }
}

/// Reads an input or output.
///
/// # Safety
/// Its pointers are null or true.
unsafe fn read_entry(entry: &TensorEntry) -> Result<TensorSpec, String> {
    // SAFETY: the caller guarantees the name.
    let name = unsafe { view::text(entry.name.data, entry.name.length) };
    let name = name.map_err(|fault| format!("the name of a tensor: {fault}"))?;
    let dtype = usize::try_from(entry.dtype).ok().map(|number| DataType::ALL.get(number));
    if entry.dtype != UNKNOWN && dtype.flatten().is_none() {
        return Err(format!("'{name}': no type {}", entry.dtype));
    }
    let rank = usize::try_from(entry.rank).ok();
    if rank.is_some_and(|rank| rank > MAX_RANK) {
        return Err(format!("'{name}': rank {}; at most {MAX_RANK} are allowed", entry.rank));
    }
    // SAFETY: the caller guarantees `rank` dimensions.
    let shape = rank.map(|rank| unsafe { list(entry.shape, rank as u64) }).transpose()?;
    Ok(TensorSpec {
        name: name.into(),
        dtype: dtype.flatten().copied(),
        shape: shape.map(|dims| dims.iter().map(|dim| usize::try_from(*dim).ok()).collect()),
        required: entry.flags & OPTIONAL == 0,
    })
}
