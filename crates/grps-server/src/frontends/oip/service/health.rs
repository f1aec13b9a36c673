//! Whether the service and its models are ready.

use grps_core::{Cause, Error};

use crate::admin::readiness::unready_reason;
use crate::app::App;
use crate::frontends::shared::inference::lookup;

/// Whether the service is ready.
///
/// # Errors
/// `Unavailable` with the reason.
pub(crate) fn check_service(app: &App) -> Result<(), Error> {
    match unready_reason(&app.engine) {
        None => Ok(()),
        Some(reason) => Err(Error::new(Cause::Unavailable, reason)),
    }
}

/// Whether a model or graph is ready: it is loaded, and its instances respond.
///
/// # Errors
/// `NotFound` for an unknown one, `Unavailable` with the reason.
pub(crate) fn check_model(app: &App, model: &str, version: &str) -> Result<(), Error> {
    let route = lookup::find(app, model, version)?;
    if app.engine.health().is_draining() {
        return Err(Error::new(Cause::Unavailable, "the service is shutting down"));
    }
    let trouble = route.models().iter().find_map(|model| model.executor().trouble());
    trouble.map_or(Ok(()), |reason| Err(Error::new(Cause::Unavailable, reason)))
}
