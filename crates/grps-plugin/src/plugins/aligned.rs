//! Memory for the elements of outputs, which plugins write.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::NonNull;

/// Suits every element type and every vector register.
const ALIGNMENT: usize = 64;

/// Zeroed bytes at an address that is a multiple of 64.
#[derive(Debug)]
pub(crate) struct AlignedMemory {
    data: NonNull<u8>,
    length: usize,
    layout: Layout,
}

// SAFETY: it owns its bytes.
unsafe impl Send for AlignedMemory {}

impl AlignedMemory {
    /// Allocates; `None` when there is not as much memory.
    pub(crate) fn zeroed(length: usize) -> Option<Self> {
        let layout = Layout::from_size_align(length.max(1), ALIGNMENT).ok()?;
        // SAFETY: the size is not zero.
        let data = NonNull::new(unsafe { alloc_zeroed(layout) })?;
        Some(Self { data, length, layout })
    }

    /// Where the bytes are; they may be written until the memory is shared.
    pub(crate) fn address(&self) -> *mut u8 {
        self.data.as_ptr()
    }
}

impl AsRef<[u8]> for AlignedMemory {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: the bytes were zeroed, so they are initialised; a plugin must not write into them
        // once the host reads them.
        unsafe { std::slice::from_raw_parts(self.data.as_ptr(), self.length) }
    }
}

impl Drop for AlignedMemory {
    fn drop(&mut self) {
        // SAFETY: it was allocated with this layout.
        unsafe { dealloc(self.data.as_ptr(), self.layout) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_zeroed_and_aligned() {
        for length in [0, 1, 63, 64, 65, 100_000] {
            let memory = AlignedMemory::zeroed(length).unwrap();
            assert_eq!(memory.as_ref(), vec![0; length]);
            assert_eq!(memory.address() as usize % ALIGNMENT, 0);
        }
        assert!(AlignedMemory::zeroed(isize::MAX as usize).is_none());
        assert!(AlignedMemory::zeroed(usize::MAX).is_none());
    }
}
