//! Opens connections: TCP, with TLS or without.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::pin::Pin;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::error::PlanError;
use crate::exchange::failure::{Class, Failure};
use crate::plan::{Protocol, Target, Tls};

/// What bytes go over.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send {}

impl<T: AsyncRead + AsyncWrite + Send> Duplex for T {}

/// An open connection of any kind.
pub(crate) type Socket = Pin<Box<dyn Duplex>>;

/// Where connections lead: the name is resolved once, when a run begins.
#[derive(Clone)]
pub(crate) struct Place {
    addresses: Vec<SocketAddr>,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl Place {
    /// Resolves the host and reads the certificates.
    ///
    /// # Errors
    ///
    /// Either can't be done.
    pub(crate) fn new(target: &Target, protocol: Protocol) -> Result<Self, PlanError> {
        let Target { host, port, tls } = target;
        let found = (&**host, *port).to_socket_addrs();
        let addresses: Vec<SocketAddr> =
            found.map_err(|error| PlanError::Host { host: host.clone(), error })?.collect();
        if addresses.is_empty() {
            return Err(PlanError::invalid(format!("{host} has no address")));
        }
        let tls = tls.as_ref().map(|tls| connector(tls, host, protocol)).transpose()?;
        Ok(Self { addresses, tls })
    }

    /// Opens a connection.
    ///
    /// # Errors
    ///
    /// The system or the server refuses it.
    pub(crate) async fn connect(&self) -> Result<Socket, Failure> {
        let stream = TcpStream::connect(&*self.addresses).await.map_err(|error| refused(&error))?;
        stream.set_nodelay(true).map_err(|error| refused(&error))?;
        let Some((connector, name)) = &self.tls else { return Ok(Box::pin(stream)) };
        let stream = connector.connect(name.clone(), stream).await;
        Ok(Box::pin(stream.map_err(|error| refused(&error))?))
    }
}

fn refused(error: &io::Error) -> Failure {
    Failure::new(Class::Connect, error.to_string())
}

fn connector(
    tls: &Tls,
    host: &str,
    protocol: Protocol,
) -> Result<(TlsConnector, ServerName<'static>), PlanError> {
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_slice_iter(tls.ca_pem.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| PlanError::Certificates(error.to_string()))?;
    let (added, _) = roots.add_parsable_certificates(certificates);
    if added == 0 {
        return Err(PlanError::Certificates("there is none".into()));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| PlanError::Certificates(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = match protocol {
        Protocol::Http => vec![b"http/1.1".to_vec()],
        Protocol::Grpc => vec![b"h2".to_vec()],
        Protocol::Brpc => Vec::new(),
    };
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| PlanError::invalid(format!("{host:?} is no name of a host")))?;
    Ok((TlsConnector::from(Arc::new(config)), name))
}
