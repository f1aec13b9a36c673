//! Model descriptions, the same for every protocol.

use grps_core::{Cause, Error, RouteQuery};

use crate::app::App;

/// Returns the YAML description of a model, by `name-version` or bare name, or of a graph.
///
/// # Errors
/// `InvalidArgument` for an empty name, `NotFound` for an unknown one; the messages equal upstream's.
pub(crate) fn model_metadata(app: &App, name: &str) -> Result<String, Error> {
    if name.is_empty() {
        return Err(Error::invalid("The model name is empty."));
    }
    match app.engine.registry().resolve(&RouteQuery::named(name)) {
        Ok(route) => Ok(route.metadata().to_owned()),
        Err(_) => Err(Error::new(Cause::NotFound, "Model not found.")),
    }
}
