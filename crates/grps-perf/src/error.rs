//! Why a run can't begin.

use std::io;

/// A plan that can't be carried out.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// A field has a value that it can't have.
    #[error("{0}")]
    Invalid(String),
    /// The name of the host has no address.
    #[error("{host}: {error}")]
    Host {
        /// The name.
        host: String,
        /// What the resolver says.
        error: io::Error,
    },
    /// The certificates of the authorities can't be read.
    #[error("certificates of the authorities: {0}")]
    Certificates(String),
    /// The system refuses a thread or a timer.
    #[error("can't start the load generator: {0}")]
    System(#[from] io::Error),
}

impl PlanError {
    /// An invalid field.
    pub(crate) fn invalid(text: impl Into<String>) -> Self {
        Self::Invalid(text.into())
    }
}
