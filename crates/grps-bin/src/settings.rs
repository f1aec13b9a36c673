//! The settings of the data plane, from the configuration of a project.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use grps_config::types::{
    CaptureConfig, ClientAuth, CtrlMode, CustomizedHttpConfig, InterfaceConfig, ServerConfig,
    TracingProtocol,
};
use grps_server::{
    CaptureSettings, CompressionSettings, Cors, CorsRules, CustomRoute, FrontEndSettings,
    InterfaceSettings, Settings, StreamingControl, StreamingMode, Tls, TlsFiles, TraceProtocol,
    TraceSettings,
};
use http::HeaderValue;

use crate::dashboard::dashboard_page;
use crate::machine::{memory_limit, usable_cpus};
use crate::project::Project;

const MOST_IO_THREADS: usize = 4;
const ADMIN_TOKEN_VARIABLE: &str = "GRPS_ADMIN_TOKEN";
/// Requests in flight may hold one part in this many of the memory, unless configured.
const INFLIGHT_SHARE: u64 = 4;
/// The name of the server log.
pub(crate) const SERVER_LOG: &str = "grps_server.log";
/// The name of the log of user code, which stays empty: plugins write to the server log.
pub(crate) const USER_LOG: &str = "grps_usr.log";
const MONITOR_LOG: &str = "grps_monitor.log";

/// The settings for the service of a folder, whose logs may be files in it.
pub(crate) fn settings(
    project: &Project,
    service: &Path,
    logs_to_files: bool,
) -> Result<Settings, String> {
    let config = &project.server;
    let (logs, limits) = (service.join(&config.log.log_dir), &config.limits);
    let memory_limit_bytes = memory_limit();
    let share = usize::try_from(memory_limit_bytes / INFLIGHT_SHARE).unwrap_or(usize::MAX);
    let name = service.file_name().unwrap_or_default().to_string_lossy();
    let routes = config.interface.customized_routes().iter().filter_map(custom_route);
    let gpus = config.gpu.as_ref().and_then(|gpu| gpu.devices.clone());
    Ok(Settings {
        max_connections: config.max_connections,
        max_request_bytes: limits.max_request_bytes,
        max_inflight_bytes: limits
            .max_inflight_bytes
            .unwrap_or_else(|| share.max(limits.max_request_bytes)),
        client_priority: limits.client_priority,
        max_header_bytes: limits.max_header_bytes,
        header_timeout: Duration::from_millis(limits.header_timeout_ms),
        body_timeout: Duration::from_millis(limits.body_timeout_ms),
        stream_stall_timeout: Duration::from_millis(limits.stream_stall_timeout_ms),
        stream_idle_timeout: Duration::from_millis(limits.stream_idle_timeout_ms),
        drain_timeout: Duration::from_millis(limits.drain_timeout_ms),
        access_log: config.log.access,
        custom_routes: routes.collect::<Result<_, _>>()?,
        admin_token: std::env::var(ADMIN_TOKEN_VARIABLE).ok().filter(|token| !token.is_empty()),
        server_metadata: project.metadata.clone(),
        dashboard: dashboard_page(&name).into(),
        memory_limit_bytes,
        max_memory_percent: limits.max_memory_percent,
        monitor_log: logs_to_files.then(|| logs.join(MONITOR_LOG)),
        logs: if logs_to_files { log_files(&logs) } else { Vec::new() },
        started: SystemTime::now(),
        traces: traces(config, &name),
        gpus: gpus.unwrap_or_default(),
        front_ends: front_ends(config),
        interface: interface(&config.interface, &project.folder)?,
        capture: capture(&config.capture, service),
    })
}

fn log_files(folder: &Path) -> Vec<(String, PathBuf)> {
    vec![("server".to_owned(), folder.join(SERVER_LOG)), ("user".to_owned(), folder.join(USER_LOG))]
}

/// The threads that serve sockets: as configured, else one per two processors, at most four.
pub(crate) fn io_threads(config: &ServerConfig) -> usize {
    match config.io_threads {
        0 => (usable_cpus() / 2).clamp(1, MOST_IO_THREADS),
        threads => threads,
    }
}

/// The Unix sockets to listen on, each with its permissions; `own` is the one for the tool.
pub(crate) fn unix_sockets(
    config: &InterfaceConfig,
    service: &Path,
    own: Option<&Path>,
) -> Vec<(PathBuf, u32)> {
    let mut sockets: Vec<(PathBuf, u32)> =
        own.map(|own| (own.to_owned(), 0o600)).into_iter().collect();
    if let Some(socket) = &config.unix_socket {
        let mode = u32::from_str_radix(&config.unix_socket_mode, 8).unwrap_or(0o660);
        sockets.push((service.join(socket), mode));
    }
    sockets
}

fn capture(config: &CaptureConfig, service: &Path) -> CaptureSettings {
    CaptureSettings {
        enabled: config.enabled,
        models: config.models.clone(),
        sample_ratio: config.sample_ratio,
        max_bytes: config.max_bytes,
        max_record_bytes: config.max_record_bytes,
        directory: service.join(&config.directory),
        headers: config.headers.clone(),
    }
}

fn front_ends(config: &ServerConfig) -> FrontEndSettings {
    let switches = [
        ("oip", config.oip.enabled),
        ("brpc", config.brpc.enabled),
        ("tfserving", config.tfserving.enabled),
        ("torchserve", config.torchserve.enabled),
    ];
    let off = switches.into_iter().filter(|(_, is_on)| !is_on);
    FrontEndSettings {
        disabled: off.map(|(name, _)| name.to_owned()).collect(),
        oip_shared_memory: config.oip.shared_memory,
    }
}

fn interface(config: &InterfaceConfig, folder: &Path) -> Result<InterfaceSettings, String> {
    let tls = config.tls.as_ref().map(|tls| {
        Tls::load(TlsFiles {
            cert: folder.join(&tls.cert),
            key: folder.join(&tls.key),
            client_ca: tls.client_ca.as_ref().map(|file| folder.join(file)),
            client_crl: tls.client_crl.as_ref().map(|file| folder.join(file)),
            requires_client: tls.client_auth == ClientAuth::Required,
        })
    });
    let trusted = config.proxy_protocol.iter().flat_map(|proxies| &proxies.trusted);
    let proxies = trusted.map(|network| {
        network.parse().map_err(|error| format!("interface.proxy_protocol.trusted: {error}"))
    });
    let cors = config.cors.as_ref().map(|cors| {
        Cors::try_from(CorsRules {
            origins: cors.origins.clone(),
            credentials: cors.credentials,
            headers: cors.headers.clone(),
            expose: cors.expose.clone(),
            max_age_s: cors.max_age_s,
        })
    });
    Ok(InterfaceSettings {
        tls: tls.transpose().map_err(|error| error.to_string())?,
        proxies: proxies.collect::<Result<_, _>>()?,
        cors: cors.transpose().map_err(|error| error.to_string())?,
        compression: CompressionSettings {
            http: config.compression.http,
            grpc: config.compression.grpc,
            min_bytes: config.compression.min_bytes,
        },
        hosts: config.hosts.clone(),
    })
}

fn traces(config: &ServerConfig, service: &str) -> Option<TraceSettings> {
    let tracing = config.tracing.as_ref()?;
    let protocol = match tracing.protocol {
        TracingProtocol::Grpc => TraceProtocol::Grpc,
        TracingProtocol::Http => TraceProtocol::Http,
    };
    let name = tracing.service_name.as_deref().filter(|name| !name.is_empty());
    Some(TraceSettings {
        endpoint: tracing.endpoint.clone(),
        protocol,
        sample_ratio: tracing.sample_ratio,
        service: name.unwrap_or(service).to_owned(),
    })
}

fn custom_route(config: &CustomizedHttpConfig) -> Option<Result<CustomRoute, String>> {
    let path = config.path.clone().filter(|path| !path.is_empty())?;
    let control = config.streaming_ctrl.as_ref();
    let mode = match control.and_then(|control| control.ctrl_mode) {
        None | Some(CtrlMode::QueryParam) => StreamingMode::Query,
        Some(CtrlMode::HeaderParam) => StreamingMode::Header,
        Some(CtrlMode::BodyParam) => StreamingMode::Body,
    };
    let key = control.and_then(|control| control.ctrl_key.clone());
    let content_type = control.and_then(|control| control.res_content_type.clone());
    let content_type = content_type.map(|one| {
        let is_text = one.starts_with("text/") && !one.contains("charset");
        if is_text { format!("{one}; charset=utf-8") } else { one }
    });
    let content_type = content_type.map(HeaderValue::try_from).transpose();
    let fault = |_| "res_content_type is not a valid header value".to_owned();
    Some(content_type.map_err(fault).map(|stream_content_type| CustomRoute {
        path,
        owns_body: config.customized_body.unwrap_or(false),
        streaming: StreamingControl { mode, key: key.unwrap_or_else(|| "streaming".to_owned()) },
        stream_content_type,
    }))
}
