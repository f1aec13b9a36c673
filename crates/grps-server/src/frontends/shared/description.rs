//! What routes say of themselves in the description of the service.

use grps_core::Route;
use serde_json::Value;

/// What the description of the service says of a route. Names are those of
/// `openapi/components.json`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Description {
    /// What the route does, in one line.
    pub(crate) summary: &'static str,
    /// Whether the route is left out: it refuses all requests, or OpenAPI can't describe it.
    pub(crate) is_left_out: bool,
    /// Parameters in the query and in headers.
    pub(crate) parameters: &'static [&'static str],
    /// The body of requests by POST.
    pub(crate) takes: Option<&'static str>,
    /// The response to a request that succeeds.
    pub(crate) returns: Option<&'static str>,
    /// The response to a request that fails, where it is not the one of the front end.
    pub(crate) fails: Option<&'static str>,
    /// The bodies and responses of each model.
    pub(crate) typed: Option<TypedForms>,
}

/// Describes the bodies and responses of one model on a route. If the pattern of the route has the
/// parameter `model`, each model gets a path of its own; otherwise the route takes all of these bodies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TypedForms {
    /// The name of this kind of request, as a part of the names of schemas.
    pub(crate) kind: &'static str,
    /// Describes one model.
    pub(crate) describe: fn(&ServedModel<'_>) -> ModelForms,
}

/// A model or graph that clients can name.
#[derive(Clone, Debug)]
pub(crate) struct ServedModel<'a> {
    /// Its route.
    pub(crate) route: &'a Route,
    /// What clients may call it.
    pub(crate) names: Vec<String>,
}

/// JSON schemas of the bodies and responses of one model, and an example of a body.
#[derive(Clone, Debug)]
pub(crate) struct ModelForms {
    /// `None` when the model takes no JSON.
    pub(crate) request: Option<Value>,
    /// Whether the model takes bytes as they are.
    pub(crate) takes_bytes: bool,
    pub(crate) response: Value,
    /// `None` when the signature does not allow to make a short one.
    pub(crate) example: Option<Value>,
}
