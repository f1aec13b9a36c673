//! Memory that native code lends: it is read in place, and given back when nothing reads it.

use std::ffi::c_void;

use bytes::Bytes;

/// What native code calls memory back with; it may run on any thread.
pub type Release = unsafe extern "C" fn(context: *mut c_void);

/// Bytes of native code; dropping them calls its release function.
///
/// [`LentMemory::into_bytes`] makes them the memory of a tensor, by `grps_core::Buffer::from_bytes`.
#[derive(Debug)]
pub struct LentMemory {
    data: *const u8,
    length: usize,
    release: Release,
    /// What `release` is called with.
    context: *mut c_void,
}

// SAFETY: `new` demands that the bytes do not change and that any thread may release them.
unsafe impl Send for LentMemory {}

impl LentMemory {
    /// Takes memory on loan.
    ///
    /// # Safety
    /// Until `release(context)` is called, which happens once and on any thread, `data` must point
    /// to `length` bytes that are initialised, can be read by any thread, and do not change.
    /// `length` is at most `isize::MAX`; where it is 0, `data` may be null.
    pub unsafe fn new(
        data: *const u8,
        length: usize,
        release: Release,
        context: *mut c_void,
    ) -> Self {
        Self { data, length, release, context }
    }

    /// The same memory, shared by clones and slices; the last of them gives it back.
    pub fn into_bytes(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for LentMemory {
    fn as_ref(&self) -> &[u8] {
        if self.length == 0 || self.data.is_null() {
            return &[];
        }
        // SAFETY: `new` demands that these bytes can be read until `drop`, which needs the owner.
        unsafe { std::slice::from_raw_parts(self.data, self.length) }
    }
}

impl Drop for LentMemory {
    fn drop(&mut self) {
        // SAFETY: `new` demands that this may be called once, on any thread.
        unsafe { (self.release)(self.context) }
    }
}

#[cfg(test)]
mod tests {
    use std::ptr;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use grps_core::{Buffer, DataType, Elements, Tensor};

    use super::*;

    /// What a lender owns: elements, and how often they were given back.
    struct Lender {
        elements: Vec<f64>,
        released: AtomicUsize,
    }

    unsafe extern "C" fn count_release(context: *mut c_void) {
        // SAFETY: the tests pass a lender that lives longer than its loans.
        let lender = unsafe { &*context.cast::<Lender>() };
        lender.released.fetch_add(1, Ordering::SeqCst);
    }

    impl Lender {
        fn new() -> Self {
            Self { elements: vec![0.5, 1.5, 2.5], released: AtomicUsize::new(0) }
        }

        fn lend(&self, skip: usize, length: usize) -> LentMemory {
            let data = self.elements.as_ptr().cast::<u8>().wrapping_add(skip);
            let context = ptr::from_ref(self).cast_mut().cast();
            // SAFETY: the elements outlive the loan and do not change; counting is thread-safe.
            unsafe { LentMemory::new(data, length, count_release, context) }
        }

        fn released(&self) -> usize {
            self.released.load(Ordering::SeqCst)
        }
    }

    #[test]
    fn the_last_reader_gives_memory_back() {
        let lender = Lender::new();
        let buffer =
            Buffer::from_bytes(DataType::Float64, lender.lend(0, 24).into_bytes()).unwrap();
        let tensor = Tensor::new("x".into(), vec![3], buffer).unwrap();
        assert_eq!(tensor.elements().bytes().as_ptr(), lender.elements.as_ptr().cast());
        let rows = tensor.rows(1..3).unwrap();
        drop(tensor);
        assert_eq!((rows.elements(), lender.released()), (Elements::Float64(&[1.5, 2.5]), 0));
        let reader = std::thread::spawn(move || drop(rows));
        reader.join().unwrap();
        assert_eq!(lender.released(), 1);
    }

    #[test]
    fn what_is_copied_is_given_back_at_once() {
        let lender = Lender::new();
        let unaligned = lender.lend(4, 8).into_bytes();
        let buffer = Buffer::from_bytes(DataType::Float64, unaligned).unwrap();
        assert_eq!((buffer.elements().len(), lender.released()), (1, 1));
        let owned = Buffer::from_bytes(DataType::Float64, lender.lend(0, 24).into_bytes()).unwrap();
        let values = owned.into_values();
        assert_eq!(
            (values.elements(), lender.released()),
            (Elements::Float64(&[0.5, 1.5, 2.5]), 2)
        );
    }

    #[test]
    fn nothing_can_be_lent() {
        let lender = Lender::new();
        let context = ptr::from_ref(&lender).cast_mut().cast();
        // SAFETY: there are no bytes; the lender outlives the loan.
        let lent = unsafe { LentMemory::new(ptr::null(), 0, count_release, context) };
        assert!(lent.as_ref().is_empty());
        drop(lent.into_bytes());
        assert_eq!(lender.released(), 1);
    }
}
