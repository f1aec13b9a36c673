//! Selects the route of a request by its model name and its headers or gRPC metadata.

use grps_core::{Error, Route, RouteQuery};
use http::HeaderMap;

use crate::call::call::Call;

/// Selects the route of a model by its name and the headers of the request.
///
/// # Errors
/// See [`Call::resolve`].
pub(crate) fn resolve(call: &Call, model: &str, headers: &HeaderMap) -> Result<Route, Error> {
    let attributes = &|name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    call.resolve(&RouteQuery { attributes, ..RouteQuery::named(model) })
}

/// As [`resolve`], for a route that the request may not take in the end.
///
/// # Errors
/// See [`Call::resolve`].
pub(crate) fn find_route(call: &Call, model: &str, headers: &HeaderMap) -> Result<Route, Error> {
    let attributes = &|name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    call.find_route(&RouteQuery { attributes, ..RouteQuery::named(model) })
}
