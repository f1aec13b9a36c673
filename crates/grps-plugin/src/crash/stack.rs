//! A stack for the handler of crashes, as the stack of a thread may be what is full.

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::ptr::null_mut;

use libc::stack_t;

/// Size of a stack. Looking symbols up needs most of it; memory that is not touched costs nothing.
const BYTES: usize = 1024 * 1024;

/// The stack of signals of the thread that made it, which must drop it, too.
#[derive(Debug)]
pub struct SignalStack {
    memory: *mut c_void,
    /// The one before.
    earlier: stack_t,
}

impl SignalStack {
    /// Gives the calling thread a stack for signals; `None` when there is no memory for it.
    pub fn new() -> Option<Self> {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: it maps new memory, wherever there is room.
        let memory = unsafe { libc::mmap(null_mut(), BYTES, protection, flags, -1, 0) };
        if memory == libc::MAP_FAILED {
            return None;
        }
        let stack = stack_t { ss_sp: memory, ss_flags: 0, ss_size: BYTES };
        let mut earlier = MaybeUninit::<stack_t>::zeroed();
        // SAFETY: the memory is free, and stays until another stack has its place.
        let status = unsafe { libc::sigaltstack(&raw const stack, earlier.as_mut_ptr()) };
        // SAFETY: zeroes are a valid stack, and so is what the system has written.
        let made = Self { memory, earlier: unsafe { earlier.assume_init() } };
        if status == 0 { Some(made) } else { made.unmap() }
    }

    fn unmap(self) -> Option<Self> {
        // SAFETY: it is the memory that was mapped, which nothing uses.
        unsafe { libc::munmap(self.memory, BYTES) };
        std::mem::forget(self);
        None
    }
}

impl Drop for SignalStack {
    fn drop(&mut self) {
        let mut current = MaybeUninit::<stack_t>::zeroed();
        // SAFETY: the earlier stack is still there: it was made before this one by the same thread.
        // The memory is unmapped only while no signal can use it.
        unsafe {
            libc::sigaltstack(std::ptr::null(), current.as_mut_ptr());
            if current.assume_init().ss_sp != self.memory {
                // Code of the thread has put another one in place; it may restore this one.
                return;
            }
            if libc::sigaltstack(&raw const self.earlier, null_mut()) == 0 {
                libc::munmap(self.memory, BYTES);
            }
        }
    }
}
