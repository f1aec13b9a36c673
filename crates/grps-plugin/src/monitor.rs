//! Metrics of native code: a table of C functions, and where the values go.

use std::collections::VecDeque;
use std::ffi::c_char;
use std::sync::{Arc, Weak};
use std::time::{SystemTime, UNIX_EPOCH};

use grps_core::metrics::{Kind, Monitor, Refused};
use parking_lot::Mutex;

/// Values that may wait to be sent from a worker process; more are dropped.
const MOST_WAITING: usize = 10_000;

/// Recorded.
const OK: i32 = 0;
/// No service runs in this process.
const NOT_RUNNING: i32 = 1;
/// The kind, the name or the value is unfit.
const INVALID: i32 = 2;
/// The name is in use for another kind, or there are too many names or values.
const REFUSED: i32 = 3;

/// The table of functions; later versions only append to it.
#[repr(C)]
#[derive(Debug)]
pub struct MonitorApi {
    /// Bytes of the table, so that native code knows which functions it has.
    size: u32,
    reserved: u32,
    record: unsafe extern "C" fn(i32, *const c_char, usize, f64) -> i32,
}

const _: () = {
    assert!(std::mem::offset_of!(MonitorApi, record) == 8);
    assert!(size_of::<MonitorApi>() == 8 + size_of::<usize>());
};

static API: MonitorApi = MonitorApi { size: size_of::<MonitorApi>() as u32, reserved: 0, record };

/// A value on its way out of a worker process.
pub type Recorded = (Kind, String, f64);

/// Where values go.
#[derive(Debug)]
enum Sink {
    Nowhere,
    /// The service of this process.
    Here(Weak<Monitor>),
    /// A queue that is emptied for the server's process.
    Queue(VecDeque<Recorded>),
}

// A metrics registry, which native code can't be handed any other way.
static SINK: Mutex<Sink> = Mutex::new(Sink::Nowhere);

/// The table's address, valid for as long as the process runs.
pub fn api() -> *const MonitorApi {
    &raw const API
}

/// Lets values go to the service of this process for as long as it lives.
pub fn record_here(monitor: &Arc<Monitor>) {
    *SINK.lock() = Sink::Here(Arc::downgrade(monitor));
}

/// Lets values wait for [`take`].
pub fn record_in_queue() {
    *SINK.lock() = Sink::Queue(VecDeque::new());
}

/// What has come since the last time.
pub fn take() -> Vec<Recorded> {
    match &mut *SINK.lock() {
        Sink::Queue(waiting) => waiting.drain(..).collect(),
        Sink::Nowhere | Sink::Here(_) => Vec::new(),
    }
}

/// Records a value; waits for nothing but a lock that is held for a moment.
///
/// # Safety
/// `name` must point to `length` readable bytes.
unsafe extern "C" fn record(kind: i32, name: *const c_char, length: usize, value: f64) -> i32 {
    let kind = match kind {
        0 => Kind::Average,
        1 => Kind::Max,
        2 => Kind::Min,
        3 => Kind::Increment,
        4 => Kind::Distribution,
        _ => return INVALID,
    };
    if name.is_null() || length > isize::MAX as usize {
        return INVALID;
    }
    // SAFETY: the caller promises so many readable bytes, which it lends for this call.
    let bytes = unsafe { std::slice::from_raw_parts(name.cast::<u8>(), length) };
    match std::str::from_utf8(bytes) {
        Ok(name) => put(kind, name, value),
        Err(_) => INVALID,
    }
}

fn put(kind: Kind, name: &str, value: f64) -> i32 {
    let monitor = match &mut *SINK.lock() {
        Sink::Nowhere => return NOT_RUNNING,
        Sink::Queue(waiting) if waiting.len() >= MOST_WAITING => return REFUSED,
        Sink::Queue(waiting) => {
            waiting.push_back((kind, name.to_owned(), value));
            return OK;
        }
        Sink::Here(monitor) => monitor.upgrade(),
    };
    let Some(monitor) = monitor else { return NOT_RUNNING };
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    match monitor.record(now_s, kind, name, value) {
        Ok(()) => OK,
        Err(Refused::Name) => INVALID,
        Err(Refused::TooMany | Refused::Kind) => REFUSED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(kind: i32, name: &[u8], value: f64) -> i32 {
        // SAFETY: a slice is as many readable bytes as it says.
        unsafe { (API.record)(kind, name.as_ptr().cast(), name.len(), value) }
    }

    #[test]
    fn values_go_where_they_should() {
        // One test: what it looks at is the process's.
        assert_eq!(call(0, b"early", 1.0), NOT_RUNNING);
        let monitor = Arc::new(Monitor::default());
        record_here(&monitor);
        assert_eq!(call(3, b"calls", 2.0), OK);
        assert_eq!(call(3, b"calls", 3.0), OK);
        assert_eq!(call(1, b"calls", 3.0), REFUSED);
        for (kind, name) in [(5, &b"x"[..]), (-1, b"x"), (0, b""), (0, b"*x"), (0, b"\xff")] {
            assert_eq!(call(kind, name, 1.0), INVALID);
        }
        // SAFETY: a null pointer is refused before it is read.
        assert_eq!(unsafe { (API.record)(0, std::ptr::null(), 1, 1.0) }, INVALID);
        let told = monitor.user_metrics(0);
        assert_eq!((told.len(), told[0].count, told[0].total), (1, 2, 5.0));
        drop(monitor);
        assert_eq!(call(3, b"calls", 2.0), NOT_RUNNING);

        record_in_queue();
        for _ in 0..MOST_WAITING {
            assert_eq!(call(4, b"spread", 0.5), OK);
        }
        assert_eq!(call(4, b"spread", 0.5), REFUSED);
        let waiting = take();
        assert_eq!(waiting.len(), MOST_WAITING);
        assert_eq!(waiting[0], (Kind::Distribution, "spread".to_owned(), 0.5));
        assert!(take().is_empty());
    }
}
