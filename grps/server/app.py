"""One service from start to end: configuration, listening, loading, serving, draining."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, replace
from pathlib import Path

from grps.backends.environment import prepare_environment
from grps.backends.gpu_memory import look_after_gpu_memory
from grps.config.schema import InterfaceConfig, LogConfig, ServerConfig
from grps.errors import DeployError, GrpsError, ModelError, StopRequested
from grps.inference.monitor import app_monitor
from grps.inference.runner import describe
from grps.log import (
    SERVER_LOG_NAME,
    LogLevel,
    StderrFormat,
    clean,
    clogger,
    logger,
)
from grps.server.access.callers import Callers, warn_if_open
from grps.server.commands import take_commands
from grps.server.data_plane.settings import native_settings, unix_sockets
from grps.server.log_files import start_user_log
from grps.server.models.lifecycle import ServedModels
from grps.server.models.model import ServiceOptions
from grps.server.models.remote import other_services
from grps.server.models.shares import gpu_of_a_process
from grps.server.native import Log, Server, Services, monitor_api, set_level, start_log
from grps.server.output_file import OUTPUT_NAME, bound_output
from grps.server.printing import printed_is_logged
from grps.server.project import Project
from grps.server.repository.watching import RepositoryWatch
from grps.server.state import Phase, ServiceState
from grps.server.stopping import StopRequest

OWN_SOCKET = "service.sock"
END_TIMEOUT_S = 1.5
"""Longest wait for an instance that still runs after the drain."""
MARGIN_S = 4.0
"""So long after the longest drain the process is ended, whatever its threads do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a service process is run."""

    service: Path
    """The folder of ``conf/`` and ``logs/``; the project itself unless it is deployed apart."""
    state_file: Path | None
    """Where the phase of the process is written; nowhere when ``None``."""
    to_stderr: bool
    """Whether the logs also go to standard error."""
    only_stderr: StderrFormat | None = None
    """The format of logs that go to standard error only; files as configured when ``None``."""
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
        self._services: Services | None = None
        self._log: Log | None = None
        self._repository: RepositoryWatch | None = None

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
            docs = error.docs if isinstance(error, GrpsError) else ModelError.docs
            self._state = replace(self._state, error=cause, docs=docs)
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
        log = self._start_logs(config.log)
        try:
            with printed_is_logged():
                self._bound_output()
                self._listen(self._with_repository(project))
        except BaseException:
            logger.exception("the service can't go on")
            raise
        finally:
            log.close()

    def _with_repository(self, project: Project) -> Project:
        """Return the project with the models that its repository has."""
        config = project.inference.repository
        if config is None:
            return project
        self._report("starting", "reading the repository of models")
        self._repository = RepositoryWatch(config, self._folder, project.inference_file)
        self._repository.settle(self._ended.wait)
        found = self._read_again()
        return replace(found, server=project.server)

    def _start_logs(self, config: LogConfig) -> Log:
        options = self._options
        folder = options.service / config.log_dir if options.only_stderr is None else None
        as_json = (options.only_stderr or config.format) == "json"
        backups, to_stderr = config.log_backup_count, options.to_stderr
        path = None if folder is None else str(folder / SERVER_LOG_NAME)
        log = self._log = start_log(path, config.level, backups, to_stderr, as_json=as_json)
        start_user_log(folder, backups, config.level, to_stderr=to_stderr, as_json=as_json)
        return log

    def _listen(self, project: Project) -> None:
        config = project.server
        service = self._options.service
        logs_to_files = self._options.only_stderr is None
        try:
            server = Server(native_settings(project, service, logs_to_files=logs_to_files))
            self._services = other_services(project.inference.services, project.folder.resolve())
        except ValueError as error:
            raise DeployError(str(error)) from error
        if self._services is not None:
            server.set_services(self._services)
        self._stop.drain(server)
        self._admit_callers(server, config)
        app_monitor.connect(server, monitor_api())
        host = config.interface.host
        own = self._own_socket(config.interface)
        sockets = unix_sockets(config.interface, self._options.service, own)
        try:
            ports = server.start([(host, port) for port in config.interface.ports], sockets)
        except (OSError, ValueError) as error:
            raise DeployError(str(error)) from error
        self._state = replace(
            self._state,
            ports=tuple(ports),
            host=_own_address(host),
            unix_socket=str(own or ""),
            tls=config.interface.tls is not None,
        )
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

    def _admit_callers(self, server: Server, config: ServerConfig) -> None:
        if config.auth is None:
            warn_if_open(config.interface.host)
            return
        homes = (self._options.service, self._folder)
        callers = Callers(config.auth, [home / "conf" for home in homes], server)
        callers.admit()
        threading.Thread(
            target=callers.follow, args=(self._ended.wait,), name="callers", daemon=True
        ).start()

    def _own_socket(self, interface: InterfaceConfig) -> Path | None:
        """Where the tool reaches the service if it can't use the ports as they are."""
        state_file = self._options.state_file
        needs_one = interface.tls is not None or interface.proxy_protocol is not None
        return state_file.with_name(OWN_SOCKET) if needs_one and state_file is not None else None

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
            services=self._services,
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
        if self._repository is not None:
            threading.Thread(
                target=self._repository.follow,
                args=(models, self._ended.wait),
                name="repository",
                daemon=True,
            ).start()

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
        if phase == "loading" and self._state.phase not in ("starting", "loading"):
            # A process of an instance starts again; the service goes on meanwhile.
            return
        self._state = replace(self._state, phase=phase, detail=detail)
        if self._options.state_file is not None:
            self._state.write(self._options.state_file)


def _own_address(host: str) -> str:
    """Return the address at which this machine reaches a server that listens on ``host``."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
