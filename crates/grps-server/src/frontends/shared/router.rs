//! Finds the route of a path among all front ends.

use grps_core::{Cause, Error, shown};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Version, header};
use matchit::Router as Paths;

use crate::app::Settings;
use crate::frontends::shared::endpoint::{Endpoint, Methods};
use crate::frontends::shared::front_end::FrontEnd;
use crate::frontends::shared::response::{HTML, respond};
use crate::net::http::reply_body::ReplyBody;

/// The content type of gRPC.
const GRPC: &[u8] = b"application/grpc";

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
    /// The names of front ends that are switched off, by the paths that they would serve.
    switched_off: Paths<&'static str>,
    /// Encodes the error for requests that match no route.
    fallback: Option<&'static dyn FrontEnd>,
    /// The same for the paths that begin with a prefix.
    prefixes: Vec<(&'static str, &'static dyn FrontEnd)>,
}

/// The route of a path.
pub(crate) struct MatchedRoute {
    /// The front end that declared the route.
    pub(crate) front_end: &'static dyn FrontEnd,
    /// The route.
    pub(crate) endpoint: Endpoint,
}

impl Router {
    /// Collects the routes of the front ends that are switched on; when two declare the same path, the
    /// first one serves it.
    pub(crate) fn new(front_ends: &[&'static dyn FrontEnd], settings: &Settings) -> Self {
        let mut router = Self { http: Table::new(), grpc: Table::new() };
        for front_end in front_ends {
            let table = if front_end.is_grpc() { &mut router.grpc } else { &mut router.http };
            if settings.front_ends.is_off(front_end.name()) {
                table.note_switched_off(*front_end, settings);
                continue;
            }
            table.fallback.get_or_insert(*front_end);
            table.prefixes.extend(front_end.path_prefix().map(|prefix| (prefix, *front_end)));
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

    /// The response to a request that is refused before its route is found.
    pub(crate) fn error(&self, is_grpc: bool, path: &str, error: &Error) -> Response<ReplyBody> {
        let table = if is_grpc { &self.grpc } else { &self.http };
        table.error(path, error)
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
        if path == "*" && method == Method::OPTIONS {
            return Err(with_allow(respond(StatusCode::OK, HTML, ""), Methods::GetOrPost.allow()));
        }
        let Ok(matched) = table.paths.at(path) else {
            let is_grpc_only = !is_grpc && self.grpc.paths.at(path).is_ok();
            let error = if is_grpc_only {
                not_grpc(path)
            } else if let Ok(off) = table.switched_off.at(path) {
                switched_off(path, off.value)
            } else if table.owner(path).is_some() {
                Error::new(Cause::NotFound, format!("no route {}", shown(path)))
            } else {
                no_route(path)
            };
            return Err(table.error(path, &error));
        };
        let route = matched.value;
        if !is_grpc {
            check_method(method, route)?;
        }
        Ok((route, matched.params.iter().map(|(_, value)| value.to_owned()).collect()))
    }
}

impl Table {
    fn new() -> Self {
        let (paths, switched_off) = (Paths::new(), Paths::new());
        Self { paths, switched_off, fallback: None, prefixes: Vec::new() }
    }

    fn note_switched_off(&mut self, front_end: &dyn FrontEnd, settings: &Settings) {
        for endpoint in front_end.endpoints(settings) {
            // Two front ends may want the same path; the first one is named.
            let _ = self.switched_off.insert(endpoint.pattern.to_string(), front_end.name());
        }
    }

    /// The front end that encodes the errors for a path by its longest prefix.
    fn owner(&self, path: &str) -> Option<&'static dyn FrontEnd> {
        let is_below = |prefix: &str| {
            path.strip_prefix(prefix).is_some_and(|rest| matches!(rest.as_bytes(), [] | [b'/', ..]))
        };
        let owners = self.prefixes.iter().filter(|(prefix, _)| is_below(prefix));
        owners.max_by_key(|(prefix, _)| prefix.len()).map(|(_, owner)| *owner)
    }

    fn error(&self, path: &str, error: &Error) -> Response<ReplyBody> {
        match self.owner(path).or(self.fallback) {
            Some(front_end) => front_end.error(error),
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
    let path = shown(path);
    Error::new(Cause::NotFound, format!("no route {path}; models take POST /grps/v1/infer/predict"))
}

/// The error for a path of a front end that is switched off.
fn switched_off(path: &str, front_end: &str) -> Error {
    let path = shown(path);
    let message = format!(
        "no route {path}: it belongs to {front_end}, which is switched off. To serve it, set \
         {front_end}.enabled: true in server.yml"
    );
    Error::new(Cause::NotFound, message)
}

/// The error for a request of another protocol to a route of gRPC.
fn not_grpc(path: &str) -> Error {
    let message = format!(
        "{path} is a method of gRPC; send it over HTTP/2 with content-type application/grpc"
    );
    Error::new(Cause::UnsupportedMediaType, message)
}

/// Whether a request uses gRPC, which needs HTTP/2.
pub(crate) fn is_grpc(version: Version, headers: &HeaderMap) -> bool {
    version >= Version::HTTP_2
        && headers.get(header::CONTENT_TYPE).is_some_and(|value| is_grpc_type(value.as_bytes()))
}

/// Whether a content type is `application/grpc`, alone or with a message format or parameters.
fn is_grpc_type(content_type: &[u8]) -> bool {
    let Some((start, rest)) = content_type.split_at_checked(GRPC.len()) else { return false };
    start.eq_ignore_ascii_case(GRPC) && matches!(rest.first(), None | Some(b'+' | b';' | b' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_grpc_is_grpc() {
        for grpc in ["", "+proto", ";charset=utf-8", " ; a=b", "+json;a=b"] {
            assert!(is_grpc_type(format!("application/grpc{grpc}").as_bytes()), "{grpc}");
        }
        assert!(is_grpc_type(b"Application/GRPC"));
        for other in
            ["application/grpcfoo", "application/grpc-web", "application/grp", "text/grpc", ""]
        {
            assert!(!is_grpc_type(other.as_bytes()), "{other}");
        }
    }
}
