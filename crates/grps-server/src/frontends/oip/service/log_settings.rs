//! The log settings: the protocol's switches stand for the level of the log.

use grps_core::{Cause, Error, quoted};
use serde::Serialize;
use tracing::Level;
use tracing::level_filters::LevelFilter;

use crate::admin::commands::Action;
use crate::call::call::Call;
use crate::frontends::oip::inference::parameters::{Parameter, Parameters};

/// The log settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct LogSettings {
    /// Always empty: the file is set in `server.yml`.
    pub(crate) log_file: &'static str,
    pub(crate) log_info: bool,
    pub(crate) log_warning: bool,
    pub(crate) log_error: bool,
    /// 1 for debug lines, else 0.
    pub(crate) log_verbose_level: u32,
    pub(crate) log_format: &'static str,
}

/// The settings as they are.
pub(crate) fn read() -> LogSettings {
    let level = LevelFilter::current();
    LogSettings {
        log_file: "",
        log_info: level >= Level::INFO,
        log_warning: level >= Level::WARN,
        log_error: level >= Level::ERROR,
        log_verbose_level: u32::from(level >= Level::DEBUG),
        log_format: "default",
    }
}

/// Changes the level of the log to the lowest one that the settings switch on.
///
/// # Errors
/// `Unsupported` for settings that `server.yml` decides, and for switching errors off.
pub(crate) async fn change(call: &Call, parameters: &Parameters) -> Result<LogSettings, Error> {
    let current = read();
    let wanted = merged(current.clone(), parameters)?;
    if wanted != current {
        let level = level_of(&wanted)?;
        tracing::info!(peer = %call.peer, level, "log level set by the operator");
        call.app.commands.run(Action::SetLogLevel, level.to_owned()).await?;
    }
    Ok(read())
}

fn merged(mut settings: LogSettings, parameters: &Parameters) -> Result<LogSettings, Error> {
    for (name, value) in parameters.iter() {
        match name {
            "log_info" => settings.log_info = parameters.flag(name)?,
            "log_warning" => settings.log_warning = parameters.flag(name)?,
            "log_error" => settings.log_error = parameters.flag(name)?,
            "log_verbose_level" => {
                let level = parameters.whole_number(name)?.unwrap_or_default();
                settings.log_verbose_level = u32::from(level > 0);
            }
            "log_file" | "log_format" => {
                let current = if name == "log_file" { settings.log_file } else { "default" };
                if *value != Parameter::Text(current.to_owned()) {
                    let message = format!("{name} can't be changed: server.yml sets the log");
                    return Err(Error::new(Cause::Unsupported, message));
                }
            }
            other => {
                let message = format!("log setting {} is not known", quoted(other));
                return Err(Error::invalid(message));
            }
        }
    }
    Ok(settings)
}

fn level_of(settings: &LogSettings) -> Result<&'static str, Error> {
    Ok(match settings {
        LogSettings { log_verbose_level: 1.., .. } => "debug",
        LogSettings { log_info: true, .. } => "info",
        LogSettings { log_warning: true, .. } => "warning",
        LogSettings { log_error: true, .. } => "error",
        _ => {
            let message = "errors are always logged; set log_error to true";
            return Err(Error::new(Cause::Unsupported, message));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const INFO: LogSettings = LogSettings {
        log_file: "",
        log_info: true,
        log_warning: true,
        log_error: true,
        log_verbose_level: 0,
        log_format: "default",
    };

    fn level(values: &[(&str, Parameter)]) -> Result<&'static str, Error> {
        let mut parameters = Parameters::default();
        for (name, value) in values {
            parameters.add((*name).to_owned(), value.clone()).unwrap();
        }
        merged(INFO, &parameters).and_then(|settings| level_of(&settings))
    }

    #[test]
    fn the_lowest_level_that_is_on_is_the_level() {
        let off = |name| (name, Parameter::Bool(false));
        assert_eq!(level(&[]).unwrap(), "info");
        assert_eq!(level(&[("log_verbose_level", Parameter::Int(3))]).unwrap(), "debug");
        assert_eq!(level(&[off("log_info")]).unwrap(), "warning");
        assert_eq!(level(&[off("log_info"), off("log_warning")]).unwrap(), "error");
        let none = [off("log_info"), off("log_warning"), off("log_error")];
        assert_eq!(level(&none).unwrap_err().cause(), Cause::Unsupported);
        let same = ("log_format", Parameter::Text("default".to_owned()));
        assert!(level(&[same]).is_ok());
        let file = ("log_file", Parameter::Text("/tmp/x".to_owned()));
        assert_eq!(level(&[file]).unwrap_err().cause(), Cause::Unsupported);
        assert_eq!(level(&[off("other")]).unwrap_err().cause(), Cause::InvalidArgument);
    }
}
