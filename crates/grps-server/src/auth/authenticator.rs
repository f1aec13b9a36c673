//! Recognises callers by their key, token or certificate.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use grps_core::{Cause, Error};
use parking_lot::{Mutex, RwLock};
use ring::digest::{SHA256, digest};
use subtle::ConstantTimeEq;

use crate::auth::caller_stats::CallerStats;
use crate::auth::identity::Identity;
use crate::auth::jwt::TokenVerifier;
use crate::auth::scopes::Scopes;
use crate::auth::settings::{AuthSettings, CallerSettings};

/// Maximum length of a key.
const MAX_KEY_BYTES: usize = 4096;

/// Recognises callers. The set of them can be replaced while the service runs.
pub(crate) struct Authenticator {
    /// `None` when every client may infer and read.
    callers: RwLock<Option<Arc<Callers>>>,
    /// What is counted of the callers with limits in a minute, by their names.
    stats: Mutex<BTreeMap<String, Arc<CallerStats>>>,
    /// The admin token, which permits everything.
    admin: Option<(String, Arc<Identity>)>,
}

/// The callers of a service.
struct Callers {
    /// By the SHA-256 of their key.
    keys: HashMap<[u8; 32], Arc<Identity>>,
    /// By the subject of their certificate.
    certificates: HashMap<String, Arc<Identity>>,
    tokens: Option<TokenVerifier>,
}

impl Authenticator {
    /// Creates one for a service with an admin token, whose callers are set later.
    pub(crate) fn new(admin_token: Option<String>) -> Self {
        let admin = Arc::new(Identity::unlimited("admin token", Scopes::ALL));
        let admin = admin_token.map(|token| (token, admin));
        Self { callers: RwLock::new(None), stats: Mutex::default(), admin }
    }

    /// Replaces the callers. One whose key and limits stay the same starts with fresh limits, and is
    /// counted as before.
    ///
    /// # Errors
    /// `InvalidArgument` when the public keys can't be used; the callers stay as they were.
    pub(crate) fn set_callers(&self, settings: &AuthSettings) -> Result<(), Error> {
        let tokens = settings.jwt.as_ref().map(TokenVerifier::new).transpose()?;
        let mut stats = BTreeMap::new();
        let mut identity = |caller: &CallerSettings| {
            let known = || self.stats.lock().get(&caller.name).cloned().unwrap_or_default();
            let own = match caller.limits.are_in_a_minute() {
                true => Arc::clone(stats.entry(caller.name.clone()).or_insert_with(known)),
                false => Arc::default(),
            };
            Arc::new(Identity::new(caller, own))
        };
        let keys = settings.keys.iter();
        let keys = keys.map(|key| (key.sha256, identity(&key.caller))).collect();
        let certificates = settings.certificates.iter();
        let certificates =
            certificates.map(|own| (own.subject.clone(), identity(&own.caller))).collect();
        let callers = Callers { keys, certificates, tokens };
        *self.stats.lock() = stats;
        *self.callers.write() = Some(Arc::new(callers));
        Ok(())
    }

    /// What is counted of the callers with limits in a minute, by their names. Others are not shown:
    /// who reads the metrics need not know who calls.
    pub(crate) fn stats(&self) -> BTreeMap<String, Arc<CallerStats>> {
        self.stats.lock().clone()
    }

    /// Whether only recognised callers may infer and read.
    pub(crate) fn is_required(&self) -> bool {
        self.callers.read().is_some()
    }

    /// Whether some callers are known by their client certificates.
    pub(crate) fn knows_certificates(&self) -> bool {
        self.callers.read().as_ref().is_some_and(|callers| !callers.certificates.is_empty())
    }

    /// Whether the service has an admin token.
    pub(crate) fn has_admin_token(&self) -> bool {
        self.admin.is_some()
    }

    /// Whether this is the admin token of the service.
    pub(crate) fn is_admin_token(&self, token: Option<&str>) -> bool {
        token.is_some_and(|token| self.admin(token).is_some())
    }

    /// The caller with this token, or with this certificate where it sends no token.
    ///
    /// # Errors
    /// `Unauthenticated` with what to send.
    pub(crate) fn identify(
        &self,
        token: Option<&str>,
        certificate: Option<&str>,
    ) -> Result<Arc<Identity>, Error> {
        let callers = self.callers.read().clone();
        let Some(token) = token else {
            let callers = callers.as_deref();
            let known = certificate.and_then(|subject| callers?.certificates.get(subject));
            return known.cloned().ok_or_else(|| missing(certificate));
        };
        if let Some(admin) = self.admin(token) {
            return Ok(admin);
        }
        let Some(callers) = callers else { return Err(unauthenticated("the token is wrong")) };
        if let Some(identity) = callers.of_key(token) {
            return Ok(identity);
        }
        match &callers.tokens {
            Some(verifier) if TokenVerifier::has_form_of_token(token) => {
                let identified = verifier.identify(token).map(Arc::new);
                identified.map_err(|reason| unauthenticated(&reason))
            }
            _ => Err(unauthenticated("the key is not known")),
        }
    }

    /// The admin, if this is the admin token. The time does not depend on where they differ.
    fn admin(&self, token: &str) -> Option<Arc<Identity>> {
        let (expected, admin) = self.admin.as_ref()?;
        let is_equal: bool = token.as_bytes().ct_eq(expected.as_bytes()).into();
        is_equal.then(|| Arc::clone(admin))
    }
}

impl Callers {
    /// The caller of a key. Only its digest is compared, which tells nothing of other keys. The empty
    /// key is nobody's, even if its digest is listed.
    fn of_key(&self, key: &str) -> Option<Arc<Identity>> {
        if key.is_empty() || key.len() > MAX_KEY_BYTES {
            return None;
        }
        self.keys.get(digest(&SHA256, key.as_bytes()).as_ref()).cloned()
    }
}

fn missing(certificate: Option<&str>) -> Error {
    match certificate {
        Some(_) => unauthenticated("the client certificate is not listed in auth.certificates"),
        None => unauthenticated("send a key as 'Authorization: Bearer KEY' or 'X-API-Key: KEY'"),
    }
}

fn unauthenticated(message: &str) -> Error {
    Error::new(Cause::Unauthenticated, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::settings::{CallerLimits, CertificateSettings, KeySettings};

    fn caller(name: &str, scopes: Scopes) -> CallerSettings {
        CallerSettings { name: name.to_owned(), scopes, limits: CallerLimits::default() }
    }

    fn authenticator() -> Authenticator {
        let authenticator = Authenticator::new(Some("root".to_owned()));
        let sha256 = digest(&SHA256, b"secret").as_ref().try_into().unwrap();
        let settings = AuthSettings {
            keys: vec![KeySettings { sha256, caller: caller("team", Scopes::INFER) }],
            jwt: None,
            certificates: vec![CertificateSettings {
                subject: "CN=robot".to_owned(),
                caller: caller("robot", Scopes::READ),
            }],
        };
        authenticator.set_callers(&settings).unwrap();
        authenticator
    }

    #[test]
    fn a_caller_is_recognised_by_key_or_certificate() {
        let authenticator = authenticator();
        let name = |token, certificate| {
            authenticator.identify(token, certificate).map(|identity| identity.name.to_string())
        };
        assert_eq!(name(Some("secret"), None).unwrap(), "team");
        assert_eq!(name(Some("root"), None).unwrap(), "admin token");
        assert_eq!(name(None, Some("CN=robot")).unwrap(), "robot");
        // A key that is sent counts, so that a wrong one is noticed.
        for (token, certificate) in [
            (Some("Secret"), None),
            (Some(""), None),
            (Some("wrong"), Some("CN=robot")),
            (None, Some("CN=other")),
            (None, None),
            (Some("a.b.c"), None),
        ] {
            let error = name(token, certificate).unwrap_err();
            assert_eq!(error.cause(), Cause::Unauthenticated);
        }
    }

    #[test]
    fn keys_have_a_maximum_length() {
        let authenticator = authenticator();
        let longest = "k".repeat(MAX_KEY_BYTES);
        let sha256 = digest(&SHA256, longest.as_bytes()).as_ref().try_into().unwrap();
        let keys = vec![KeySettings { sha256, caller: caller("long", Scopes::ALL) }];
        let settings = AuthSettings { keys, ..AuthSettings::default() };
        authenticator.set_callers(&settings).unwrap();
        assert!(authenticator.identify(Some(&longest), None).is_ok());
        assert!(authenticator.identify(Some(&format!("{longest}k")), None).is_err());
    }

    #[test]
    fn the_empty_key_is_nobodys() {
        let authenticator = authenticator();
        let sha256 = digest(&SHA256, b"").as_ref().try_into().unwrap();
        let keys = vec![KeySettings { sha256, caller: caller("empty", Scopes::ALL) }];
        let settings = AuthSettings { keys, ..AuthSettings::default() };
        authenticator.set_callers(&settings).unwrap();
        assert!(authenticator.identify(Some(""), None).is_err());
    }

    #[test]
    fn callers_that_stay_are_counted_as_before() {
        let authenticator = authenticator();
        for (key, tokens) in [("one", 3), ("other", 4)] {
            let limits =
                CallerLimits { max_tokens_per_minute: Some(10), ..CallerLimits::default() };
            let keys =
                [(key, limits), ("no limits", CallerLimits::default())].map(|(key, limits)| {
                    let sha256 = digest(&SHA256, key.as_bytes()).as_ref().try_into().unwrap();
                    let name = if key == "no limits" { key } else { "team" };
                    KeySettings {
                        sha256,
                        caller: CallerSettings { limits, ..caller(name, Scopes::INFER) },
                    }
                });
            let settings = AuthSettings { keys: keys.into(), ..AuthSettings::default() };
            authenticator.set_callers(&settings).unwrap();
            authenticator.identify(Some(key), None).unwrap().take_prompt(tokens).unwrap();
        }
        let stats = authenticator.stats();
        let counted: Vec<_> = stats.iter().map(|(name, own)| (name, own.prompt_tokens())).collect();
        assert_eq!(counted, [(&"team".to_owned(), 7)]);
    }

    #[test]
    fn replaced_callers_are_unknown() {
        let authenticator = authenticator();
        authenticator.set_callers(&AuthSettings::default()).unwrap();
        assert!(authenticator.identify(Some("secret"), None).is_err());
        assert!(authenticator.identify(None, Some("CN=robot")).is_err());
        assert!(authenticator.identify(Some("root"), None).is_ok());
    }
}
