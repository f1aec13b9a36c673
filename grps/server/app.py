"""One service from start to end: configuration, listening, loading, serving, draining."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from grps.backends.environment import prepare_environment
from grps.backends.gpu_memory import look_after_gpu_memory
from grps.config.schema import CustomizedHttpConfig, ServerConfig, StreamingControl
from grps.dashboard import dashboard_page
from grps.errors import DeployError, GrpsError, StopRequested
from grps.inference.monitor import app_monitor
from grps.inference.runner import describe
from grps.log import (
    MONITOR_LOG_NAME,
    SERVER_LOG_NAME,
    USER_LOG_NAME,
    LogLevel,
    clean,
    clogger,
    logger,
)
from grps.machine import memory_limit, usable_cpus
from grps.server.commands import take_commands
from grps.server.log_files import start_user_log
from grps.server.memory import inflight_bytes
from grps.server.models.lifecycle import ServedModels
from grps.server.models.model import ServiceOptions
from grps.server.models.shares import gpu_of_a_process
from grps.server.native import (
    Log,
    NativeRoute,
    NativeSettings,
    NativeTraces,
    Server,
    monitor_api,
    set_level,
    start_log,
)
from grps.server.output_file import OUTPUT_NAME, bound_output
from grps.server.printing import printed_is_logged
from grps.server.project import Project
from grps.server.state import Phase, ServiceState
from grps.server.stopping import StopRequest

MOST_IO_THREADS = 4
END_TIMEOUT_S = 1.5
"""Longest wait for an instance that still runs after the drain."""
MARGIN_S = 4.0
"""So long after the longest drain the process is ended, whatever its threads do."""
ADMIN_TOKEN_VARIABLE = "GRPS_ADMIN_TOKEN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a service process is run."""

    service: Path
    """The folder of ``conf/`` and ``logs/``; the project itself unless it is deployed apart."""
    state_file: Path | None
    """Where the phase of the process is written; nowhere when ``None``."""
    to_stderr: bool
    """Whether the logs also go to standard error."""
    port: str | None = None
    """Ports to listen on, as ``server.yml`` writes them; what that says when ``None``."""


class App:
    """A service process."""

    def __init__(self, folder: Path, options: Options) -> None:
        """Prepare to serve the project in ``folder``."""
        self._folder = folder
        self._options = options
        self._state = ServiceState.of_this_process(options.service)
        self._stop = StopRequest()
        self._ended = threading.Event()
        self._models: ServedModels | None = None
        self._log: Log | None = None

    def run(self) -> None:
        """Serve until a SIGTERM or SIGINT has drained the service.

        Raises:
            GrpsError: The service can't start; the text is the one-line cause.
        """
        self._report("starting", "reading the configuration")
        try:
            self._serve()
        except BaseException as error:
            # Such as the SystemExit of user code that is loaded.
            cause = clean(str(error)) if isinstance(error, GrpsError) else describe(error)
            self._state = replace(self._state, error=cause)
            self._report("failed", cause)
            raise
        finally:
            self._ended.set()
            self._stop.close()

    def _serve(self) -> None:
        self._stop.listen()
        options = self._options
        project = Project.read(self._folder, options.service / "conf")
        if options.port is not None:
            project = project.listening_on(options.port)
        config = project.server
        self._stop.end_within(config.limits.drain_timeout_ms / 1000 + MARGIN_S)
        log_folder = options.service / config.log.log_dir
        backups = config.log.log_backup_count
        as_json = config.log.format == "json"
        log = self._log = start_log(
            str(log_folder / SERVER_LOG_NAME),
            config.log.level,
            backups,
            options.to_stderr,
            as_json=as_json,
        )
        start_user_log(
            log_folder, backups, config.log.level, to_stderr=options.to_stderr, as_json=as_json
        )
        try:
            with printed_is_logged():
                self._bound_output()
                self._listen(project)
        except BaseException:
            logger.exception("the service can't go on")
            raise
        finally:
            log.close()

    def _listen(self, project: Project) -> None:
        config = project.server
        server = Server(_native_settings(project, self._options.service))
        self._stop.drain(server)
        app_monitor.connect(server, monitor_api())
        host = config.interface.host
        try:
            ports = server.start([(host, port) for port in config.interface.ports])
        except (OSError, ValueError) as error:
            raise DeployError(str(error)) from error
        self._state = replace(self._state, ports=tuple(ports), host=_own_address(host))
        try:
            with self._stop.interrupts():
                self._load(project, server)
            server.set_loaded()
            self._report("ready", f"listening on {host}:{','.join(map(str, ports))}")
            self._stop.wait()
        except StopRequested:
            logger.info("asked to stop before all models were loaded")
        finally:
            self._report("draining", "finishing running requests")
            server.stop()
            server.wait()
            if self._models is not None:
                self._models.stop(END_TIMEOUT_S)
        self._report("stopped", "stopped")

    def _load(self, project: Project, server: Server) -> None:
        prepare_environment()
        self._limit_gpu_memory(project)
        self._report("loading", "importing user code")
        project.import_user_code()
        health = project.server.health
        options = ServiceOptions(
            max_concurrency=project.server.max_concurrency,
            hang_timeout_ms=health.hang_timeout_ms or None,
            folder=self._folder,
            gpu=project.server.gpu,
            log_level=LogLevel(project.server.log.level),
        )
        models = ServedModels(
            server,
            options,
            self._read_again,
            self._report,
            self._set_log_level,
        )
        self._models = models
        models.start(project)
        take_commands(server, models)

    def _read_again(self) -> Project:
        """Read the project as it is now: its folder may be a link that leads elsewhere since."""
        os.chdir(self._folder)
        return Project.read(self._folder, self._options.service / "conf")

    def _limit_gpu_memory(self, project: Project) -> None:
        models = project.inference.models
        own = [model for model in models if model.isolation == "thread"]
        if not own:
            return  # each worker does it for itself
        look_after_gpu_memory(gpu_of_a_process(models, project.server.gpu), own, self._ended.wait)

    def _bound_output(self) -> None:
        output = self._options.service / "logs" / OUTPUT_NAME
        threading.Thread(
            target=bound_output, args=(output, self._ended.wait), name="output", daemon=True
        ).start()

    def _set_log_level(self, level: str) -> None:
        if self._log is not None:
            set_level(self._log, level)
        clogger.setLevel(level.upper())

    def _report(self, phase: Phase, detail: str) -> None:
        logger.info("%s: %s", phase, detail)
        self._state = replace(self._state, phase=phase, detail=detail)
        if self._options.state_file is not None:
            self._state.write(self._options.state_file)


def _native_settings(project: Project, service: Path) -> NativeSettings:
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
        drain_timeout_ms=limits.drain_timeout_ms,
        access_log=config.log.access,
        custom_routes=tuple(_custom_routes(config)),
        admin_token=os.environ.get(ADMIN_TOKEN_VARIABLE) or None,
        server_metadata=project.metadata,
        dashboard=dashboard_page(service.name),
        memory_limit_bytes=memory_limit(),
        max_memory_percent=limits.max_memory_percent,
        monitor_log=logs / MONITOR_LOG_NAME,
        logs=[("server", logs / SERVER_LOG_NAME), ("user", logs / USER_LOG_NAME)],
        traces=_traces(config, service.name),
        gpus=list(config.gpu.devices or ()) if config.gpu is not None else [],
        start_online=config.health.start_online,
        io_threads=_io_threads(config),
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


def _own_address(host: str) -> str:
    """Return the address at which this machine reaches a server that listens on ``host``."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)


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
