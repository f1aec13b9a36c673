//! Which front end's route a path leads to.

use grps_core::{Cause, Error};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use matchit::Router as Paths;

use crate::app::Settings;
#[cfg(test)]
use crate::call::access::Policy;
use crate::frontends::shared::endpoint::Endpoint;
use crate::frontends::shared::front_end::FrontEnd;
use crate::frontends::shared::response::{HTML, respond};
use crate::net::reply_body::ReplyBody;

/// The routes of all front ends of a service.
pub(crate) struct Router {
    http: Table,
    grpc: Table,
}

/// The routes of one kind, and who answers requests that match none.
struct Table {
    paths: Paths<Found>,
    fallback: Option<&'static dyn FrontEnd>,
}

/// What a path leads to.
pub(crate) struct Found {
    /// The front end that declared the route.
    pub(crate) front_end: &'static dyn FrontEnd,
    /// The route.
    pub(crate) endpoint: Endpoint,
}

impl Router {
    /// Collects the routes of `front_ends`; where two declare one path, the first has it.
    pub(crate) fn new(front_ends: &[&'static dyn FrontEnd], settings: &Settings) -> Self {
        let mut router = Self { http: Table::new(), grpc: Table::new() };
        for front_end in front_ends {
            let table = if front_end.is_grpc() { &mut router.grpc } else { &mut router.http };
            table.fallback.get_or_insert(*front_end);
            for endpoint in front_end.endpoints(settings) {
                let pattern = endpoint.pattern.to_string();
                let found = Found { front_end: *front_end, endpoint };
                if let Err(error) = table.paths.insert(&pattern, found) {
                    let front_end = front_end.name();
                    tracing::warn!(front_end, pattern, %error, "the route is not served");
                }
            }
        }
        router
    }

    /// The route of a request with the values of its parameters.
    ///
    /// # Errors
    /// The response to a request that no route takes: 404, 405, or what `OPTIONS` asks for.
    #[expect(clippy::result_large_err, reason = "the error is the response that is sent")]
    pub(crate) fn find(
        &self,
        method: &Method,
        path: &str,
        is_grpc: bool,
    ) -> Result<(&Found, Vec<String>), Response<ReplyBody>> {
        let table = if is_grpc { &self.grpc } else { &self.http };
        let Ok(matched) = table.paths.at(path) else { return Err(table.not_found(path)) };
        let found = matched.value;
        if !is_grpc {
            check_method(method, found)?;
        }
        Ok((found, matched.params.iter().map(|(_, value)| value.to_owned()).collect()))
    }

    /// The path pattern and policy of every route.
    #[cfg(test)]
    pub(crate) fn policies(
        front_ends: &[&dyn FrontEnd],
        settings: &Settings,
    ) -> Vec<(String, Policy)> {
        let endpoints = front_ends.iter().flat_map(|front_end| front_end.endpoints(settings));
        endpoints.map(|endpoint| (endpoint.pattern.to_string(), endpoint.policy)).collect()
    }
}

impl Table {
    fn new() -> Self {
        Self { paths: Paths::new(), fallback: None }
    }

    fn not_found(&self, path: &str) -> Response<ReplyBody> {
        let message = format!("no route {path}; the API is under /grps/v1/");
        let error = Error::new(Cause::NotFound, message);
        match self.fallback {
            Some(front_end) => front_end.error(&error),
            None => respond(StatusCode::NOT_FOUND, HTML, ""),
        }
    }
}

#[expect(clippy::result_large_err, reason = "the error is the response that is sent")]
fn check_method(method: &Method, found: &Found) -> Result<(), Response<ReplyBody>> {
    let allow = found.endpoint.methods.allow();
    if method == Method::OPTIONS {
        return Err(with_allow(respond(StatusCode::OK, HTML, ""), allow));
    }
    if allow.split(", ").any(|allowed| allowed == method.as_str()) {
        return Ok(());
    }
    let message = format!("{method} is not allowed here; use {allow}");
    let refused = found.front_end.error(&Error::new(Cause::MethodNotAllowed, message));
    Err(with_allow(refused, allow))
}

fn with_allow(mut response: Response<ReplyBody>, allow: &'static str) -> Response<ReplyBody> {
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
    response
}

/// Whether a request is gRPC.
pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE);
    content_type.is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
}
