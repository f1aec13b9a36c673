//! JSON web tokens: verified by public keys, with the scopes in one of their claims.

use grps_core::Error;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, JwkSet};
use jsonwebtoken::{AlgorithmFamily, DecodingKey, Validation, decode, decode_header};
use serde_json::{Map, Value};

use crate::auth::identity::Identity;
use crate::auth::scopes::Scopes;
use crate::auth::settings::JwtSettings;
use crate::auth::signatures;

/// Difference of clocks that is tolerated, in seconds.
const LEEWAY_S: u64 = 30;
/// Maximum number of public keys.
const MAX_KEYS: usize = 256;
/// Maximum length of a token.
const MAX_TOKEN_BYTES: usize = 16 * 1024;
/// Prefix that a scope in a token may have, so that one token can serve several systems.
const PREFIX: &str = "grps:";
/// Maximum length of a name that is kept.
const MAX_NAME_CHARS: usize = 128;

/// Verifies tokens.
pub(super) struct TokenVerifier {
    keys: Vec<PublicKey>,
    scopes_claim: String,
    default_scopes: Scopes,
}

/// A public key with what a token has to fulfil.
struct PublicKey {
    id: Option<String>,
    key: DecodingKey,
    validation: Validation,
}

impl TokenVerifier {
    /// Reads the set of public keys.
    ///
    /// # Errors
    /// `InvalidArgument` when it is no set of keys, has too many, or none that can be used.
    pub(super) fn new(settings: &JwtSettings) -> Result<Self, Error> {
        signatures::install();
        let set: JwkSet = serde_json::from_str(&settings.jwks)
            .map_err(|error| Error::invalid(format!("it is no set of JSON web keys: {error}")))?;
        if set.keys.len() > MAX_KEYS {
            let count = set.keys.len();
            return Err(Error::invalid(format!(
                "it has {count} keys; at most {MAX_KEYS} are used"
            )));
        }
        let keys: Vec<_> =
            set.keys.iter().filter_map(|key| PublicKey::new(key, settings)).collect();
        if keys.is_empty() {
            let text = "it has no public key of RSA, EC (P-256, P-384) or Ed25519 for signatures";
            return Err(Error::invalid(text));
        }
        let scopes_claim = settings.scopes_claim.clone();
        Ok(Self { keys, scopes_claim, default_scopes: settings.default_scopes })
    }

    /// Whether a text has the form of a token.
    pub(super) fn has_form_of_token(text: &str) -> bool {
        text.bytes().filter(|byte| *byte == b'.').count() == 2
    }

    /// The caller of a token.
    ///
    /// # Errors
    /// Why the token is refused, for the client.
    pub(super) fn identify(&self, token: &str) -> Result<Identity, String> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(format!("the token is longer than {MAX_TOKEN_BYTES} bytes"));
        }
        let header = decode_header(token).map_err(|error| describe(&error))?;
        if header.crit.is_some() {
            return Err("the token has extensions ('crit') that are not supported".to_owned());
        }
        let family = |key: &PublicKey| key.validation.algorithms.contains(&header.alg);
        let named = |key: &PublicKey| header.kid.is_none() || key.id == header.kid;
        let mut refusal = "no public key of the service fits the token".to_owned();
        for key in self.keys.iter().filter(|key| family(key) && named(key)) {
            match decode::<Map<String, Value>>(token, &key.key, &key.validation) {
                Ok(token) => return Ok(self.caller(&token.claims)),
                Err(error) => refusal = describe(&error),
            }
        }
        Err(refusal)
    }

    fn caller(&self, claims: &Map<String, Value>) -> Identity {
        let scopes = claims.get(&self.scopes_claim).map_or(self.default_scopes, read_scopes);
        let subject =
            ["sub", "client_id", "azp"].iter().find_map(|name| claims.get(*name)?.as_str());
        let name: String = subject.unwrap_or_default().chars().take(MAX_NAME_CHARS).collect();
        // The issuer chooses it: it must not look like the name of a key.
        Identity::unlimited(format!("jwt:{}", name.escape_debug()), scopes)
    }
}

impl PublicKey {
    /// A key for signatures; `None` for one of another kind.
    fn new(jwk: &Jwk, settings: &JwtSettings) -> Option<Self> {
        if matches!(jwk.algorithm, AlgorithmParameters::OctetKey(_)) {
            return None;
        }
        let key = DecodingKey::from_jwk(jwk).ok()?;
        let own = jwk.common.key_algorithm.map(|algorithm| algorithm.to_string().parse());
        let mut validation = match own {
            Some(algorithm) => Validation::new(algorithm.ok()?),
            None => Validation::new_for_family(key.family()),
        };
        if key.family() == AlgorithmFamily::Hmac {
            return None;
        }
        validation.leeway = LEEWAY_S;
        validation.validate_nbf = true;
        let mut required = vec!["exp"];
        if let Some(issuer) = &settings.issuer {
            validation.set_issuer(&[issuer]);
            required.push("iss");
        }
        match &settings.audience {
            Some(audience) => {
                validation.set_audience(&[audience]);
                required.push("aud");
            }
            None => validation.validate_aud = false,
        }
        validation.set_required_spec_claims(&required);
        Some(Self { id: jwk.common.key_id.clone(), key, validation })
    }
}

/// The scopes in a claim: names with spaces between them, or a list. Other names are of other systems.
fn read_scopes(claim: &Value) -> Scopes {
    let of = |names: &str| {
        let names = names.split_ascii_whitespace();
        let scopes =
            names.filter_map(|name| Scopes::from_name(name.strip_prefix(PREFIX).unwrap_or(name)));
        scopes.fold(Scopes::NONE, Scopes::with)
    };
    match claim {
        Value::String(names) => of(names),
        Value::Array(names) => {
            names.iter().filter_map(Value::as_str).map(of).fold(Scopes::NONE, Scopes::with)
        }
        _ => Scopes::NONE,
    }
}

/// The reason of a refusal, which says nothing of what the token contains.
fn describe(error: &jsonwebtoken::errors::Error) -> String {
    use jsonwebtoken::errors::ErrorKind;
    match error.kind() {
        ErrorKind::ExpiredSignature => "the token has expired".to_owned(),
        ErrorKind::ImmatureSignature => "the token is not valid yet".to_owned(),
        ErrorKind::InvalidIssuer => "the issuer of the token is another one".to_owned(),
        ErrorKind::InvalidAudience => "the token is for another audience".to_owned(),
        ErrorKind::InvalidSignature => "the signature of the token is wrong".to_owned(),
        ErrorKind::MissingRequiredClaim(claim) => format!("the token lacks the claim '{claim}'"),
        _ => "the token is malformed".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_names_or_a_list() {
        let read = |text: &str| read_scopes(&serde_json::from_str(text).unwrap());
        assert_eq!(read(r#""openid infer""#), Scopes::INFER);
        assert_eq!(read(r#""grps:infer grps:admin""#), Scopes::INFER.with(Scopes::ADMIN));
        assert_eq!(read(r#"["read", "write", 1]"#), Scopes::READ);
        for none in ["\"\"", "[]", "null", "1", "true", "{}", "\"inferer\"", "\"INFER\""] {
            assert_eq!(read(none), Scopes::NONE, "{none}");
        }
    }

    fn settings(jwks: &str) -> JwtSettings {
        JwtSettings {
            jwks: jwks.to_owned(),
            issuer: None,
            audience: None,
            scopes_claim: "scope".to_owned(),
            default_scopes: Scopes::NONE,
        }
    }

    #[test]
    fn shared_secrets_are_no_public_keys() {
        for jwks in [
            r#"{"keys": []}"#,
            r#"{"keys": [{"kty": "oct", "alg": "HS256", "k": "c2VjcmV0"}]}"#,
            r#"{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}"#,
            "{}",
            "[]",
            "",
        ] {
            assert!(TokenVerifier::new(&settings(jwks)).is_err(), "{jwks}");
        }
    }
}
