//! Requests as they are sent, made once before a run.

use bytes::{BufMut, Bytes, BytesMut};
use http::header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue, TE, USER_AGENT};
use http::{HeaderMap, Method, Uri};

use crate::error::PlanError;
use crate::plan::{Plan, Protocol, Request};

/// A request without what differs each time, which is nothing.
#[derive(Debug, Clone)]
pub(crate) struct Prepared {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Makes the requests of a plan.
///
/// # Errors
///
/// A method, a path or a header can't be sent.
pub(crate) fn prepare(plan: &Plan, bodies: &[Bytes]) -> Result<Vec<Prepared>, PlanError> {
    plan.requests.iter().map(|request| prepare_one(plan, request, bodies)).collect()
}

fn prepare_one(plan: &Plan, request: &Request, bodies: &[Bytes]) -> Result<Prepared, PlanError> {
    let body = bodies.get(request.body).cloned().unwrap_or_default();
    if plan.protocol == Protocol::Brpc {
        let (method, uri, headers) = Default::default();
        return Ok(Prepared { method, uri, headers, body });
    }
    let authority = authority(&plan.target.host, plan.target.port);
    let mut headers = HeaderMap::new();
    headers.insert(USER_AGENT, HeaderValue::from_static("grpst-perf"));
    for (name, value) in &request.headers {
        let name: HeaderName = parse("header", name)?;
        let is_secret = name == http::header::AUTHORIZATION;
        let mut value = HeaderValue::from_str(value).map_err(|_| {
            PlanError::invalid(format!("header {name} has a value that can't be sent"))
        })?;
        value.set_sensitive(is_secret);
        headers.append(name, value);
    }
    let method = Method::from_bytes(request.method.as_bytes())
        .map_err(|_| PlanError::invalid(format!("{:?} is no method of HTTP", request.method)))?;
    let scheme = if plan.target.tls.is_some() { "https" } else { "http" };
    if plan.protocol == Protocol::Grpc {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert(TE, HeaderValue::from_static("trailers"));
        let uri = parse("path", &format!("{scheme}://{authority}{}", request.path))?;
        return Ok(Prepared { method, uri, headers, body: framed(&body)? });
    }
    if !headers.contains_key(HOST) {
        headers.insert(HOST, parse("host", &authority)?);
    }
    Ok(Prepared { method, uri: parse("path", &request.path)?, headers, body })
}

/// The host as a URL has it.
fn authority(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

fn parse<T: TryFrom<String>>(what: &str, text: &str) -> Result<T, PlanError> {
    T::try_from(text.to_owned())
        .map_err(|_| PlanError::invalid(format!("{what} {text:?} can't be sent")))
}

/// A message with the head that gRPC puts before each.
fn framed(message: &Bytes) -> Result<Bytes, PlanError> {
    let size = u32::try_from(message.len())
        .map_err(|_| PlanError::invalid("a message of gRPC has at most 4 GiB"))?;
    let mut framed = BytesMut::with_capacity(message.len() + 5);
    framed.put_u8(0);
    framed.put_u32(size);
    framed.put_slice(message);
    Ok(framed.freeze())
}
