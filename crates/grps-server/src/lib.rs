//! The data plane of GRPS: sockets, HTTP, gRPC and the codec between wire bytes and tensors.
//!
//! A [`DataPlane`] takes the [`App`] and bound listeners. One port serves HTTP/1.1,
//! HTTP/2 and gRPC; the first bytes of a connection select the protocol.

mod admin;
mod app;
mod auth;
mod call;
mod capture;
pub mod codec;
mod data_plane;
mod frontends;
mod net;
mod observability;

pub use admin::commands::{Action, Command, Commands};
pub use admin::services::{
    EndpointState, EndpointTable, MAX_ADDRESS_BYTES, MAX_ENDPOINTS, OtherServices, ServiceState,
    TableEndpoint,
};
pub use admin::traffic::TrafficSettings;
pub use app::{App, CustomRoute, FrontEndSettings, Settings, StreamingControl, StreamingMode};
pub use auth::scopes::Scopes;
pub use auth::settings::{
    AuthSettings, CallerLimits, CallerSettings, CertificateSettings, JwtSettings, KeySettings,
};
pub use call::status::BEGUN;
pub use capture::replay;
pub use capture::{CaptureError, CaptureRecord, CaptureSettings, Records, read_records};
pub use data_plane::{DataPlane, listen};
pub use net::accept::bound::{Bound, UnixSocket, bind_unix};
pub use net::http::cors::{Cors, CorsRules};
pub use net::interface::{CompressionSettings, InterfaceSettings, Network};
pub use net::listener::{bind, serve};
pub use net::tls::files::TlsFiles;
pub use net::tls::tls::Tls;
pub use observability::forwarded_log;
pub use observability::gpus::{GpuInfo, GpuInventory, find_gpus};
pub use observability::log;
pub use observability::log_file::LogFile;
pub use observability::log_period::{LogPeriod, UnknownPeriod};
pub use observability::monitoring::{now_s, series_json};
pub use observability::traces::{TraceProtocol, TraceSettings};
