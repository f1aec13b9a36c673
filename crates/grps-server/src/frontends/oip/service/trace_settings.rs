//! The trace settings: the service traces as `server.yml` says.

use grps_core::{Cause, Error, quoted};
use serde::Serialize;

use crate::app::App;

/// The trace settings. All values are texts, as clients of the protocol expect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct TraceSettings {
    /// `TIMESTAMPS` if spans are exported, else `OFF`.
    pub(crate) trace_level: [&'static str; 1],
    /// One of so many requests is traced.
    pub(crate) trace_rate: String,
    pub(crate) trace_count: &'static str,
    pub(crate) log_frequency: &'static str,
    pub(crate) trace_file: &'static str,
    pub(crate) trace_mode: &'static str,
}

/// The settings as they are, which are the same for all models.
pub(crate) fn read(app: &App) -> TraceSettings {
    let ratio = app.settings.traces.as_ref().map_or(0.0, |traces| traces.sample_ratio);
    let rate = if ratio > 0.0 { (1.0 / ratio).round() } else { 0.0 };
    TraceSettings {
        trace_level: [if ratio > 0.0 { "TIMESTAMPS" } else { "OFF" }],
        trace_rate: rate.to_string(),
        trace_count: "-1",
        log_frequency: "0",
        trace_file: "",
        trace_mode: "opentelemetry",
    }
}

impl TraceSettings {
    /// The settings by name, each as the list of its values.
    pub(crate) fn entries(&self) -> [(&'static str, &str); 6] {
        let [level] = self.trace_level;
        [
            ("trace_level", level),
            ("trace_rate", &self.trace_rate),
            ("trace_count", self.trace_count),
            ("log_frequency", self.log_frequency),
            ("trace_file", self.trace_file),
            ("trace_mode", self.trace_mode),
        ]
    }

    /// Checks a change. `None` resets a setting to that of the service.
    ///
    /// # Errors
    /// `InvalidArgument` for an unknown setting, `Unsupported` for another value than it has.
    pub(crate) fn check_change(&self, name: &str, values: Option<&[&str]>) -> Result<(), Error> {
        let entries = self.entries();
        let Some((_, current)) = entries.iter().find(|(own, _)| *own == name) else {
            return Err(Error::invalid(format!("trace setting {} is not known", quoted(name))));
        };
        if values.is_none_or(|values| values == [*current]) {
            return Ok(());
        }
        let message = format!("{name} can't be changed while the service runs: server.yml sets it");
        Err(Error::new(Cause::Unsupported, message))
    }
}
