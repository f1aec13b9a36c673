//! What a front end knows of a request when its route is chosen.

use std::fmt;

/// Looks an attribute of a request up by its lower-case name, such as the name of an HTTP header or
/// of gRPC metadata.
pub type Attributes<'a> = &'a (dyn Fn(&str) -> Option<&'a str> + Sync);

/// What a front end knows of a request when [`Engine::resolve`](crate::Engine::resolve) chooses its
/// route. It borrows from the request, so that a front end makes it without an allocation.
#[derive(Clone, Copy)]
pub struct RouteQuery<'a> {
    /// A model by `name-version` or bare name, or a graph; "" for the default graph.
    pub model: &'a str,
    /// The version of the model, when the client names it apart; `model` is then a bare name.
    pub version: Option<&'a str>,
    /// The attributes of the request.
    pub attributes: Attributes<'a>,
    /// The place of the request among all, from 0 up to 1, where several versions share the requests
    /// for a name; `None` for what is no request of a client.
    pub draw: Option<f64>,
}

impl<'a> RouteQuery<'a> {
    /// A query of which only the name is known.
    pub fn named(model: &'a str) -> Self {
        Self { model, version: None, attributes: &|_| None, draw: None }
    }
}

impl fmt::Debug for RouteQuery<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { model, version, attributes: _, draw } = self;
        f.debug_struct("RouteQuery")
            .field("model", model)
            .field("version", version)
            .field("draw", draw)
            .finish_non_exhaustive()
    }
}
