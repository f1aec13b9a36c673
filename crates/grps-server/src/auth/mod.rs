//! Who calls: API keys, JSON web tokens and client certificates, each with a name, scopes and limits.

pub(crate) mod authenticator;
pub(crate) mod caller_stats;
pub(crate) mod identity;
mod jwt;
pub(crate) mod limiter;
pub(crate) mod minute_limit;
pub(crate) mod scopes;
pub(crate) mod settings;
mod signatures;
