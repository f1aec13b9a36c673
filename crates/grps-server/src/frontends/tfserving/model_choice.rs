//! Which model and version a request names.
//!
//! The protocol numbers versions; ours are texts. The number of a version is the first whole number in
//! its text: 1 for `1.0.0`. A label is the text of a version.

use grps_core::{Cause, Error, Route, quoted, shown};
use http::HeaderMap;

use crate::app::App;
use crate::call::call::Call;
use crate::frontends::shared::inference::lookup;

/// A model, and which of its versions.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ModelChoice {
    /// The model or graph.
    pub(crate) name: String,
    /// The version.
    pub(crate) version: VersionChoice,
}

/// A version of a model.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum VersionChoice {
    /// The latest one.
    #[default]
    Latest,
    /// The one with this text, or else the latest one with this number.
    Version(String),
    /// The one with this label.
    Label(String),
}

impl ModelChoice {
    /// Selects the route of an inference request, which is counted for it.
    ///
    /// # Errors
    /// `NotFound` for an unknown model, version or label, `Unavailable` while models are loading,
    /// `InvalidArgument` without a name.
    pub(crate) fn resolve(&self, call: &Call, headers: &HeaderMap) -> Result<Route, Error> {
        let version = self.version_text(&call.app)?;
        lookup::resolve(call, &self.name, &version, headers)
    }

    /// Finds the model or graph.
    ///
    /// # Errors
    /// See [`ModelChoice::resolve`].
    pub(crate) fn find(&self, app: &App) -> Result<Route, Error> {
        lookup::find(app, &self.name, &self.version_text(app)?)
    }

    /// The text of the version; empty for the latest.
    fn version_text(&self, app: &App) -> Result<String, Error> {
        let text = match &self.version {
            VersionChoice::Latest => return Ok(String::new()),
            VersionChoice::Version(text) | VersionChoice::Label(text) => text,
        };
        // Without the model, the error is about the model.
        let default = lookup::find(app, &self.name, "")?;
        let versions = app.engine.registry().versions(&self.name);
        let has_text = |route: &&Route| lookup::version_of(route) == text;
        if versions.iter().any(|route| has_text(&route)) || has_text(&&default) {
            return Ok(text.clone());
        }
        if matches!(self.version, VersionChoice::Label(_)) {
            let known: Vec<_> = versions.iter().map(lookup::version_of).map(quoted).collect();
            return Err(Error::new(
                Cause::NotFound,
                format!(
                    "model {} has no version with the label {}; labels are the versions: {}",
                    shown(&self.name),
                    quoted(text),
                    if known.is_empty() { "'1'".to_owned() } else { known.join(", ") }
                ),
            ));
        }
        let number = text.parse().ok();
        let same = |route: &&Route| Some(number_of(lookup::version_of(route))) == number;
        let found = versions.iter().rev().find(same).map(lookup::version_of);
        Ok(found.unwrap_or(text).to_owned())
    }
}

/// The number of a version: the first whole number in its text, or 0.
pub(crate) fn number_of(version: &str) -> i64 {
    let is_digit = |byte: u8| byte.is_ascii_digit();
    let digits = version.split(|symbol: char| !symbol.is_ascii_digit());
    let first = digits.into_iter().find(|run| run.bytes().any(is_digit));
    first.and_then(|run| run.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
pub(crate) mod tests {
    use grps_core::{InputForm, Model, ModelSpec};

    use super::*;
    use crate::app::tests::app;

    /// An app with these models, each given by name and version.
    pub(crate) fn app_with_models(models: &[(&str, &str)]) -> App {
        let app = app();
        for (name, version) in models {
            let spec = ModelSpec::new(*name, *version, InputForm::Tensors);
            app.engine.registry().add(Model::pulled(spec).0).unwrap();
        }
        app.engine.health().set_loaded();
        app
    }

    fn found(app: &App, version: VersionChoice) -> Result<String, Error> {
        let choice = ModelChoice { name: "m".to_owned(), version };
        choice.find(app).map(|route| lookup::version_of(&route).to_owned())
    }

    #[test]
    fn the_first_number_of_a_version_is_its_number() {
        for (version, number) in [
            ("1", 1),
            ("1.0.0", 1),
            ("v2.1", 2),
            ("2026-01-05", 2026),
            ("stable", 0),
            ("", 0),
            ("99999999999999999999", 0),
            ("9223372036854775807", i64::MAX),
        ] {
            assert_eq!(number_of(version), number, "{version}");
        }
    }

    #[test]
    fn versions_are_found_by_text_by_number_and_by_label() {
        let app = app_with_models(&[("m", "1.0.0"), ("m", "1.2.0"), ("m", "2"), ("m", "canary")]);
        let version = |text: &str| found(&app, VersionChoice::Version(text.to_owned()));
        let label = |text: &str| found(&app, VersionChoice::Label(text.to_owned()));
        assert_eq!(version("1.0.0").unwrap(), "1.0.0");
        assert_eq!(version("1").unwrap(), "1.2.0");
        assert_eq!(version("2").unwrap(), "2");
        assert_eq!(label("canary").unwrap(), "canary");
        assert_eq!(label("1.0.0").unwrap(), "1.0.0");
        for missing in [version("3"), version("1.1.0"), version("-1"), label("1"), label("stable")]
        {
            assert_eq!(missing.unwrap_err().cause(), Cause::NotFound);
        }
        let message = label("a'b").unwrap_err().message().to_owned();
        assert!(message.contains("labels are the versions: '1.0.0'"), "{message}");
        assert!(found(&app, VersionChoice::Latest).is_ok());
    }

    #[test]
    fn unknown_models_are_not_found() {
        let app = app_with_models(&[("m", "1")]);
        for version in [
            VersionChoice::Latest,
            VersionChoice::Version("1".to_owned()),
            VersionChoice::Label("1".to_owned()),
        ] {
            let choice = ModelChoice { name: "other".to_owned(), version };
            assert_eq!(choice.find(&app).unwrap_err().cause(), Cause::NotFound);
        }
        assert_eq!(ModelChoice::default().find(&app).unwrap_err().cause(), Cause::InvalidArgument);
    }
}
