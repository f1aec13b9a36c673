//! Routes of front ends.

use std::borrow::Cow;
use std::pin::Pin;

use http::request::Parts;
use http::{Method, Response};

use crate::call::access::{Admission, Policy};
use crate::call::call::Call;
use crate::frontends::shared::description::{Description, TypedForms};
use crate::net::http::reply_body::ReplyBody;
use crate::net::http::request_body::IncomingBody;

/// The function that serves a request.
type EndpointFn = Box<dyn Fn(Call, HttpRequest) -> EndpointFuture + Send + Sync>;
/// The future of a response.
pub(crate) type EndpointFuture = Pin<Box<dyn Future<Output = Response<ReplyBody>> + Send>>;

/// A request with a matched route.
pub(crate) struct HttpRequest {
    /// The head.
    pub(crate) parts: Parts,
    /// The body, not read yet.
    pub(crate) body: IncomingBody,
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
    /// PUT: replaces.
    Put,
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
            Self::Put => "OPTIONS, PUT",
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
    /// The access policy of POST, where it changes what GET reads.
    pub(crate) post_policy: Option<Policy>,
    /// Whether the route is served when there are too many connections: health and metrics.
    pub(crate) is_vital: bool,
    /// Whether the body is a stream of inference requests, each of which is counted by itself.
    pub(crate) has_many_requests: bool,
    /// What the description of the service says of it.
    pub(crate) description: Description,
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
        Self {
            pattern: pattern.into(),
            methods,
            policy,
            post_policy: None,
            is_vital: false,
            has_many_requests: false,
            description: Description::default(),
            handler,
        }
    }

    /// Also serves the route when there are too many connections.
    pub(crate) fn vital(self) -> Self {
        Self { is_vital: true, ..self }
    }

    /// Does not count the request itself, whose body is a stream of inference requests.
    pub(crate) fn with_many_requests(self) -> Self {
        Self { has_many_requests: true, ..self }
    }

    /// Also serves POST, with a policy of its own.
    pub(crate) fn posting(self, policy: Policy) -> Self {
        Self { methods: Methods::GetOrPost, post_policy: Some(policy), ..self }
    }

    /// Describes the route in one line, without a full stop.
    pub(crate) fn summary(mut self, summary: &'static str) -> Self {
        self.description.summary = summary;
        self
    }

    /// Leaves the route out of the description: it refuses all requests, or OpenAPI can't describe it.
    pub(crate) fn left_out(mut self) -> Self {
        self.description.is_left_out = true;
        self
    }

    /// Names the parameters of the query and the headers, as the components do.
    pub(crate) fn query(mut self, parameters: &'static [&'static str]) -> Self {
        self.description.parameters = parameters;
        self
    }

    /// Names the body of requests by POST, as the components do.
    pub(crate) fn takes(mut self, body: &'static str) -> Self {
        self.description.takes = Some(body);
        self
    }

    /// Names the response to a request that succeeds, as the components do.
    pub(crate) fn returns(mut self, response: &'static str) -> Self {
        self.description.returns = Some(response);
        self
    }

    /// Names the response to a request that fails, where it is not the one of the front end.
    pub(crate) fn fails(mut self, response: &'static str) -> Self {
        self.description.fails = Some(response);
        self
    }

    /// Adds the bodies and responses of each model.
    pub(crate) fn typed(mut self, forms: TypedForms) -> Self {
        self.description.typed = Some(forms);
        self
    }

    /// The access policy of a method.
    pub(crate) fn policy_of(&self, method: &Method) -> Policy {
        self.post_policy.filter(|_| method == Method::POST).unwrap_or(self.policy)
    }

    /// What the route asks before it serves a request of a method.
    pub(crate) fn admission(&self, method: &Method) -> Admission {
        Admission { policy: self.policy_of(method), is_counted: !self.has_many_requests }
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
