//! The log of a worker: its lines go to the server, which writes them.

use std::sync::Arc;

use grps_server::forwarded_log::{ForwardedLevel, ForwardedLine, forward};

use crate::workers::control::ControlSender;
use crate::workers::messages::{FromWorker, Level, Logged};

/// In the worker: sends the lines of this level and above.
pub(crate) fn forward_log(
    level: &str,
    server: Arc<ControlSender>,
) -> std::io::Result<ForwardedLevel> {
    forward(level, move |level, line| {
        let level = match level {
            tracing::Level::ERROR => Level::Error,
            tracing::Level::WARN => Level::Warn,
            tracing::Level::INFO => Level::Info,
            _ => Level::Debug,
        };
        let ForwardedLine { of_plugin, logger, text } = line;
        server.send(&FromWorker::Logged(Logged { level, of_plugin, logger, text }));
    })
}

/// In the server: writes a line of a worker as if it had been made here.
pub(crate) fn write_logged(line: &Logged, instance: &str) {
    let Logged { level, of_plugin, logger, text } = line;
    if *of_plugin {
        match level {
            Level::Error => tracing::error!(target: "plugin", logger, "{text}"),
            Level::Warn => tracing::warn!(target: "plugin", logger, "{text}"),
            Level::Info => tracing::info!(target: "plugin", logger, "{text}"),
            Level::Debug => tracing::debug!(target: "plugin", logger, "{text}"),
        }
        return;
    }
    match level {
        Level::Error => tracing::error!(target: "worker", logger = instance, "{text}"),
        Level::Warn => tracing::warn!(target: "worker", logger = instance, "{text}"),
        Level::Info => tracing::info!(target: "worker", logger = instance, "{text}"),
        Level::Debug => tracing::debug!(target: "worker", logger = instance, "{text}"),
    }
}
