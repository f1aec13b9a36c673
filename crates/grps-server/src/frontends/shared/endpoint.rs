//! Routes of front ends.

use std::borrow::Cow;
use std::pin::Pin;

use http::Response;
use http::request::Parts;
use hyper::body::Incoming;

use crate::call::access::Policy;
use crate::call::call::Call;
use crate::net::http::reply_body::ReplyBody;

/// The function that serves a request.
type EndpointFn = Box<dyn Fn(Call, HttpRequest) -> EndpointFuture + Send + Sync>;
/// The future of a response.
pub(crate) type EndpointFuture = Pin<Box<dyn Future<Output = Response<ReplyBody>> + Send>>;

/// A request with a matched route.
pub(crate) struct HttpRequest {
    /// The head.
    pub(crate) parts: Parts,
    /// The body, not read yet.
    pub(crate) body: Incoming,
    /// Values of the path parameters in the order of the pattern.
    pub(crate) parameters: Vec<String>,
}

/// The methods of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Methods {
    /// GET: reads.
    Get,
    /// POST: changes or runs.
    Post,
    /// GET or POST, as clients of upstream expect.
    GetOrPost,
    /// POST or PUT: runs.
    PostOrPut,
    /// Any method that changes or reads: refused alike.
    Any,
}

impl Methods {
    /// The methods in the `Allow` header.
    pub(crate) fn allow(self) -> &'static str {
        match self {
            Self::Get => "GET, HEAD, OPTIONS",
            Self::Post => "OPTIONS, POST",
            Self::GetOrPost => "GET, HEAD, OPTIONS, POST",
            Self::PostOrPut => "OPTIONS, POST, PUT",
            Self::Any => "DELETE, GET, HEAD, OPTIONS, POST, PUT",
        }
    }
}

/// A route: its path, methods, access policy and function.
pub(crate) struct Endpoint {
    /// The path pattern; `{name}` matches one segment, `{*name}` matches the rest.
    pub(crate) pattern: Cow<'static, str>,
    /// The supported methods.
    pub(crate) methods: Methods,
    /// The access policy.
    pub(crate) policy: Policy,
    /// Whether the route is served when there are too many connections: health and metrics.
    pub(crate) is_vital: bool,
    /// The function that serves requests.
    handler: EndpointFn,
}

impl Endpoint {
    /// Creates a route to an asynchronous function.
    pub(crate) fn new<F, R>(
        methods: Methods,
        pattern: impl Into<Cow<'static, str>>,
        policy: Policy,
        handler: F,
    ) -> Self
    where
        F: Fn(Call, HttpRequest) -> R + Send + Sync + 'static,
        R: Future<Output = Response<ReplyBody>> + Send + 'static,
    {
        let handler =
            Box::new(move |call, request| Box::pin(handler(call, request)) as EndpointFuture);
        Self { pattern: pattern.into(), methods, policy, is_vital: false, handler }
    }

    /// Also serves the route when there are too many connections.
    pub(crate) fn vital(self) -> Self {
        Self { is_vital: true, ..self }
    }

    /// Serves a request.
    pub(crate) fn handle(&self, call: Call, request: HttpRequest) -> EndpointFuture {
        (self.handler)(call, request)
    }
}

/// The pattern that matches exactly this path.
pub(crate) fn literal_pattern(path: &str) -> String {
    path.replace('{', "{{").replace('}', "}}")
}
