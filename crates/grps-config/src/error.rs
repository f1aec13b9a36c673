//! Why a configuration is not taken.

/// The text says where and which rule, as the Python reader says it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The file breaks a rule.
    #[error("{0}")]
    Invalid(String),
    /// Only the Python reader can tell what the file means.
    #[error("{0}; needs Python")]
    NeedsPython(String),
}
