//! The state of each version of a model.

use grps_core::{Error, Route};

use crate::app::App;
use crate::frontends::shared::inference::lookup;
use crate::frontends::tfserving::model_choice::{ModelChoice, VersionChoice, number_of};

/// The state of a version.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct VersionState {
    /// Its number.
    pub(crate) version: i64,
    /// Why it runs no requests; `None` if it runs them.
    pub(crate) trouble: Option<String>,
}

impl VersionState {
    fn of(route: &Route) -> Self {
        Self {
            version: number_of(lookup::version_of(route)),
            trouble: route.models().iter().find_map(|model| model.executor().trouble()),
        }
    }
}

/// The versions of a model, the latest first, or the one that is chosen. Each number is there once:
/// for the version that a request with the number gets.
///
/// # Errors
/// See [`ModelChoice::resolve`].
pub(crate) fn list(app: &App, choice: &ModelChoice) -> Result<Vec<VersionState>, Error> {
    let chosen = choice.find(app)?;
    let mut states: Vec<VersionState> = Vec::new();
    if choice.version == VersionChoice::Latest {
        for route in app.engine.registry().versions(&choice.name).iter().rev() {
            let state = VersionState::of(route);
            if states.iter().all(|other| other.version != state.version) {
                states.push(state);
            }
        }
    }
    if states.is_empty() {
        states.push(VersionState::of(&chosen));
    }
    Ok(states)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frontends::tfserving::model_choice::tests::app_with_models;

    fn numbers(app: &App, version: VersionChoice) -> Vec<i64> {
        let choice = ModelChoice { name: "m".to_owned(), version };
        list(app, &choice).unwrap().iter().map(|state| state.version).collect()
    }

    #[test]
    fn each_number_is_listed_once_the_latest_first() {
        let app = app_with_models(&[("m", "1.0.0"), ("m", "1.2.0"), ("m", "3"), ("other", "9")]);
        assert_eq!(numbers(&app, VersionChoice::Latest), [3, 1]);
        assert_eq!(numbers(&app, VersionChoice::Version("1".to_owned())), [1]);
        assert_eq!(numbers(&app, VersionChoice::Label("1.0.0".to_owned())), [1]);
        let unknown = ModelChoice { name: "x".to_owned(), ..ModelChoice::default() };
        assert!(list(&app, &unknown).is_err());
    }
}
