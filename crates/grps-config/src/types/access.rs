//! The section `auth`, and files with keys.

use serde::Deserialize;

/// Who may call.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthConfig {
    /// API keys.
    pub keys: Vec<KeyConfig>,
    /// A file with more keys.
    pub keys_file: Option<String>,
    /// JSON web tokens.
    pub jwt: Option<JwtConfig>,
    /// Client certificates.
    pub certificates: Vec<CertificateConfig>,
}

/// An API key.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyConfig {
    /// The name of its caller.
    pub name: String,
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// More get status 429.
    pub max_requests_per_second: Option<f64>,
    /// Requests in a minute.
    pub max_requests_per_minute: Option<u64>,
    /// Tokens of language models in a minute.
    pub max_tokens_per_minute: Option<u64>,
    /// Requests at once.
    pub max_concurrency: Option<usize>,
}

/// The whole of a file with keys.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeysFile {
    /// API keys.
    pub keys: Vec<KeyConfig>,
}

/// A client certificate that the service knows.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertificateConfig {
    /// The verified subject.
    pub subject: String,
    /// The name of its caller.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// More get status 429.
    pub max_requests_per_second: Option<f64>,
    /// Requests in a minute.
    pub max_requests_per_minute: Option<u64>,
    /// Tokens of language models in a minute.
    pub max_tokens_per_minute: Option<u64>,
    /// Requests at once.
    pub max_concurrency: Option<usize>,
}

/// JSON web tokens.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JwtConfig {
    /// The public keys.
    pub jwks_file: String,
    /// The required `iss`.
    pub issuer: Option<String>,
    /// The required `aud`.
    pub audience: Option<String>,
    /// The claim with the scopes.
    pub scopes_claim: String,
    /// The scopes of tokens without that claim.
    pub default_scopes: Vec<Scope>,
}

/// What a caller may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Run models.
    Infer,
    /// Read metadata and metrics.
    Read,
    /// Change the service.
    Admin,
}

impl Scope {
    /// Its name in the files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Infer => "infer",
            Self::Read => "read",
            Self::Admin => "admin",
        }
    }
}
