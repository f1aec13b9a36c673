//! What is served: models, routes and what runs their calls.

pub(crate) mod call_order;
pub(crate) mod executor;
pub(crate) mod executors;
pub(crate) mod fit;
pub(crate) mod language_spec;
pub(crate) mod model;
pub(crate) mod model_spec;
pub(crate) mod native_instances;
pub(crate) mod registry;
pub(crate) mod route_query;
pub(crate) mod routes;
pub(crate) mod text_spec;
pub(crate) mod transcriber_spec;
pub(crate) mod version;
