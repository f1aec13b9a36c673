//! Settings of authentication.

use crate::auth::scopes::Scopes;

/// Who may call the service. Without it every client may infer and read.
#[derive(Clone, Debug, Default)]
pub struct AuthSettings {
    /// The API keys.
    pub keys: Vec<KeySettings>,
    /// JSON web tokens; `None` accepts none.
    pub jwt: Option<JwtSettings>,
    /// Names of client certificates.
    pub certificates: Vec<CertificateSettings>,
}

/// An API key.
#[derive(Clone, Debug)]
pub struct KeySettings {
    /// SHA-256 of the key.
    pub sha256: [u8; 32],
    /// Whose key it is and what it permits.
    pub caller: CallerSettings,
}

/// A client certificate.
#[derive(Clone, Debug)]
pub struct CertificateSettings {
    /// The subject that the transport has verified.
    pub subject: String,
    /// Whose certificate it is and what it permits.
    pub caller: CallerSettings,
}

/// What a caller may do.
#[derive(Clone, Debug)]
pub struct CallerSettings {
    /// The name in logs and errors.
    pub name: String,
    /// The scopes.
    pub scopes: Scopes,
    /// How much of it.
    pub limits: CallerLimits,
}

/// How much a caller may do; `None` for no limit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CallerLimits {
    /// Maximum requests in a second, with bursts of as many.
    pub max_requests_per_second: Option<f64>,
    /// Maximum requests in a minute, with bursts of as many.
    pub max_requests_per_minute: Option<u64>,
    /// Maximum tokens of language models in a minute: those of prompts and the generated ones.
    pub max_tokens_per_minute: Option<u64>,
    /// Maximum requests at once.
    pub max_concurrency: Option<usize>,
}

impl CallerLimits {
    /// Whether there is one in a minute.
    pub(crate) fn are_in_a_minute(&self) -> bool {
        self.max_requests_per_minute.is_some() || self.max_tokens_per_minute.is_some()
    }
}

/// How JSON web tokens are verified.
#[derive(Clone, Debug)]
pub struct JwtSettings {
    /// The text of the set of public keys.
    pub jwks: String,
    /// The required issuer.
    pub issuer: Option<String>,
    /// The required audience.
    pub audience: Option<String>,
    /// The claim that lists the scopes.
    pub scopes_claim: String,
    /// The scopes of a token without that claim.
    pub default_scopes: Scopes,
}
