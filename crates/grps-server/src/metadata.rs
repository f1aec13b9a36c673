//! What is known of a model, the same on every protocol.

use grps_core::{Cause, Error};

use crate::app::App;

/// The YAML description of a model by `name-version` or bare name.
///
/// # Errors
/// `InvalidArgument` for an empty name, `NotFound` for an unknown one; in upstream's words.
pub(crate) fn model_metadata(app: &App, name: &str) -> Result<String, Error> {
    if name.is_empty() {
        return Err(Error::invalid("The model name is empty."));
    }
    let route = app.engine.registry().route(name).ok();
    let model = route.as_ref().and_then(|route| route.models().first());
    model
        .map(|model| model.spec().metadata.clone())
        .ok_or_else(|| Error::new(Cause::NotFound, "Model not found."))
}
