//! What is said before the process ends by a crash of native code.
//!
//! [`watch`] is called once a plugin is opened, and in worker processes. The handler itself does next to nothing, since what
//! has crashed may hold any lock: it makes a copy of the process by the system call, in which
//! [`report`] walks the stack and looks the symbols up. If the copy crashes or waits for a lock, it is
//! ended. The signal then has the effect that it had before: Python's `faulthandler` writes its
//! traceback, and the exit code is the signal.

mod report;
mod stack;

use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use std::sync::{Once, OnceLock};

use libc::{pid_t, sigaction, siginfo_t};

pub use report::log_to;
pub use stack::SignalStack;

/// The signals of crashes.
const SIGNALS: [c_int; 5] =
    [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGABRT];
/// How often the handler looks whether the report is written, and how long it waits between.
const LOOKS: usize = 1000;
const LOOK_NS: i64 = 10_000_000;

/// What each signal did before; set before the handler is.
static EARLIER: OnceLock<Vec<sigaction>> = OnceLock::new();
/// Whether a thread has begun to crash; others wait for its end.
static CRASHING: AtomicBool = AtomicBool::new(false);

/// What a signal says of the crash.
#[derive(Clone, Copy)]
struct Crash {
    signal: c_int,
    /// Whether the processor raised it, at an instruction that would raise it again.
    is_fault: bool,
    /// The address that was touched; 0 where there is none.
    address: usize,
    /// The instruction; 0 where it is not known.
    instruction: usize,
}

/// Reports crashes of this process from here on.
pub fn watch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let earlier = SIGNALS.map(|signal| {
            let mut earlier = MaybeUninit::<sigaction>::zeroed();
            // SAFETY: it only writes what the signal does, and zeroes are a valid one.
            unsafe {
                sigaction(signal, null(), earlier.as_mut_ptr());
                earlier.assume_init()
            }
        });
        // Before the first signal can come.
        let _ = EARLIER.set(earlier.to_vec());
        for signal in SIGNALS {
            // SAFETY: zeroes are a valid action; the handler has the type that SA_SIGINFO demands.
            unsafe {
                let mut action = MaybeUninit::<sigaction>::zeroed().assume_init();
                let handler: unsafe extern "C" fn(c_int, *mut siginfo_t, *mut c_void) = handle;
                action.sa_sigaction = handler as usize;
                action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
                sigaction(signal, &raw const action, null_mut());
            }
        }
    });
}

/// Handles a signal of a crash.
unsafe extern "C" fn handle(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    if CRASHING.swap(true, Ordering::AcqRel) {
        // Another thread reports, and ends the process; the report itself has no handler.
        loop {
            pause();
        }
    }
    // SAFETY: the system passes both for the time of the call.
    let crash = unsafe { describe(signal, info, context) };
    // SAFETY: the copy has this thread only and does not return.
    let child = unsafe { copy_process() };
    if child == 0 {
        // SAFETY: as above; a crash of the report must not be reported.
        unsafe { restore(libc::SIG_DFL) };
        report::write(crash);
        crate::process::end(0);
    }
    if child > 0 {
        wait_for(child);
    }
    if let Some(earlier) = EARLIER.get() {
        for (signal, earlier) in SIGNALS.iter().zip(earlier) {
            // SAFETY: it is what the signal did before.
            unsafe { sigaction(*signal, earlier, null_mut()) };
        }
    }
    // A second signal, of what handled it before, is not held up here.
    CRASHING.store(false, Ordering::Release);
    if !crash.is_fault {
        // An instruction at fault raises it again by itself.
        // SAFETY: it has its earlier effect here, where it is let through.
        unsafe {
            raise_here(signal);
            // What handled it before has counted on an instruction at fault.
            libc::signal(signal, libc::SIG_DFL);
            libc::raise(signal);
        }
    }
}

/// Raises a signal that is handled before this function returns.
///
/// # Safety
/// What the signal does may happen here.
unsafe fn raise_here(signal: c_int) {
    // SAFETY: zeroes are a valid set, which the calls fill in; the caller guarantees the rest.
    unsafe {
        let mut signals = MaybeUninit::<libc::sigset_t>::zeroed().assume_init();
        libc::sigemptyset(&raw mut signals);
        libc::sigaddset(&raw mut signals, signal);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const signals, null_mut());
        libc::raise(signal);
    }
}

/// Reads what the system says of a signal.
///
/// # Safety
/// Both are what the system has passed to a handler.
unsafe fn describe(signal: c_int, info: *mut siginfo_t, context: *mut c_void) -> Crash {
    // SAFETY: the caller guarantees the information.
    let (code, address) = unsafe { ((*info).si_code, (*info).si_addr() as usize) };
    let is_fault = code > 0;
    // SAFETY: the caller guarantees the context.
    let instruction = unsafe { instruction_of(context.cast()) };
    Crash { signal, is_fault, address: if is_fault { address } else { 0 }, instruction }
}

#[cfg(target_arch = "x86_64")]
unsafe fn instruction_of(context: *const libc::ucontext_t) -> usize {
    // SAFETY: the caller guarantees the context.
    unsafe { (*context).uc_mcontext.gregs[libc::REG_RIP as usize] as usize }
}

#[cfg(target_arch = "aarch64")]
unsafe fn instruction_of(context: *const libc::ucontext_t) -> usize {
    // SAFETY: the caller guarantees the context.
    unsafe { (*context).uc_mcontext.pc as usize }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
unsafe fn instruction_of(_: *const libc::ucontext_t) -> usize {
    0
}

/// Copies the process; 0 in the copy, negative after a failure. Not by `fork`, whose handlers take
/// locks of the allocator.
///
/// # Safety
/// The copy has one thread, and whatever other threads have locked stays locked there.
unsafe fn copy_process() -> pid_t {
    let flags = libc::SIGCHLD as libc::c_long;
    // SAFETY: the caller knows the copy; it goes on with a copy of this stack.
    unsafe { libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0) as pid_t }
}

/// Sets what all of the signals do.
///
/// # Safety
/// The action is SIG_DFL or SIG_IGN.
unsafe fn restore(action: usize) {
    for signal in SIGNALS {
        // SAFETY: the caller guarantees the action.
        unsafe { libc::signal(signal, action) };
    }
}

/// Waits for the end of the copy; ends it when it takes too long.
fn wait_for(child: pid_t) {
    for _ in 0..LOOKS {
        // SAFETY: it takes any process, and no place for the status.
        if unsafe { libc::waitpid(child, null_mut(), libc::WNOHANG) } != 0 {
            return;
        }
        pause();
    }
    // SAFETY: it is a child of this process that was not waited for.
    unsafe {
        libc::kill(child, libc::SIGKILL);
        libc::waitpid(child, null_mut(), 0);
    }
}

fn pause() {
    let time = libc::timespec { tv_sec: 0, tv_nsec: LOOK_NS };
    // SAFETY: the time is read during the call.
    unsafe { libc::nanosleep(&raw const time, null_mut()) };
}

/// Where the log is, for a crash; null without one.
static LOG: AtomicPtr<report::Log> = AtomicPtr::new(null_mut());
