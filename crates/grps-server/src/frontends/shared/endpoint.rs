//! A route as its front end declares it.

use std::borrow::Cow;
use std::pin::Pin;

use http::Response;
use http::request::Parts;
use hyper::body::Incoming;

use crate::call::access::Policy;
use crate::call::call::Call;
use crate::net::reply_body::ReplyBody;

/// What serves a request.
type Handler = Box<dyn Fn(Call, HttpRequest) -> Handling + Send + Sync>;
/// The response that is being made.
pub(crate) type Handling = Pin<Box<dyn Future<Output = Response<ReplyBody>> + Send>>;

/// A request that has found its route.
pub(crate) struct HttpRequest {
    /// Its head.
    pub(crate) parts: Parts,
    /// Its body, not read yet.
    pub(crate) body: Incoming,
    /// The values of the pattern's parameters, in their order.
    pub(crate) parameters: Vec<String>,
}

/// The methods of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Methods {
    /// Reads something.
    Get,
    /// Does something.
    Post,
    /// Either, as upstream's clients expect.
    GetOrPost,
}

impl Methods {
    /// As the `Allow` header lists them.
    pub(crate) fn allow(self) -> &'static str {
        match self {
            Self::Get => "GET, HEAD, OPTIONS",
            Self::Post => "OPTIONS, POST",
            Self::GetOrPost => "GET, HEAD, OPTIONS, POST",
        }
    }
}

/// A route: its path, who may call it, and the code behind it.
pub(crate) struct Endpoint {
    /// The path; `{name}` stands for one segment, `{*name}` for all that follow.
    pub(crate) pattern: Cow<'static, str>,
    /// The methods that it takes.
    pub(crate) methods: Methods,
    /// Who may call it.
    pub(crate) policy: Policy,
    /// What serves it.
    handler: Handler,
}

impl Endpoint {
    /// A route to an asynchronous function.
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
        let handler = Box::new(move |call, request| Box::pin(handler(call, request)) as Handling);
        Self { pattern: pattern.into(), methods, policy, handler }
    }

    /// Serves a request.
    pub(crate) fn handle(&self, call: Call, request: HttpRequest) -> Handling {
        (self.handler)(call, request)
    }
}

/// A path of the configuration as a pattern that matches it and nothing else.
pub(crate) fn literal(path: &str) -> String {
    path.replace('{', "{{").replace('}', "}}")
}
