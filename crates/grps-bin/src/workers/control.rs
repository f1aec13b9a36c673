//! One end of the socket of lines of JSON between server and worker.

use std::io::{BufRead, BufReader, Result, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;

use parking_lot::Mutex;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Where lines are sent; any thread may send.
#[derive(Debug)]
pub(crate) struct ControlSender(Mutex<UnixStream>);

/// Where lines come from.
#[derive(Debug)]
pub(crate) struct ControlReader(BufReader<UnixStream>);

/// Both directions of a stream.
pub(crate) fn open_control(stream: UnixStream) -> Result<(ControlSender, ControlReader)> {
    let reader = BufReader::new(stream.try_clone()?);
    Ok((ControlSender(Mutex::new(stream)), ControlReader(reader)))
}

impl ControlSender {
    /// Sends a line; does nothing once the other end is closed.
    pub(crate) fn send(&self, message: &impl Serialize) {
        let Ok(mut line) = serde_json::to_vec(message) else { return };
        line.push(b'\n');
        // Without the other end, nothing is to be said.
        let _ = self.0.lock().write_all(&line);
    }

    /// Closes both directions.
    pub(crate) fn close(&self) {
        // A socket that is closed already needs nothing.
        let _ = self.0.lock().shutdown(Shutdown::Both);
    }
}

impl ControlReader {
    /// Waits for a line and reads it; `None` once the other end is closed.
    pub(crate) fn next<M: DeserializeOwned>(&mut self) -> Option<serde_json::Result<M>> {
        let mut line = Vec::new();
        match self.0.read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(serde_json::from_slice(&line)),
        }
    }
}
