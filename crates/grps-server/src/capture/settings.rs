//! What is recorded, and how much of it is kept.

use std::path::PathBuf;

use grps_core::{Error, quoted};
use http::HeaderName;
use serde::Deserialize;

/// Fewest bytes that a capture may keep.
const MIN_BYTES: u64 = 64 << 10;
/// Headers that are always recorded.
const USUAL_HEADERS: [&str; 2] = ["content-type", "user-agent"];

/// What the configuration says of captures.
#[derive(Clone, Debug, PartialEq)]
pub struct CaptureSettings {
    /// Whether one begins with the service.
    pub enabled: bool,
    /// Models by name or `name-version`, and graphs; all if it is empty.
    pub models: Vec<String>,
    /// Share of the requests that is recorded.
    pub sample_ratio: f64,
    /// Most bytes of all files.
    pub max_bytes: u64,
    /// Most bytes of the contents of a request and its reply; larger ones are left out.
    pub max_record_bytes: u64,
    /// Where the files are.
    pub directory: PathBuf,
    /// Headers that are recorded besides the usual ones.
    pub headers: Vec<String>,
}

impl Default for CaptureSettings {
    fn default() -> Self {
        Self {
            enabled: false,
            models: Vec::new(),
            sample_ratio: 1.0,
            max_bytes: 256 << 20,
            max_record_bytes: 4 << 20,
            directory: PathBuf::from("capture"),
            headers: Vec::new(),
        }
    }
}

impl CaptureSettings {
    /// The headers that are recorded. The configuration refuses names that may be those of secrets.
    pub(super) fn header_names(&self) -> Vec<HeaderName> {
        let own = self.headers.iter().map(|name| name.to_ascii_lowercase());
        let all = USUAL_HEADERS.iter().map(|name| (*name).to_owned()).chain(own);
        all.filter_map(|name| HeaderName::try_from(name).ok()).collect()
    }

    /// What is recorded by these settings and by what an operator asks for.
    ///
    /// # Errors
    /// `InvalidArgument` for a value that can't be used.
    pub(super) fn with(&self, options: StartOptions) -> Result<Self, Error> {
        let StartOptions { models, sample_ratio, max_bytes } = options;
        let settings = Self {
            models: models.unwrap_or_else(|| self.models.clone()),
            sample_ratio: sample_ratio.unwrap_or(self.sample_ratio),
            max_bytes: max_bytes.unwrap_or(self.max_bytes),
            ..self.clone()
        };
        let ratio = settings.sample_ratio;
        if !(ratio > 0.0 && ratio <= 1.0) {
            let text = format!("sample_ratio must be above 0 and at most 1, not {ratio}");
            return Err(Error::invalid(text));
        }
        let (bytes, most) = (settings.max_bytes, self.max_bytes.max(MIN_BYTES));
        if !(MIN_BYTES..=most).contains(&bytes) {
            let text = format!(
                "max_bytes must be {MIN_BYTES} to {most}, not {bytes}; capture.max_bytes in \
                 server.yml sets the limit"
            );
            return Err(Error::invalid(text));
        }
        // A record and what is around its contents always fit.
        let max_record_bytes = settings.max_record_bytes.min(settings.max_bytes / 2);
        Ok(Self { max_record_bytes, ..settings })
    }
}

/// What an operator asks for when a capture starts; the configuration says the rest.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StartOptions {
    models: Option<Vec<String>>,
    sample_ratio: Option<f64>,
    max_bytes: Option<u64>,
}

impl StartOptions {
    /// Reads the body of a request, which may be empty.
    ///
    /// # Errors
    /// `InvalidArgument` for another body.
    pub(crate) fn read(body: &[u8]) -> Result<Self, Error> {
        if body.is_empty() {
            return Ok(Self::default());
        }
        serde_json::from_slice(body).map_err(|error| {
            Error::invalid(format!(
                "the body is not empty and no object such as {{\"models\": [\"scale\"], \
                 \"sample_ratio\": 0.1, \"max_bytes\": 100000000}}: {error}"
            ))
        })
    }

    /// Checks that the models exist.
    ///
    /// # Errors
    /// The error of `find` for the first that does not, with its name.
    pub(crate) fn check_models(
        &self,
        find: impl Fn(&str) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.models.iter().flatten().try_for_each(|model| {
            find(model).map_err(|error| {
                let text = format!("models: {}: {}", quoted(model), error.message());
                Error::new(error.cause(), text)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started(json: &str) -> Result<CaptureSettings, String> {
        let options = StartOptions::read(json.as_bytes());
        let settings = CaptureSettings { max_bytes: 1 << 20, ..CaptureSettings::default() };
        options
            .and_then(|options| settings.with(options))
            .map_err(|error| error.message().to_owned())
    }

    #[test]
    fn an_operator_may_ask_for_less() {
        let settings = started("").unwrap();
        assert_eq!((settings.sample_ratio, settings.max_record_bytes), (1.0, 1 << 19));
        let settings =
            started(r#"{"models": ["m"], "sample_ratio": 0.5, "max_bytes": 65536}"#).unwrap();
        assert_eq!((settings.sample_ratio, settings.max_bytes), (0.5, MIN_BYTES));
        assert_eq!((settings.models, settings.max_record_bytes), (vec!["m".to_owned()], 32768));
    }

    #[test]
    fn other_values_are_refused() {
        for (json, message) in [
            (r#"{"sample_ratio": 0}"#, "sample_ratio must be above 0 and at most 1, not 0"),
            (r#"{"sample_ratio": 1.01}"#, "sample_ratio must be"),
            (r#"{"max_bytes": 65535}"#, "max_bytes must be 65536 to 1048576, not 65535"),
            (r#"{"max_bytes": 1048577}"#, "max_bytes must be"),
            (r#"{"directory": "/tmp"}"#, "unknown field `directory`"),
            ("[]", "the body is not empty and no object such as"),
        ] {
            let error = started(json).unwrap_err();
            assert!(error.contains(message), "{error}");
        }
        assert!(started(r#"{"max_bytes": 1048576}"#).is_ok());
    }

    #[test]
    fn headers_are_recorded_besides_the_usual_ones() {
        let names = |headers: &[&str]| {
            let headers = headers.iter().map(|name| (*name).to_owned()).collect();
            let settings = CaptureSettings { headers, ..CaptureSettings::default() };
            let names = settings.header_names();
            names.iter().map(|name| name.as_str().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(names(&["X-Tenant"]), ["content-type", "user-agent", "x-tenant"]);
        assert_eq!(names(&["not a name"]), ["content-type", "user-agent"]);
    }
}
