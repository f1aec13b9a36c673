//! Converts the settings of the ways into a service from Python objects, by attribute.

use std::path::PathBuf;

use grps_server::{CompressionSettings, Cors, CorsRules, InterfaceSettings, Tls, TlsFiles};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// The attributes of `grps.server.native.NativeInterface`.
#[derive(FromPyObject)]
pub(crate) struct PyInterface {
    tls: Option<PyTls>,
    proxies: Vec<String>,
    cors: Option<PyCors>,
    compress_http: bool,
    compress_grpc: bool,
    compress_min_bytes: usize,
    hosts: Vec<String>,
}

/// The attributes of `grps.server.native.NativeTls`.
#[derive(FromPyObject)]
struct PyTls {
    cert: PathBuf,
    key: PathBuf,
    client_ca: Option<PathBuf>,
    client_crl: Option<PathBuf>,
    requires_client: bool,
}

/// The attributes of `grps.server.native.NativeCors`.
#[derive(FromPyObject)]
struct PyCors {
    origins: Vec<String>,
    credentials: bool,
    headers: Vec<String>,
    expose: Vec<String>,
    max_age_s: u32,
}

impl TryFrom<PyInterface> for InterfaceSettings {
    type Error = PyErr;

    fn try_from(settings: PyInterface) -> PyResult<Self> {
        let tls = settings.tls.map(|tls| {
            let PyTls { cert, key, client_ca, client_crl, requires_client } = tls;
            Tls::load(TlsFiles { cert, key, client_ca, client_crl, requires_client })
        });
        let proxies = settings.proxies.iter().map(|network| {
            network.parse().map_err(|error| format!("interface.proxy_protocol.trusted: {error}"))
        });
        let cors = settings.cors.map(|cors| {
            let PyCors { origins, credentials, headers, expose, max_age_s } = cors;
            Cors::try_from(CorsRules { origins, credentials, headers, expose, max_age_s })
        });
        Ok(Self {
            tls: tls.transpose().map_err(PyValueError::new_err)?,
            proxies: proxies.collect::<Result<_, _>>().map_err(PyValueError::new_err)?,
            cors: cors.transpose().map_err(PyValueError::new_err)?,
            compression: CompressionSettings {
                http: settings.compress_http,
                grpc: settings.compress_grpc,
                min_bytes: settings.compress_min_bytes,
            },
            hosts: settings.hosts,
        })
    }
}
