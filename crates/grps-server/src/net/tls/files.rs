//! Reads the files of TLS and makes the configuration of rustls from them.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use rustls::{InconsistentKeys, RootCertStore, ServerConfig};

/// The application protocols, the preferred one first (RFC 7301).
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];
/// Larger files are not read: no certificate is as large.
const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;

/// The files of TLS and whom they admit.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The certificate of the service, then its intermediate ones, in PEM.
    pub cert: PathBuf,
    /// The private key, in PEM.
    pub key: PathBuf,
    /// Certificates of the authorities that sign certificates of clients; `None` asks for none.
    pub client_ca: Option<PathBuf>,
    /// Certificates of clients that their authorities have revoked, in PEM; `None` checks for none.
    pub client_crl: Option<PathBuf>,
    /// Whether a client without a certificate is refused.
    pub requires_client: bool,
}

/// When a file was written, as far as the system says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileStamp {
    device: u64,
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
}

impl TlsFiles {
    /// Reads the files.
    ///
    /// # Errors
    /// The configuration key, the file and what is wrong with it.
    pub(crate) fn load(&self) -> Result<ServerConfig, String> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let chain = certificates("cert", &self.cert)?;
        let key = private_key(&self.key)?;
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("interface.tls: {error}"))?;
        let builder = match &self.client_ca {
            None => builder.with_no_client_auth(),
            Some(path) => builder.with_client_cert_verifier(self.verifier(path, provider)?),
        };
        let mut config = builder.with_single_cert(chain, key).map_err(|error| match error {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                let (key, cert) = (self.key.display(), self.cert.display());
                format!("interface.tls.key: {key} is not the key of the certificate in {cert}")
            }
            other => format!("interface.tls.cert: {}: {other}", self.cert.display()),
        })?;
        config.alpn_protocols = PROTOCOLS.iter().map(|name| name.to_vec()).collect();
        Ok(config)
    }

    fn verifier(
        &self,
        path: &Path,
        provider: Arc<rustls::crypto::CryptoProvider>,
    ) -> Result<Arc<dyn ClientCertVerifier>, String> {
        let fault = |what: &dyn std::fmt::Display| fault("client_ca", path, &format!("{what}"));
        let mut roots = RootCertStore::empty();
        for certificate in certificates("client_ca", path)? {
            roots.add(certificate).map_err(|error| fault(&error))?;
        }
        let mut builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        if let Some(path) = &self.client_crl {
            // A list that is too old may lack what was revoked since.
            builder = builder.with_crls(revoked(path)?).enforce_revocation_expiration();
        }
        let builder = if self.requires_client { builder } else { builder.allow_unauthenticated() };
        builder.build().map_err(|error| match (error, &self.client_crl) {
            (error @ VerifierBuilderError::InvalidCrl(_), Some(path)) => {
                self::fault("client_crl", path, &error.to_string())
            }
            (error, _) => fault(&error),
        })
    }

    /// When each of the files was written.
    pub(crate) fn stamps(&self) -> Vec<Option<FileStamp>> {
        let clients = [self.client_ca.as_ref(), self.client_crl.as_ref()];
        let files = [Some(&self.cert), Some(&self.key)].into_iter().chain(clients);
        files.flatten().map(|path| stamp(path)).collect()
    }
}

fn stamp(path: &Path) -> Option<FileStamp> {
    let metadata = fs::metadata(path).ok()?;
    Some(FileStamp {
        device: metadata.dev(),
        inode: metadata.ino(),
        bytes: metadata.len(),
        modified: (metadata.mtime(), metadata.mtime_nsec()),
    })
}

fn certificates(key: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let text = read(key, path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let found = found.map_err(|error| fault(key, path, &in_words(&error)))?;
    if found.is_empty() {
        return Err(fault(key, path, "has no 'BEGIN CERTIFICATE'; give a file in PEM"));
    }
    Ok(found)
}

fn revoked(path: &Path) -> Result<Vec<CertificateRevocationListDer<'static>>, String> {
    let text = read("client_crl", path)?;
    let found: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(&text).collect();
    let found = found.map_err(|error| fault("client_crl", path, &in_words(&error)))?;
    if found.is_empty() {
        return Err(fault("client_crl", path, "has no 'BEGIN X509 CRL'; give a file in PEM"));
    }
    Ok(found)
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    let text = read("key", path)?;
    let is_encrypted = |text: &[u8]| memchr::memmem::find(text, b"ENCRYPTED").is_some();
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| match error {
        pem::Error::NoItemsFound if is_encrypted(&text) => fault(
            "key",
            path,
            "is encrypted, and the service can't ask for its password; \
             decrypt it: openssl pkey -in FILE -out KEY",
        ),
        pem::Error::NoItemsFound => {
            fault("key", path, "has no 'BEGIN PRIVATE KEY'; give a file in PEM")
        }
        error => fault("key", path, &in_words(&error)),
    })
}

fn in_words(error: &pem::Error) -> String {
    match error {
        pem::Error::MissingSectionEnd { .. } => "ends within a section of PEM".to_owned(),
        pem::Error::IllegalSectionStart { .. } => "has a malformed section of PEM".to_owned(),
        other => other.to_string(),
    }
}

fn read(key: &str, path: &Path) -> Result<Vec<u8>, String> {
    let read = fs::metadata(path).and_then(|metadata| {
        if metadata.len() > MAX_FILE_BYTES {
            return Err(io::Error::other(format!("larger than {MAX_FILE_BYTES} bytes")));
        }
        fs::read(path)
    });
    read.map_err(|error| fault(key, path, &error.to_string()))
}

fn fault(key: &str, path: &Path, what: &str) -> String {
    format!("interface.tls.{key}: {}: {what}", path.display())
}
