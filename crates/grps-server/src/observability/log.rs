//! The server log: one rotating file, standard error, or both.

use std::io;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::filter::{LevelFilter, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::time::ChronoLocal;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

use super::log_file::LogFile;
use super::log_lines::SafeLines;
use super::log_period::LogPeriod;
use super::log_rate::{LimitedRate, LogRate};

/// The target of events that stand for lines on a standard stream of this process.
pub const PRINTED: &str = "printed";

/// Lines that wait for the disk; more are lost. Each takes 40 bytes from the start.
const MAX_WAITING_LINES: usize = 1 << 15;

/// Keeps the log's writer alive; dropping it writes what is still buffered.
#[derive(Debug)]
pub struct LogGuard {
    /// Changes the log level.
    level: reload::Handle<LevelFilter, Registry>,
    /// Limits the rate of warnings and errors.
    rate: Arc<LogRate>,
    _writer: WorkerGuard,
}

impl LogGuard {
    /// Changes the log level.
    ///
    /// # Errors
    /// When the level is unknown.
    pub fn set_level(&self, level: &str) -> io::Result<()> {
        let level = LevelFilter::from_str(level).map_err(io::Error::other)?;
        self.level.reload(level).map_err(io::Error::other)
    }
}

impl Drop for LogGuard {
    fn drop(&mut self) {
        self.rate.report();
    }
}

/// Settings of the log.
#[derive(Clone, Debug)]
pub struct LogSettings<'a> {
    /// The file; at midnight it is renamed to `FILE.YYYY-MM-DD`. No file when `None`.
    pub path: Option<&'a Path>,
    /// `debug`, `info`, `warn` or `error`.
    pub level: &'a str,
    /// Number of past days to keep.
    pub backup_count: usize,
    /// Whether lines are also written to standard error; they are in any case without a file.
    pub to_stderr: bool,
    /// Whether each line is a JSON object.
    pub json: bool,
}

/// Starts logging for the whole process.
///
/// # Errors
/// When the level is unknown, the folder can't be written, or logging is started already.
pub fn start(settings: &LogSettings<'_>) -> io::Result<LogGuard> {
    let level = LevelFilter::from_str(settings.level).map_err(io::Error::other)?;
    let builder = NonBlockingBuilder::default().buffered_lines_limit(MAX_WAITING_LINES);
    // What user code prints is on a standard stream already.
    let is_logged = filter_fn(|metadata| metadata.target() != PRINTED);
    let (file, stderr, writer) = match settings.path {
        Some(path) => {
            let file = LogFile::open(path, LogPeriod::Day, Some(settings.backup_count))?;
            let (file, writer) = builder.finish(file);
            let stderr = settings.to_stderr.then(|| lines(io::stderr, settings.json));
            (Some(lines(file, settings.json)), stderr, writer)
        }
        None => {
            // A reader of the stream that stops reading stops no request.
            let (stderr, writer) = builder.finish(io::stderr());
            (None, Some(lines(stderr, settings.json)), writer)
        }
    };
    let stderr = stderr.map(|lines| lines.with_filter(is_logged));
    let (level, handle) = reload::Layer::new(level);
    let rate = LogRate::start()?;
    tracing_subscriber::registry()
        .with(level)
        .with(LimitedRate(Arc::clone(&rate)))
        .with(file)
        .with(stderr)
        .try_init()
        .map_err(io::Error::other)?;
    Ok(LogGuard { level: handle, rate, _writer: writer })
}

/// Writes each event as a record of text or a line of JSON.
fn lines<S, W>(writer: W, json: bool) -> Box<dyn Layer<S> + Send + Sync>
where
    S: tracing::Subscriber + for<'span> LookupSpan<'span>,
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let layer = tracing_subscriber::fmt::layer()
        .with_timer(timer())
        .with_ansi(false)
        .with_writer(SafeLines::new(writer, json));
    if json { Box::new(layer.json().flatten_event(true)) } else { Box::new(layer) }
}

fn timer() -> ChronoLocal {
    ChronoLocal::new("%Y-%m-%d %H:%M:%S%.3f".to_owned())
}
