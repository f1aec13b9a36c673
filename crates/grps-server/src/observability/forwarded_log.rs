//! The log of a worker process, whose lines the server process writes.

use std::fmt::{self, Write as _};
use std::io;
use std::str::FromStr;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer, Registry, reload};

/// What lines of a plugin have as their target.
const PLUGIN: &str = "plugin";
/// The field with the thread that a plugin has logged in.
const LOGGER: &str = "logger";

/// A line of the log.
#[derive(Debug, Default)]
pub struct ForwardedLine {
    /// Whether native code of a plugin has written it.
    pub of_plugin: bool,
    /// The thread of the plugin that has written it; empty for others.
    pub logger: String,
    /// The message, and its fields behind it.
    pub text: String,
}

/// Changes the level of a log that is forwarded.
#[derive(Debug)]
pub struct ForwardedLevel(reload::Handle<LevelFilter, Registry>);

impl ForwardedLevel {
    /// Forwards lines of this level and above from here on.
    ///
    /// # Errors
    /// When the level is unknown.
    pub fn set(&self, level: &str) -> io::Result<()> {
        let level = LevelFilter::from_str(level).map_err(io::Error::other)?;
        self.0.reload(level).map_err(io::Error::other)
    }
}

/// Sends the lines of this process to `write`, which must not log; once.
///
/// # Errors
/// When the level is unknown, or the log of this process has begun already.
pub fn forward(
    level: &str,
    write: impl Fn(Level, ForwardedLine) + Send + Sync + 'static,
) -> io::Result<ForwardedLevel> {
    let level = LevelFilter::from_str(level).map_err(io::Error::other)?;
    let (level, handle) = reload::Layer::new(level);
    let registry = tracing_subscriber::registry().with(level).with(Forward(write));
    registry.try_init().map_err(io::Error::other)?;
    Ok(ForwardedLevel(handle))
}

/// Hands each line to a function.
struct Forward<F>(F);

impl<S: Subscriber, F: Fn(Level, ForwardedLine) + Send + Sync + 'static> Layer<S> for Forward<F> {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        let of_plugin = metadata.target() == PLUGIN;
        if !of_plugin && !metadata.target().starts_with("grps") {
            return;
        }
        let mut fields = Fields::default();
        event.record(&mut fields);
        let Fields { message, logger, others } = fields;
        (self.0)(*metadata.level(), ForwardedLine { of_plugin, logger, text: message + &others });
    }
}

/// The fields of a line.
#[derive(Default)]
struct Fields {
    message: String,
    logger: String,
    others: String,
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == LOGGER {
            value.clone_into(&mut self.logger);
        } else {
            self.record_debug(field, &value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string never fails.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.others, " {name}={value:?}"),
        };
    }
}
