//! What is served: models, routes and what runs their calls.

pub(crate) mod model;
pub(crate) mod native;
pub(crate) mod registry;
pub(crate) mod route_query;
pub(crate) mod routes;
