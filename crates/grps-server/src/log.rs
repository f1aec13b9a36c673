//! The server's log: one rotating file, and the terminal when the server runs in one.

use std::io;
use std::path::Path;
use std::str::FromStr;

use file_rotate::compression::Compression;
use file_rotate::suffix::{AppendTimestamp, DateFrom, FileLimit};
use file_rotate::{ContentLimit, FileRotate, TimeFrequency};
use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::time::ChronoLocal;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Keeps the log's writer alive; dropping it writes what is still buffered.
#[derive(Debug)]
pub struct LogGuard(#[expect(dead_code, reason = "held for its drop")] WorkerGuard);

/// Where the log goes and what it holds.
#[derive(Clone, Debug)]
pub struct LogSettings<'a> {
    /// The file; yesterday's becomes `FILE.YYYY-MM-DD`.
    pub path: &'a Path,
    /// `debug`, `info`, `warn` or `error`.
    pub level: &'a str,
    /// Days that are kept besides today.
    pub backup_count: usize,
    /// Whether lines also go to standard error.
    pub to_stderr: bool,
}

/// Starts logging for the whole process.
///
/// # Errors
/// When the level is unknown, the folder can't be written, or logging was started before.
pub fn start(settings: &LogSettings<'_>) -> io::Result<LogGuard> {
    let level = LevelFilter::from_str(settings.level).map_err(io::Error::other)?;
    if let Some(folder) = settings.path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    // Opened once by hand: the rotating writer would report a folder it can't write much later.
    std::fs::OpenOptions::new().create(true).append(true).open(settings.path)?;
    let (file, guard) = tracing_appender::non_blocking(rotating(settings));
    let in_file = tracing_subscriber::fmt::layer().with_timer(timer()).with_ansi(false);
    let on_terminal = settings.to_stderr.then(|| {
        tracing_subscriber::fmt::layer()
            .with_timer(timer())
            .with_ansi(false)
            .with_writer(io::stderr)
    });
    tracing_subscriber::registry()
        .with(in_file.with_writer(file).with_filter(level))
        .with(on_terminal.with_filter(level))
        .try_init()
        .map_err(io::Error::other)?;
    Ok(LogGuard(guard))
}

fn timer() -> ChronoLocal {
    ChronoLocal::new("%Y-%m-%d %H:%M:%S%.3f".to_owned())
}

fn rotating(settings: &LogSettings<'_>) -> FileRotate<AppendTimestamp> {
    let keep = FileLimit::MaxFiles(settings.backup_count);
    let suffix = AppendTimestamp::with_format("%Y-%m-%d", keep, DateFrom::DateYesterday);
    let daily = ContentLimit::Time(TimeFrequency::Daily);
    FileRotate::new(settings.path, suffix, daily, Compression::None, None)
}
