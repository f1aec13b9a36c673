//! What a run does: where requests go, which ones, on which schedule, and its limits.

use bytes::Bytes;
use serde::Deserialize;

use crate::error::PlanError;

/// Most threads of a run.
pub(crate) const MAX_THREADS: usize = 64;
/// Most requests that may be open at once.
pub(crate) const MAX_OPEN: usize = 100_000;
/// Most arrivals of a trace.
pub(crate) const MAX_TRACE: usize = 10_000_000;
/// Most arrivals per second.
pub(crate) const MAX_RATE: f64 = 10_000_000.0;
/// Longest warm-up, duration and timeout.
const MAX_SECONDS: f64 = 7.0 * 24.0 * 3600.0;

/// A run.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Where requests go.
    pub target: Target,
    /// How they are sent.
    pub protocol: Protocol,
    /// The requests, which are sent in turn.
    pub requests: Vec<Request>,
    /// Whether responses are streams, whose chunks are measured.
    pub streaming: bool,
    /// Whether responses contain a `GrpsMessage`, whose status may report a failure.
    pub grps_status: bool,
    /// Whether responses say how many tokens they have, as in the OpenAI API.
    pub counts_tokens: bool,
    /// When requests are sent.
    pub load: Load,
    /// How long.
    pub window: Window,
    /// What a run may use.
    pub limits: Limits,
    /// Threads that send.
    pub threads: usize,
}

/// Where requests go.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// A name or an address.
    pub host: String,
    /// The port.
    pub port: u16,
    /// TLS; plain text without it.
    pub tls: Option<Tls>,
}

/// How a server is verified.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// Certificates of the authorities, in PEM.
    pub ca_pem: String,
}

/// How requests are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// HTTP/1.1.
    Http,
    /// gRPC: HTTP/2.
    Grpc,
    /// `baidu_std`: the body of a request is a whole packet.
    Brpc,
}

/// A prepared request.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The method of HTTP.
    pub method: String,
    /// The path and the query.
    pub path: String,
    /// Headers besides those of the protocol.
    pub headers: Vec<(String, String)>,
    /// Which of the bodies it has.
    pub body: usize,
}

/// When requests are sent.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Load {
    /// So many requests are open at all times: the next one is sent when one has ended.
    Closed {
        /// Open requests.
        concurrency: usize,
    },
    /// Requests are sent at their times, whether others have ended or not.
    Open(Arrivals),
}

/// The times at which requests are sent.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arrivals {
    /// Equal distances.
    Constant {
        /// Requests per second.
        rate: f64,
    },
    /// Independent arrivals: exponentially distributed distances.
    Poisson {
        /// Requests per second.
        rate: f64,
        /// Equal seeds make equal times.
        seed: u64,
    },
    /// Given times.
    Trace {
        /// Seconds since the start, ascending.
        seconds: Vec<f64>,
    },
}

/// How long a run takes. It ends at the first limit.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// Seconds at the start whose requests are not measured.
    pub warmup_s: f64,
    /// Seconds after them in which requests are sent.
    pub duration_s: Option<f64>,
    /// Measured requests.
    pub count: Option<u64>,
}

/// What a run may use.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Longest time of a request, from the time at which it is to be sent.
    pub timeout_s: f64,
    /// Most open requests; a request beyond them is counted as not sent.
    pub max_open: usize,
    /// Connections; fewer than open requests are shared, with gRPC only.
    pub connections: Option<usize>,
    /// Most bytes of a response.
    pub max_response_bytes: usize,
}

impl Plan {
    /// Checks every field, and that each request has its body.
    ///
    /// # Errors
    ///
    /// A field has a value that it can't have.
    pub(crate) fn check(&self, bodies: &[Bytes]) -> Result<(), PlanError> {
        require(!self.requests.is_empty(), || "a run needs a request".into())?;
        for request in &self.requests {
            require(request.body < bodies.len(), || format!("there is no body {}", request.body))?;
        }
        within("threads", self.threads, MAX_THREADS)?;
        within("max_open", self.limits.max_open, MAX_OPEN)?;
        within("max_response_bytes", self.limits.max_response_bytes, usize::MAX)?;
        seconds("timeout_s", self.limits.timeout_s, false)?;
        seconds("warmup_s", self.window.warmup_s, true)?;
        if let Some(duration) = self.window.duration_s {
            seconds("duration_s", duration, false)?;
        }
        let ends = self.window.duration_s.is_some() || self.window.count.is_some();
        let is_trace = matches!(self.load, Load::Open(Arrivals::Trace { .. }));
        require(ends || is_trace, || "a run needs a duration or a number of requests".into())?;
        require(self.window.count != Some(0), || "count must be at least 1".into())?;
        self.check_load()?;
        self.check_connections()
    }

    fn check_load(&self) -> Result<(), PlanError> {
        match &self.load {
            Load::Closed { concurrency } => {
                within("concurrency", *concurrency, self.limits.max_open)
            }
            Load::Open(Arrivals::Constant { rate } | Arrivals::Poisson { rate, .. }) => {
                require(rate.is_finite() && *rate > 0.0 && *rate <= MAX_RATE, || {
                    format!("rate must be above 0 and at most {MAX_RATE}, not {rate}")
                })
            }
            Load::Open(Arrivals::Trace { seconds }) => {
                within("arrivals", seconds.len(), MAX_TRACE)?;
                let is_valid = seconds.iter().all(|at| (0.0..=MAX_SECONDS).contains(at));
                require(is_valid && seconds.is_sorted(), || {
                    "the times of a trace must ascend from 0, in seconds".into()
                })
            }
        }
    }

    fn check_connections(&self) -> Result<(), PlanError> {
        let Some(connections) = self.limits.connections else { return Ok(()) };
        within("connections", connections, MAX_OPEN)?;
        let Load::Closed { concurrency } = self.load else { return Ok(()) };
        require(self.protocol == Protocol::Grpc || connections >= concurrency, || {
            format!(
                "{concurrency} open requests need as many connections, not {connections}: only \
                 gRPC shares them"
            )
        })
    }
}

fn require(is_met: bool, text: impl FnOnce() -> String) -> Result<(), PlanError> {
    if is_met { Ok(()) } else { Err(PlanError::invalid(text())) }
}

fn within(name: &str, value: usize, most: usize) -> Result<(), PlanError> {
    require((1..=most).contains(&value), || format!("{name} must be 1 to {most}, not {value}"))
}

fn seconds(name: &str, value: f64, may_be_zero: bool) -> Result<(), PlanError> {
    let is_valid = (0.0..=MAX_SECONDS).contains(&value) && (may_be_zero || value > 0.0);
    require(is_valid, || format!("{name} must be seconds up to a week, not {value}"))
}
