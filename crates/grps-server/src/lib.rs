//! The data plane of GRPS: sockets, HTTP, gRPC and the codec between wire bytes and tensors.
//!
//! [`serve`] takes bound listeners, the [`App`] and a shutdown signal. One port speaks HTTP/1.1,
//! HTTP/2 and gRPC; the first bytes of a connection decide.

mod admin;
mod app;
pub mod codec;
mod commands;
mod connection;
mod dispatch;
mod drain;
mod exchange;
mod exposition;
mod flight;
mod gpus;
mod grpc;
mod heavy;
mod http;
mod listener;
pub mod log;
mod metadata;
mod metrics_page;
mod monitoring;
mod overview;
mod process;
mod read_ahead;
mod readiness;
mod reply_body;
mod request_id;
mod status;
mod terms;
mod timing;
mod trace_context;
mod traces;
mod watched_stream;
mod wishes;

pub use app::{App, CustomRoute, Settings, StreamingControl, StreamingMode};
pub use commands::{Action, Command, Commands};
pub use exchange::{HttpExchange, HttpReply};
pub use gpus::{Found, Machine, find_gpus};
pub use listener::{bind, serve};
pub use monitoring::{now_s, series_json};
pub use traces::{TraceProtocol, TraceSettings};
