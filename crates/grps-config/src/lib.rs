//! `inference.yml` and `server.yml` without Python.
//!
//! The schema is the one of the Python package (`schema.json`, which `make generate` writes), and
//! the rules that tie several keys together are the same. A test compares both readers.

mod checks;
mod document;
mod error;
mod graphs;
mod loader;
mod native;
mod ports;
mod reader;
mod routes;
mod scalar;
mod schema;
mod shown;
mod suggest;
mod text;
pub mod types;
mod upstream_cpp;

pub use error::ConfigError;
pub use graphs::{Condition, Graph, Input, Node, Source};
pub use loader::{Description, Loaded, Loader, check_all_keys, plan, read_text};
pub use native::{NATIVE_ENGINES, python_need};
pub use ports::parse_ports;
pub use upstream_cpp::{hosted, is_upstream_cpp};
