//! What belongs to this process: its descriptors, and its end, whatever its threads do.

use std::ffi::c_int;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

unsafe extern "C" {
    fn _exit(status: c_int) -> !;
}

/// Takes a descriptor over that this process was started with; a copy of it, which is closed with
/// what is returned.
///
/// # Errors
/// There is no such descriptor.
pub fn own_descriptor(number: i32) -> io::Result<OwnedFd> {
    if number < 0 {
        return Err(io::Error::from_raw_os_error(EBADF));
    }
    // SAFETY: it is used for the one call that copies it, which fails if it is not open.
    unsafe { BorrowedFd::borrow_raw(number) }.try_clone_to_owned()
}

/// Ignores SIGINT and SIGTERM from here on, for a process whose parent ends it: both reach a whole
/// group of processes, and the parent finishes what runs first.
pub fn ignore_stop_signals() {
    for signal in [libc::SIGINT, libc::SIGTERM] {
        // SAFETY: nothing is called when the signal comes.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
}

/// Sets a variable of the environment that is not set. Call it at the start of a program, while it
/// has one thread: another one could read the environment meanwhile.
pub fn set_default_variable(name: &str, value: &str) {
    if std::env::var_os(name).is_none() {
        // SAFETY: see above.
        unsafe { std::env::set_var(name, value) };
    }
}

/// The error of the system for a number that is no open descriptor.
const EBADF: i32 = 9;

/// Ends the process at once. Nothing is flushed, and no handler or destructor runs: each of them
/// could wait for a thread that holds what it needs.
pub fn end(status: i32) -> ! {
    // SAFETY: the function takes any number, and uses nothing that a thread of this process holds.
    unsafe { _exit(status) }
}
