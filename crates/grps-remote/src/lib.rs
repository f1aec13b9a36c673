//! Models that run in other services.
//!
//! [`Services`] are those of the configuration. Each finds its endpoints by a source, keeps
//! connections to them, and ejects those that do not answer. A [`RemoteExecutor`] runs the calls of a
//! model there: by `GrpsService` over HTTP/2, with raw tensors.

mod executor;
#[cfg(test)]
mod fake;
mod run;
mod service;
mod services;
mod settings;
mod sources;
mod transport;

pub use executor::RemoteExecutor;
pub use services::Services;
pub use settings::{ServiceSettings, SourceKind, SourceSettings, TlsSettings};
