//! Numbers of fixed size as bytes.

use bytemuck::{NoUninit, cast_slice};

/// Appends numbers, the lowest byte of each first; `write` does so for one of them.
pub(super) fn little_endian<T: NoUninit, const SIZE: usize>(
    out: &mut Vec<u8>,
    values: &[T],
    write: fn(T) -> [u8; SIZE],
) {
    if cfg!(target_endian = "little") {
        // They lie in memory as they are wanted.
        out.extend_from_slice(cast_slice(values));
    } else {
        out.extend(values.iter().flat_map(|value| write(*value)));
    }
}
