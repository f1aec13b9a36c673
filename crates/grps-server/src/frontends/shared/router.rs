//! Finds the route of a path among all front ends.

use grps_core::{Cause, Error, shown};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use matchit::Router as Paths;

use crate::app::Settings;
use crate::frontends::shared::endpoint::Endpoint;
use crate::frontends::shared::front_end::FrontEnd;
use crate::frontends::shared::response::{HTML, respond};
use crate::net::reply_body::ReplyBody;

/// The routes of all front ends of a service.
pub(crate) struct Router {
    /// Routes over HTTP.
    http: Table,
    /// Routes over gRPC.
    grpc: Table,
}

/// Routes by path.
struct Table {
    paths: Paths<MatchedRoute>,
    /// Encodes the error for requests that match no route.
    fallback: Option<&'static dyn FrontEnd>,
}

/// The route of a path.
pub(crate) struct MatchedRoute {
    /// The front end that declared the route.
    pub(crate) front_end: &'static dyn FrontEnd,
    /// The route.
    pub(crate) endpoint: Endpoint,
}

impl Router {
    /// Collects the routes of `front_ends`; when two declare the same path, the first one serves it.
    pub(crate) fn new(front_ends: &[&'static dyn FrontEnd], settings: &Settings) -> Self {
        let mut router = Self { http: Table::new(), grpc: Table::new() };
        for front_end in front_ends {
            let table = if front_end.is_grpc() { &mut router.grpc } else { &mut router.http };
            table.fallback.get_or_insert(*front_end);
            for endpoint in front_end.endpoints(settings) {
                let pattern = endpoint.pattern.to_string();
                let route = MatchedRoute { front_end: *front_end, endpoint };
                if let Err(error) = table.paths.insert(&pattern, route) {
                    let front_end = front_end.name();
                    tracing::warn!(front_end, pattern, %error, "the route is not served");
                }
            }
        }
        router
    }

    /// Finds the route of a request and the values of its path parameters.
    ///
    /// # Errors
    /// The response when no route matches: 404, 405, or the methods for `OPTIONS`.
    #[expect(clippy::result_large_err, reason = "the error is the response that is sent")]
    pub(crate) fn find(
        &self,
        method: &Method,
        path: &str,
        is_grpc: bool,
    ) -> Result<(&MatchedRoute, Vec<String>), Response<ReplyBody>> {
        let table = if is_grpc { &self.grpc } else { &self.http };
        let Ok(matched) = table.paths.at(path) else { return Err(table.not_found(path)) };
        let route = matched.value;
        if !is_grpc {
            check_method(method, route)?;
        }
        Ok((route, matched.params.iter().map(|(_, value)| value.to_owned()).collect()))
    }
}

impl Table {
    fn new() -> Self {
        Self { paths: Paths::new(), fallback: None }
    }

    fn not_found(&self, path: &str) -> Response<ReplyBody> {
        let error = no_route(path);
        match self.fallback {
            Some(front_end) => front_end.error(&error),
            None => respond(StatusCode::NOT_FOUND, HTML, ""),
        }
    }
}

#[expect(clippy::result_large_err, reason = "the error is the response that is sent")]
fn check_method(method: &Method, matched: &MatchedRoute) -> Result<(), Response<ReplyBody>> {
    let allow = matched.endpoint.methods.allow();
    if method == Method::OPTIONS {
        return Err(with_allow(respond(StatusCode::OK, HTML, ""), allow));
    }
    if allow.split(", ").any(|allowed| allowed == method.as_str()) {
        return Ok(());
    }
    let message = format!("{} is not allowed here; use {allow}", shown(method.as_str()));
    let refused = matched.front_end.error(&Error::new(Cause::MethodNotAllowed, message));
    Err(with_allow(refused, allow))
}

fn with_allow(mut response: Response<ReplyBody>, allow: &'static str) -> Response<ReplyBody> {
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
    response
}

/// The error for a path that no route serves.
pub(crate) fn no_route(path: &str) -> Error {
    Error::new(Cause::NotFound, format!("no route {}; the API is under /grps/v1/", shown(path)))
}

/// Whether a request uses gRPC.
pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE);
    content_type.is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
}
