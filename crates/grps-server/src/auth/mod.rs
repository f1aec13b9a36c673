//! Who calls: API keys, JSON web tokens and client certificates, each with a name, scopes and limits.

pub(crate) mod authenticator;
pub(crate) mod identity;
mod jwt;
mod limiter;
pub(crate) mod scopes;
pub(crate) mod settings;
mod signatures;
