//! The state of the process: the contract between the server and the tool.
//!
//! It is written whenever the phase changes; `grps/server/state.py` reads it.

use std::io::Write;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

/// One moment in the life of the process.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct State {
    pid: u32,
    /// Seconds since the epoch at which the process began, as `psutil` counts them.
    create_time: f64,
    pub(crate) phase: &'static str,
    /// A line for people.
    pub(crate) detail: String,
    /// The cause when the phase is `failed`.
    pub(crate) error: Option<String>,
    pub(crate) ports: Vec<u16>,
    started_at: f64,
    deploy_path: String,
    /// The address at which this machine reaches it.
    pub(crate) host: String,
    /// Where the tool reaches it, if its ports take TLS or the PROXY protocol.
    pub(crate) unix_socket: String,
    pub(crate) tls: bool,
    /// Whether it is this program.
    native: bool,
}

impl State {
    /// A first state for this process.
    pub(crate) fn of_this_process(service: &Path) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        Self {
            pid: std::process::id(),
            create_time: create_time().unwrap_or(now),
            phase: "starting",
            detail: String::new(),
            error: None,
            ports: Vec::new(),
            started_at: now,
            deploy_path: service.display().to_string(),
            host: "127.0.0.1".to_owned(),
            unix_socket: String::new(),
            tls: false,
            native: true,
        }
    }

    /// Replaces the file as a whole, and makes its folder.
    pub(crate) fn write(&self, file: &Path) -> std::io::Result<()> {
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let temporary = file.with_file_name(format!(".{name}.{}", self.pid));
        let mut text = serde_json::to_vec(self)?;
        text.push(b'\n');
        let written = write_new(&temporary, &text);
        let written = written.and_then(|()| std::fs::rename(&temporary, file));
        if written.is_err() {
            // The error of the write is the one to report.
            let _ = std::fs::remove_file(&temporary);
        }
        written
    }
}

fn write_new(file: &Path, text: &[u8]) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(file)?.write_all(text)
}

/// The start of this process by the kernel's clock ticks and the boot time.
fn create_time() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let behind_name = stat.rsplit_once(')')?.1;
    let ticks: f64 = behind_name.split_whitespace().nth(19)?.parse().ok()?;
    let boot = std::fs::read_to_string("/proc/stat").ok()?;
    let boot: f64 = boot.lines().find_map(|line| line.strip_prefix("btime "))?.parse().ok()?;
    Some(boot + ticks / rustix::param::clock_ticks_per_second() as f64)
}
