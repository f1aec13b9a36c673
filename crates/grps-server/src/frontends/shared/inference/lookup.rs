//! Models by name and version.

use grps_core::{Cause, Error, Route, RouteQuery};
use http::HeaderMap;

use crate::app::App;
use crate::call::call::Call;

/// The version of every graph: graphs have none of their own.
const GRAPH_VERSION: &str = "1";

/// Selects the route of an inference request, which is counted for it. `version` may be empty.
///
/// # Errors
/// `InvalidArgument` without a name; see [`Call::resolve`].
pub(crate) fn resolve(
    call: &Call,
    model: &str,
    version: &str,
    headers: &HeaderMap,
) -> Result<Route, Error> {
    let attributes = &|name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let query = RouteQuery { attributes, ..query(model, version)? };
    match call.find_route(&query) {
        Ok(route) => {
            call.scope.set_route(&route);
            Ok(route)
        }
        Err(error) => {
            let route = graph(&call.app, model, version).ok_or(error)?;
            call.scope.set_route(&route);
            Ok(route)
        }
    }
}

/// Finds a model or graph. `version` may be empty.
///
/// # Errors
/// `NotFound` for an unknown one, `Unavailable` while models are loading.
pub(crate) fn find(app: &App, model: &str, version: &str) -> Result<Route, Error> {
    let found = app.engine.resolve(&query(model, version)?);
    found.or_else(|error| graph(app, model, version).ok_or(error))
}

/// The version of what runs the requests of a route.
pub(crate) fn version_of(route: &Route) -> &str {
    match (route.graph(), route.models().first()) {
        (None, Some(model)) => &model.spec().version,
        _ => GRAPH_VERSION,
    }
}

/// The name of a model without its version, or of a graph.
pub(crate) fn name_of(route: &Route) -> &str {
    match (route.graph(), route.models().first()) {
        (Some(graph), _) => &graph.spec().name,
        (None, Some(model)) => &model.spec().name,
        (None, None) => "",
    }
}

fn query<'a>(model: &'a str, version: &'a str) -> Result<RouteQuery<'a>, Error> {
    if model.is_empty() {
        return Err(Error::invalid("the name of the model is missing"));
    }
    Ok(RouteQuery { version: Some(version), ..RouteQuery::named(model) })
}

/// A graph that is called by the version of all graphs.
fn graph(app: &App, model: &str, version: &str) -> Option<Route> {
    if version != GRAPH_VERSION {
        return None;
    }
    let found = app.engine.resolve(&RouteQuery::named(model)).ok()?;
    found.graph().is_some().then_some(found)
}

/// The error for a version that a whole-service call does not take.
pub(crate) fn not_loaded(message: impl Into<String>) -> Error {
    Error::new(Cause::Unavailable, message)
}
