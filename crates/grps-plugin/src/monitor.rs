//! Metrics of native code: a table of C functions, and the destination of the values.

use std::collections::VecDeque;
use std::ffi::c_char;
use std::sync::{Arc, Weak};
use std::time::{SystemTime, UNIX_EPOCH};

use grps_core::metrics::{Kind, Monitor, RecordError};
use parking_lot::Mutex;

/// Maximum number of values that wait in a worker process; further values are dropped.
const MAX_WAITING: usize = 10_000;

/// The value is recorded.
const OK: i32 = 0;
/// No service runs in this process.
const NOT_RUNNING: i32 = 1;
/// The kind, the name or the value is invalid.
const INVALID: i32 = 2;
/// A metric of another kind has this name, or there are too many metrics or waiting values.
const REFUSED: i32 = 3;

/// The table of functions. Later versions only append functions.
#[repr(C)]
#[derive(Debug)]
pub struct MonitorApi {
    /// Size of the table in bytes, which shows native code which functions exist.
    size: u32,
    /// Padding; always 0.
    reserved: u32,
    /// Records a value: kind, name, length of the name, value.
    record: unsafe extern "C" fn(i32, *const c_char, usize, f64) -> i32,
}

const _: () = {
    assert!(std::mem::offset_of!(MonitorApi, record) == 8);
    assert!(size_of::<MonitorApi>() == 8 + size_of::<usize>());
};

static API: MonitorApi = MonitorApi { size: size_of::<MonitorApi>() as u32, reserved: 0, record };

/// A value that a worker process sends to the server process.
pub type Recorded = (Kind, String, f64);

/// Destination of the values.
#[derive(Debug)]
enum Sink {
    /// No service runs in this process.
    Unset,
    /// The service of this process.
    Service(Weak<Monitor>),
    /// A queue, which a worker process sends to the server process.
    Queue(VecDeque<Recorded>),
}

// A global, because native code gets no reference to the service.
static SINK: Mutex<Sink> = Mutex::new(Sink::Unset);

/// Returns the address of the table, which is valid until the process ends.
pub fn api() -> *const MonitorApi {
    &raw const API
}

/// Sends values to the service of this process until the service ends.
pub fn record_in_service(monitor: &Arc<Monitor>) {
    *SINK.lock() = Sink::Service(Arc::downgrade(monitor));
}

/// Queues values for [`take_recorded`].
pub fn record_in_queue() {
    *SINK.lock() = Sink::Queue(VecDeque::new());
}

/// Returns the values since the last call.
pub fn take_recorded() -> Vec<Recorded> {
    match &mut *SINK.lock() {
        Sink::Queue(waiting) => waiting.drain(..).collect(),
        Sink::Unset | Sink::Service(_) => Vec::new(),
    }
}

/// Records a value. Waits only for a lock that is held briefly.
///
/// # Safety
/// `name` must point to `length` readable bytes.
pub(crate) unsafe extern "C" fn record(
    kind: i32,
    name: *const c_char,
    length: usize,
    value: f64,
) -> i32 {
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
    // SAFETY: the caller guarantees `length` readable bytes for the duration of this call.
    let bytes = unsafe { std::slice::from_raw_parts(name.cast::<u8>(), length) };
    match std::str::from_utf8(bytes) {
        Ok(name) => forward(kind, name, value),
        Err(_) => INVALID,
    }
}

fn forward(kind: Kind, name: &str, value: f64) -> i32 {
    let monitor = match &mut *SINK.lock() {
        Sink::Unset => return NOT_RUNNING,
        Sink::Queue(_) if !value.is_finite() => return INVALID,
        Sink::Queue(waiting) if waiting.len() >= MAX_WAITING => return REFUSED,
        Sink::Queue(waiting) => {
            waiting.push_back((kind, name.to_owned(), value));
            return OK;
        }
        Sink::Service(monitor) => monitor.upgrade(),
    };
    let Some(monitor) = monitor else { return NOT_RUNNING };
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    match monitor.record(now_s, kind, name, value) {
        Ok(()) => OK,
        Err(RecordError::Name | RecordError::Value) => INVALID,
        Err(RecordError::TooMany | RecordError::Kind) => REFUSED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(kind: i32, name: &[u8], value: f64) -> i32 {
        // SAFETY: a slice has `len` readable bytes.
        unsafe { (API.record)(kind, name.as_ptr().cast(), name.len(), value) }
    }

    #[test]
    fn values_reach_the_current_destination() {
        // One test, because the destination is global.
        assert_eq!(call(0, b"early", 1.0), NOT_RUNNING);
        let monitor = Arc::new(Monitor::default());
        record_in_service(&monitor);
        assert_eq!(call(3, b"calls", 2.0), OK);
        assert_eq!(call(3, b"calls", 3.0), OK);
        assert_eq!(call(1, b"calls", 3.0), REFUSED);
        for (kind, name) in [(5, &b"x"[..]), (-1, b"x"), (0, b""), (0, b"*x"), (0, b"\xff")] {
            assert_eq!(call(kind, name, 1.0), INVALID);
        }
        assert_eq!(call(3, b"calls", f64::INFINITY), INVALID);
        // SAFETY: a null pointer is refused before it is read.
        assert_eq!(unsafe { (API.record)(0, std::ptr::null(), 1, 1.0) }, INVALID);
        let metrics = monitor.user_metrics(0);
        assert_eq!((metrics.len(), metrics[0].count, metrics[0].total), (1, 2, 5.0));
        drop(monitor);
        assert_eq!(call(3, b"calls", 2.0), NOT_RUNNING);

        record_in_queue();
        for _ in 0..MAX_WAITING {
            assert_eq!(call(4, b"spread", 0.5), OK);
        }
        assert_eq!(call(4, b"spread", 0.5), REFUSED);
        assert_eq!(call(4, b"spread", f64::NAN), INVALID);
        let waiting = take_recorded();
        assert_eq!(waiting.len(), MAX_WAITING);
        assert_eq!(waiting[0], (Kind::Distribution, "spread".to_owned(), 0.5));
        assert!(take_recorded().is_empty());
    }
}
