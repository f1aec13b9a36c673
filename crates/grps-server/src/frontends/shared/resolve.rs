//! Choosing the route of a request that came with HTTP headers or gRPC metadata.

use grps_core::{Error, Route, RouteQuery};
use http::HeaderMap;

use crate::call::call::Call;

/// The route of the model with this name, by all that the request says of itself.
///
/// # Errors
/// As [`Call::resolve`].
pub(crate) fn resolve(call: &Call, model: &str, headers: &HeaderMap) -> Result<Route, Error> {
    let attributes = &|name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    call.resolve(&RouteQuery { attributes, ..RouteQuery::named(model) })
}
