//! Converts callers of a service from Python objects, by attribute.

use grps_server::{
    AuthSettings, CallerLimits, CallerSettings, CertificateSettings, JwtSettings, KeySettings,
    Scopes,
};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// The attributes of `grps.server.native.NativeCallers`.
#[derive(FromPyObject)]
pub(crate) struct PyCallers {
    keys: Vec<PyKey>,
    jwt: Option<PyJwt>,
    certificates: Vec<PyCertificate>,
}

/// The attributes of `grps.server.native.NativeKey`.
#[derive(FromPyObject)]
struct PyKey {
    sha256: Vec<u8>,
    caller: PyCaller,
}

/// The attributes of `grps.server.native.NativeCertificate`.
#[derive(FromPyObject)]
struct PyCertificate {
    subject: String,
    caller: PyCaller,
}

/// The attributes of `grps.server.native.NativeCaller`.
#[derive(FromPyObject)]
struct PyCaller {
    name: String,
    scopes: Vec<String>,
    max_requests_per_second: Option<f64>,
    max_requests_per_minute: Option<u64>,
    max_tokens_per_minute: Option<u64>,
    max_concurrency: Option<usize>,
}

/// The attributes of `grps.server.native.NativeJwt`.
#[derive(FromPyObject)]
struct PyJwt {
    jwks: String,
    issuer: Option<String>,
    audience: Option<String>,
    scopes_claim: String,
    default_scopes: Vec<String>,
}

impl TryFrom<PyCallers> for AuthSettings {
    type Error = PyErr;

    fn try_from(callers: PyCallers) -> PyResult<Self> {
        let keys = callers.keys.into_iter().map(KeySettings::try_from);
        let certificates = callers.certificates.into_iter().map(CertificateSettings::try_from);
        Ok(Self {
            keys: keys.collect::<PyResult<_>>()?,
            jwt: callers.jwt.map(JwtSettings::try_from).transpose()?,
            certificates: certificates.collect::<PyResult<_>>()?,
        })
    }
}

impl TryFrom<PyKey> for KeySettings {
    type Error = PyErr;

    fn try_from(key: PyKey) -> PyResult<Self> {
        let sha256 = key.sha256.try_into();
        let sha256 = sha256.map_err(|_| PyValueError::new_err("a SHA-256 has 32 bytes"))?;
        Ok(Self { sha256, caller: key.caller.try_into()? })
    }
}

impl TryFrom<PyCertificate> for CertificateSettings {
    type Error = PyErr;

    fn try_from(certificate: PyCertificate) -> PyResult<Self> {
        Ok(Self { subject: certificate.subject, caller: certificate.caller.try_into()? })
    }
}

impl TryFrom<PyCaller> for CallerSettings {
    type Error = PyErr;

    fn try_from(caller: PyCaller) -> PyResult<Self> {
        Ok(Self {
            name: caller.name,
            scopes: parse_scopes(&caller.scopes)?,
            limits: CallerLimits {
                max_requests_per_second: caller.max_requests_per_second,
                max_requests_per_minute: caller.max_requests_per_minute,
                max_tokens_per_minute: caller.max_tokens_per_minute,
                max_concurrency: caller.max_concurrency,
            },
        })
    }
}

impl TryFrom<PyJwt> for JwtSettings {
    type Error = PyErr;

    fn try_from(jwt: PyJwt) -> PyResult<Self> {
        let default_scopes = parse_scopes(&jwt.default_scopes)?;
        let PyJwt { jwks, issuer, audience, scopes_claim, .. } = jwt;
        Ok(Self { jwks, issuer, audience, scopes_claim, default_scopes })
    }
}

fn parse_scopes(names: &[String]) -> PyResult<Scopes> {
    let scopes = Scopes::from_names(names.iter().map(String::as_str));
    scopes.map_err(|error| PyValueError::new_err(error.to_string()))
}
