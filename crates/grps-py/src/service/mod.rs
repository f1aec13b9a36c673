//! What the server process builds from its configuration: models, graphs, the server.

pub(crate) mod callers;
pub(crate) mod command;
pub(crate) mod graph;
pub(crate) mod interface;
pub(crate) mod model;
pub(crate) mod remote;
pub(crate) mod server;
pub(crate) mod settings;
mod text_settings;
