"""One service from start to end: configuration, listening, loading, serving, draining."""

from __future__ import annotations

import os
from dataclasses import replace
from importlib import resources
from pathlib import Path

from grps.config.schema import ServerConfig
from grps.errors import DeployError, GrpsError, ModelError
from grps.inference.runner import describe
from grps.log import SERVER_LOG_NAME, logger, start_user_log
from grps.server.models import load_model
from grps.server.native import NativeSettings, Server, start_log
from grps.server.project import Project
from grps.server.state import Phase, ServiceState
from grps.server.stopping import StopRequest, StopRequested

MOST_IO_THREADS = 4
ADMIN_TOKEN_VARIABLE = "GRPS_ADMIN_TOKEN"


class App:
    """A service process."""

    def __init__(self, folder: Path, state_file: Path | None, to_stderr: bool) -> None:
        """Prepare a service.

        Args:
            folder: The project.
            state_file: Where the phase of the process is told; nowhere when ``None``.
            to_stderr: Whether the server's log also goes to standard error.
        """
        self._folder = folder
        self._state_file = state_file
        self._to_stderr = to_stderr
        self._state = ServiceState.of_this_process(folder)
        self._stop = StopRequest()

    def run(self) -> None:
        """Serve until a SIGTERM or SIGINT has drained the service.

        Raises:
            GrpsError: The service can't start; the text is the one-line cause.
        """
        self._report("starting", "reading the configuration")
        try:
            self._serve()
        except Exception as error:
            cause = describe(error) if not isinstance(error, GrpsError) else str(error)
            self._state = replace(self._state, error=cause)
            self._report("failed", cause)
            raise
        finally:
            self._stop.close()

    def _serve(self) -> None:
        self._stop.listen()
        project = Project.read(self._folder)
        config = project.server
        log_folder = self._folder / config.log.log_dir
        backups = config.log.log_backup_count
        log = start_log(
            str(log_folder / SERVER_LOG_NAME), config.log.level, backups, self._to_stderr
        )
        start_user_log(log_folder, backups, config.log.level)
        try:
            self._listen(project)
        except Exception:
            logger.exception("the service can't go on")
            raise
        finally:
            log.close()

    def _listen(self, project: Project) -> None:
        config = project.server
        server = Server(_native_settings(project))
        host = config.interface.host
        try:
            ports = server.start([(host, port) for port in config.interface.ports])
        except (OSError, ValueError) as error:
            raise DeployError(str(error)) from error
        self._state = replace(self._state, ports=tuple(ports))
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
        self._report("stopped", "stopped")

    def _load(self, project: Project, server: Server) -> None:
        self._report("loading", "importing user code")
        _import(project)
        count = len(project.inference.models)
        models = zip(project.inference.models, project.descriptions, strict=True)
        for index, (config, description) in enumerate(models):
            of = f" ({index + 1} of {count})" if count > 1 else ""
            self._report("loading", f"loading model {config.key}{of}")
            load_model(config, description, self._report).serve(server)
        if project.inference.dag is not None:
            server.set_default([node.model for node in project.inference.dag.nodes])

    def _report(self, phase: Phase, detail: str) -> None:
        logger.info("%s: %s", phase, detail)
        self._state = replace(self._state, phase=phase, detail=detail)
        if self._state_file is not None:
            self._state.write(self._state_file)


def _import(project: Project) -> None:
    """Import the user's code; what it raises is named with the line that raised it."""
    try:
        project.import_user_code()
    except GrpsError:
        raise
    except Exception as error:
        raise ModelError(f"the project's code can't be imported: {describe(error)}") from error


def _native_settings(project: Project) -> NativeSettings:
    config = project.server
    limits = config.limits
    custom = config.interface.customized_predict_http
    return NativeSettings(
        max_connections=config.max_connections,
        max_concurrency=config.max_concurrency,
        max_queue=limits.max_queue,
        max_request_bytes=limits.max_request_bytes,
        max_header_bytes=limits.max_header_bytes,
        header_timeout_ms=limits.header_timeout_ms,
        body_timeout_ms=limits.body_timeout_ms,
        drain_timeout_ms=limits.drain_timeout_ms,
        access_log=config.log.access,
        predict_paths=[custom.path] if custom is not None and custom.path else [],
        admin_token=os.environ.get(ADMIN_TOKEN_VARIABLE) or None,
        server_metadata=project.metadata,
        dashboard=resources.files("grps.dashboard").joinpath("index.html").read_bytes(),
        start_online=config.health.start_online,
        io_threads=_io_threads(config),
    )


def _io_threads(config: ServerConfig) -> int:
    """The threads that serve sockets: as configured, else one per two processors, at most four."""
    usable = len(os.sched_getaffinity(0))
    return config.io_threads or min(MOST_IO_THREADS, max(1, usable // 2))
