//! TLS to endpoints: their certificates are verified, and this service shows its own if it has one.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};

use crate::settings::TlsSettings;

/// Larger files are not read: no certificate is as large.
const MAX_FILE_BYTES: u64 = 4 << 20;

/// Reads the files of TLS. They are read for each connection, so that a renewed certificate is used
/// without a restart.
///
/// # Errors
/// The key of the configuration, the file and what is wrong with it.
pub(crate) fn load(settings: &TlsSettings, protocol: &[u8]) -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates("ca", &settings.ca)? {
        roots.add(certificate).map_err(|error| fault("ca", &settings.ca, &error))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("tls: {error}"))?
        .with_root_certificates(roots);
    let mut config = match (&settings.certificate, &settings.key) {
        (Some(path), Some(key)) => {
            let chain = certificates("certificate", path)?;
            let own_key = PrivateKeyDer::from_pem_slice(&read("key", key)?);
            let own_key = own_key.map_err(|error| fault("key", key, &error))?;
            let authenticated = builder.with_client_auth_cert(chain, own_key);
            authenticated.map_err(|error| fault("certificate", path, &error))?
        }
        _ => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![protocol.to_vec()];
    Ok(Arc::new(config))
}

/// The name that the certificate of an endpoint must have.
///
/// # Errors
/// It is no name and no address.
pub(crate) fn server_name(
    settings: &TlsSettings,
    address: &str,
) -> Result<ServerName<'static>, String> {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let name = settings.server_name.as_deref().unwrap_or(host).to_owned();
    let invalid = format!("tls: '{name}' is no name that a certificate can have");
    ServerName::try_from(name).map_err(|_| invalid)
}

fn certificates(key: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let text = read(key, path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let found = found.map_err(|error| fault(key, path, &error))?;
    if found.is_empty() {
        return Err(fault(key, path, &"has no 'BEGIN CERTIFICATE'; give a file in PEM"));
    }
    Ok(found)
}

fn read(key: &str, path: &Path) -> Result<Vec<u8>, String> {
    let length = fs::metadata(path).map_err(|error| fault(key, path, &error))?.len();
    if length > MAX_FILE_BYTES {
        return Err(fault(key, path, &format!("larger than {MAX_FILE_BYTES} bytes")));
    }
    fs::read(path).map_err(|error| fault(key, path, &error))
}

fn fault(key: &str, path: &Path, what: &dyn std::fmt::Display) -> String {
    format!("tls.{key}: {}: {what}", path.display())
}
