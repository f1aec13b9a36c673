//! The report of a crash, written by a copy of the process.

use std::ffi::CStr;
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::crash::{Crash, LOG};

/// Maximum number of frames that are shown.
const MAX_FRAMES: usize = 64;
/// What a report begins with; `grps/server/worker/process.py` looks for it.
const MARK: &str = "grps crash: ";

/// Where log lines go.
pub(super) struct Log {
    path: PathBuf,
    /// Whether each line is JSON.
    is_json: bool,
}

/// Writes reports of crashes to this log as well as to the standard error.
pub fn log_to(path: &Path, is_json: bool) {
    let log = Box::new(Log { path: path.to_owned(), is_json });
    // An earlier one stays, as a crash may be reading it.
    LOG.store(Box::into_raw(log), Ordering::Release);
}

/// Writes the report. This runs in a copy of the process with one thread.
pub(super) fn write(crash: Crash) {
    let report = describe(crash);
    // What can't be written is lost.
    let _ = std::io::stderr().write_all(report.as_bytes());
    // SAFETY: it is null, or was never freed.
    let Some(log) = (unsafe { LOG.load(Ordering::Acquire).as_ref() }) else { return };
    let lines = if log.is_json { json_line(&report) } else { report };
    if let Ok(mut file) = OpenOptions::new().append(true).open(&log.path) {
        let _ = file.write_all(lines.as_bytes());
    }
}

fn describe(crash: Crash) -> String {
    let Crash { signal, is_fault, address, instruction } = crash;
    // SAFETY: it returns a text for every number.
    let text = unsafe { CStr::from_ptr(libc::strsignal(signal)) }.to_string_lossy();
    let thread = std::thread::current();
    let thread = thread.name().unwrap_or("a thread without a name");
    let mut report = format!("{MARK}{text} (signal {signal}) in {thread}");
    // Writing to a string never fails.
    if is_fault {
        let _ = write!(report, ", at address {address:#x}");
    }
    report.push('\n');
    for (index, frame) in frames(instruction).iter().enumerate() {
        let _ = writeln!(report, "  {index}: {frame}");
    }
    report
}

/// The frames from the instruction that has crashed on, each as a line.
fn frames(instruction: usize) -> Vec<String> {
    let mut addresses = Vec::new();
    backtrace::trace(|frame| {
        addresses.push(frame.ip() as usize);
        addresses.len() < MAX_FRAMES * 2
    });
    // Those before it are of the handler. The number of a caller is behind its call.
    let is_crash = |address: &usize| *address == instruction || *address == instruction + 1;
    let first = addresses.iter().position(is_crash).unwrap_or_default();
    let mut lines = Vec::new();
    for (depth, address) in addresses.into_iter().skip(first).take(MAX_FRAMES).enumerate() {
        // A return address is behind the call, perhaps in the next function.
        let inside = if depth == 0 { address } else { address.saturating_sub(1) };
        let before = lines.len();
        backtrace::resolve(inside as *mut _, |symbol| lines.push(line_of(symbol, inside)));
        if lines.len() == before {
            lines.push(format!("? {}", library_of(inside)));
        }
    }
    lines
}

fn line_of(symbol: &backtrace::Symbol, address: usize) -> String {
    let Some(name) = symbol.name() else { return format!("? {}", library_of(address)) };
    match (symbol.filename(), symbol.lineno()) {
        (Some(file), Some(line)) => format!("{name} at {}:{line}", file.display()),
        _ => format!("{name} {}", library_of(address)),
    }
}

/// The library that an address is in, and where: what `addr2line` takes.
fn library_of(address: usize) -> String {
    // SAFETY: zeroes are a valid value of this struct, whose texts are of the loader.
    unsafe {
        let mut info = std::mem::zeroed::<libc::Dl_info>();
        if libc::dladdr(address as *const _, &raw mut info) == 0 || info.dli_fname.is_null() {
            return format!("({address:#x})");
        }
        let offset = address.saturating_sub(info.dli_fbase as usize);
        format!("({}+{offset:#x})", CStr::from_ptr(info.dli_fname).to_string_lossy())
    }
}

/// The report as one line of a log of JSON.
fn json_line(report: &str) -> String {
    let line = serde_json::json!({
        "timestamp": local_time(),
        "level": "ERROR",
        "message": report,
        "target": "plugin",
    });
    format!("{line}\n")
}

/// The time as in the other lines of the log.
fn local_time() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = libc::time_t::try_from(now.as_secs()).unwrap_or_default();
    // SAFETY: zeroes are a valid value of this struct, which the call fills in.
    let time = unsafe {
        let mut time = std::mem::zeroed::<libc::tm>();
        libc::localtime_r(&raw const seconds, &raw mut time);
        time
    };
    let (year, month) = (time.tm_year + 1900, time.tm_mon + 1);
    let (day, hour, minute, second) = (time.tm_mday, time.tm_hour, time.tm_min, time.tm_sec);
    let millis = now.subsec_millis();
    format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{millis:03}")
}
