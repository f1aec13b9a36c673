//! What is known of a request when its route is chosen.

use std::fmt;

/// Looks an attribute of a request up, such as a header, by its lower-case name.
type Attributes<'a> = &'a dyn Fn(&str) -> Option<&'a str>;

/// What is known of a request when its route is chosen, once. Weights, canaries and shadows can be
/// decided by it.
#[derive(Clone, Copy)]
pub struct RouteQuery<'a> {
    /// `name-version`, a bare name, or "" for the default graph.
    pub model: &'a str,
    /// The version of a model that `model` names without one.
    pub version: Option<&'a str>,
    /// Everything else that the request says of itself.
    pub attributes: Attributes<'a>,
}

impl<'a> RouteQuery<'a> {
    /// A query by name alone.
    pub fn named(model: &'a str) -> Self {
        Self { model, version: None, attributes: &|_| None }
    }
}

impl fmt::Debug for RouteQuery<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { model, version, .. } = self;
        f.debug_struct("RouteQuery").field("model", model).field("version", version).finish()
    }
}
