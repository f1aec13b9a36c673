"""The settings of the data plane, from the configuration of a project."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from grps.config.parts.capture import CaptureConfig
from grps.config.schema import (
    CustomizedHttpConfig,
    InterfaceConfig,
    ServerConfig,
    StreamingControl,
)
from grps.dashboard import dashboard_page
from grps.log import MONITOR_LOG_NAME, SERVER_LOG_NAME, USER_LOG_NAME
from grps.machine import memory_limit, usable_cpus
from grps.server.memory import inflight_bytes
from grps.server.native import (
    NativeCapture,
    NativeCors,
    NativeFrontEnds,
    NativeInterface,
    NativeRoute,
    NativeSettings,
    NativeTls,
    NativeTraces,
)
from grps.server.project import Project

MOST_IO_THREADS = 4
ADMIN_TOKEN_VARIABLE = "GRPS_ADMIN_TOKEN"


def native_settings(project: Project, service: Path, *, logs_to_files: bool) -> NativeSettings:
    """Return the settings of the data plane.

    Args:
        project: The project.
        service: The folder of ``conf/`` and ``logs/``.
        logs_to_files: Whether the logs are files.
    """
    config = project.server
    logs = service / config.log.log_dir
    limits = config.limits
    return NativeSettings(
        max_connections=config.max_connections,
        max_concurrency=config.max_concurrency,
        max_queue=limits.max_queue,
        max_request_bytes=limits.max_request_bytes,
        max_inflight_bytes=inflight_bytes(limits),
        max_header_bytes=limits.max_header_bytes,
        client_priority=limits.client_priority,
        header_timeout_ms=limits.header_timeout_ms,
        body_timeout_ms=limits.body_timeout_ms,
        stream_stall_timeout_ms=limits.stream_stall_timeout_ms,
        stream_idle_timeout_ms=limits.stream_idle_timeout_ms,
        drain_timeout_ms=limits.drain_timeout_ms,
        access_log=config.log.access,
        custom_routes=tuple(_custom_routes(config)),
        admin_token=os.environ.get(ADMIN_TOKEN_VARIABLE) or None,
        server_metadata=project.metadata,
        dashboard=dashboard_page(service.name),
        memory_limit_bytes=memory_limit(),
        max_memory_percent=limits.max_memory_percent,
        monitor_log=logs / MONITOR_LOG_NAME if logs_to_files else None,
        logs=_log_files(logs) if logs_to_files else [],
        traces=_traces(config, service.name),
        gpus=list(config.gpu.devices or ()) if config.gpu is not None else [],
        start_online=config.health.start_online,
        io_threads=_io_threads(config),
        front_ends=_front_ends(config),
        interface=_interface(config.interface, project.folder),
        capture=_capture(config.capture, service),
    )


def _log_files(folder: Path) -> list[tuple[str, Path]]:
    return [("server", folder / SERVER_LOG_NAME), ("user", folder / USER_LOG_NAME)]


def _front_ends(config: ServerConfig) -> NativeFrontEnds:
    switches = {
        "oip": config.oip.enabled,
        "brpc": config.brpc.enabled,
        "tfserving": config.tfserving.enabled,
        "torchserve": config.torchserve.enabled,
    }
    return NativeFrontEnds(
        disabled=tuple(name for name, enabled in switches.items() if not enabled),
        oip_shared_memory=config.oip.shared_memory,
    )


def _interface(interface: InterfaceConfig, folder: Path) -> NativeInterface:
    tls, cors, compression = interface.tls, interface.cors, interface.compression
    return NativeInterface(
        tls=None
        if tls is None
        else NativeTls(
            cert=folder / tls.cert,
            key=folder / tls.key,
            client_ca=folder / tls.client_ca if tls.client_ca is not None else None,
            client_crl=folder / tls.client_crl if tls.client_crl is not None else None,
            requires_client=tls.client_auth == "required",
        ),
        proxies=interface.proxy_protocol.trusted if interface.proxy_protocol is not None else (),
        cors=None
        if cors is None
        else NativeCors(
            origins=cors.origins,
            credentials=cors.credentials,
            headers=cors.headers,
            expose=cors.expose,
            max_age_s=cors.max_age_s,
        ),
        compress_http=compression.http,
        compress_grpc=compression.grpc,
        compress_min_bytes=compression.min_bytes,
        hosts=interface.hosts,
    )


def unix_sockets(
    interface: InterfaceConfig, service: Path, own: Path | None
) -> list[tuple[Path, int]]:
    """Return the Unix sockets to listen on, each with its permissions.

    Args:
        interface: What the configuration says.
        service: The folder that its paths are relative to.
        own: The socket for the tool, which only this user may use; ``None`` for none.
    """
    sockets = [] if own is None else [(own, 0o600)]
    if interface.unix_socket is not None:
        sockets.append((service / interface.unix_socket, int(interface.unix_socket_mode, 8)))
    return sockets


def _capture(config: CaptureConfig, service: Path) -> NativeCapture:
    return NativeCapture(
        enabled=config.enabled,
        models=config.models,
        sample_ratio=config.sample_ratio,
        max_bytes=config.max_bytes,
        max_record_bytes=config.max_record_bytes,
        directory=service / config.directory,
        headers=config.headers,
    )


def _traces(config: ServerConfig, service: str) -> NativeTraces | None:
    tracing = config.tracing
    if tracing is None:
        return None
    return NativeTraces(
        endpoint=tracing.endpoint,
        protocol=tracing.protocol,
        sample_ratio=tracing.sample_ratio,
        service=tracing.service_name or service,
    )


def _custom_routes(config: ServerConfig) -> Iterator[NativeRoute]:
    for custom in config.interface.customized_routes:
        if custom.path:
            yield _custom_route(custom, custom.path)


def _custom_route(custom: CustomizedHttpConfig, path: str) -> NativeRoute:
    control = custom.streaming_ctrl or StreamingControl()
    content_type = control.res_content_type
    if content_type and content_type.startswith("text/") and "charset" not in content_type:
        content_type = f"{content_type}; charset=utf-8"
    return NativeRoute(
        path=path,
        owns_body=bool(custom.customized_body),
        streaming_mode=control.ctrl_mode or "query_param",
        streaming_key=control.ctrl_key or "streaming",
        stream_content_type=content_type or None,
    )


def _io_threads(config: ServerConfig) -> int:
    """The threads that serve sockets: as configured, else one per two processors, at most four."""
    return config.io_threads or min(MOST_IO_THREADS, max(1, usable_cpus() // 2))
