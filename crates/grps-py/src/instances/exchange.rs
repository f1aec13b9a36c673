//! Customized HTTP for Python.

use std::sync::Arc;

use bytes::Bytes;
use grps_core::{HttpExchange, HttpReply};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// An HTTP request that user code reads and answers itself.
#[pyclass(frozen, module = "grps._core")]
pub(crate) struct Exchange {
    exchange: Arc<HttpExchange>,
    /// Whether one model answers the request.
    alone: bool,
}

impl Exchange {
    pub(crate) fn new(exchange: Arc<HttpExchange>, alone: bool) -> Self {
        Self { exchange, alone }
    }
}

#[pymethods]
impl Exchange {
    /// Whether the client requested a stream.
    #[getter]
    fn streaming(&self) -> bool {
        self.exchange.request().streaming
    }

    /// Whether one model answers the request.
    #[getter]
    fn alone(&self) -> bool {
        self.alone
    }

    /// Method, such as `POST`.
    #[getter]
    fn method(&self) -> &str {
        &self.exchange.request().method
    }

    /// Path as sent, percent-encoded.
    #[getter]
    fn path(&self) -> &str {
        &self.exchange.request().path
    }

    /// Query as sent, without the question mark.
    #[getter]
    fn query(&self) -> &str {
        &self.exchange.request().query
    }

    /// Header names in lower case, and values.
    #[getter]
    fn headers<'py>(&self, py: Python<'py>) -> Vec<(&str, Bound<'py, PyBytes>)> {
        let headers = self.exchange.request().headers.iter();
        headers.map(|(name, value)| (name.as_str(), PyBytes::new(py, value))).collect()
    }

    /// The whole body.
    #[getter]
    fn body<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.exchange.request().body)
    }

    /// Address and port of the other end of the connection.
    #[getter]
    fn peer(&self) -> (String, u16) {
        let peer = self.exchange.request().peer;
        (peer.ip().to_canonical().to_string(), peer.port())
    }

    /// Sets the answer, replacing an earlier one.
    fn reply(&self, status: u16, headers: Vec<(String, String)>, body: &[u8]) {
        self.exchange.set_reply(HttpReply { status, headers, body: Bytes::copy_from_slice(body) });
    }
}
