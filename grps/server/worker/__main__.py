"""``python -m grps.server.worker``: one instance of a model in a process of its own.

The server starts it with three descriptors: the socket of requests, the page for notes, and the
socket for everything else. It ends when the server closes them.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from grps.backends.common.language.language_model import LanguageModel
from grps.backends.environment import prepare_environment
from grps.backends.gpu_memory import look_after_gpu_memory
from grps.config.schema import InferenceConfig, ServerConfig
from grps.errors import ModelError
from grps.inference.async_runner import AsyncMessageRunner
from grps.inference.monitor import app_monitor
from grps.inference.runner import Runner, describe, run_instance
from grps.log import logger, use_request_source
from grps.server.ending import run_and_end
from grps.server.loading.copies import LoadedCopy
from grps.server.loading.loaders import copy_loaders
from grps.server.loading.native_engines import runs_natively
from grps.server.loading.step_models import load_steps, step_runner
from grps.server.native import end_with_parent, monitor_api, queue_recorded
from grps.server.printing import log_printed
from grps.server.project import Project
from grps.server.state import Phase
from grps.server.worker.channel import WorkerChannel
from grps.server.worker.control import (
    LOGGERS,
    Control,
    ControlHandler,
    Failed,
    Loaded,
    Progress,
    RemoteRecorder,
    WorkerSettings,
)
from grps.server.worker.native_copy import serve_natively
from grps.server.worker.packets import Pipe
from grps.server.worker.steps import WorkerStepChannel

Serve = Callable[[Pipe, int], None]
"""Serves until the server ends it: by the socket of requests, and the page for notes."""


def main(pipe: int, note: int, control: int) -> int:
    """Serve one instance until the server ends it; return the exit code.

    Args:
        pipe: Descriptor of the socket of requests.
        note: Descriptor of the page for notes.
        control: Descriptor of the socket for everything else.
    """
    # A signal to the whole group, such as Ctrl-C, is the server's to act on: it drains first.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    # Should user code hold the interpreter for ever, it must still end with the server.
    end_with_parent()
    server = Control(socket.socket(fileno=control))
    settings = server.read_settings()
    _log_to(server, settings.log_level)
    queue_recorded()
    recorder = RemoteRecorder(server)
    app_monitor.connect(recorder, monitor_api())
    threading.Thread(target=_end_with, args=(server,), name="control", daemon=True).start()
    if settings.model.inferer_type == "plugin" or runs_natively(settings.model):
        code = serve_natively(server, settings, (pipe, note))
        recorder.close()
        return code
    try:
        _import_project(settings)
        load = _load_steps if settings.model.makes_steps else _load
        loaded, serve = load(settings, server)
    except BaseException as error:
        logger.debug("the copy can't be loaded", exc_info=True)
        server.send(Failed(describe(error)))
        return 1
    server.send(loaded)
    serve(Pipe(socket.socket(fileno=pipe)), note)
    recorder.close()
    return 0


def only_runner(copy: LoadedCopy, model: str) -> Runner:
    """Return the one runner of a copy.

    Raises:
        ModelError: It has several, or one that runs many requests at once.
    """
    runners = set(copy.runners)
    if len(runners) != 1:
        raise ModelError(f"model {model}: streams need isolation: thread")
    (runner,) = runners
    if isinstance(runner, AsyncMessageRunner):
        raise ModelError(
            f"model {model}: an async infer runs many requests in one process; "
            "use isolation: thread"
        )
    return runner


def _load(settings: WorkerSettings, server: Control) -> tuple[Loaded, Serve]:
    def report(phase: Phase, detail: str) -> None:
        server.send(Progress("warming" if phase == "warming" else "loading", detail))

    loaders = copy_loaders(settings.model, report)
    copy = loaders[min(settings.index, len(loaders) - 1)]()
    runner = only_runner(copy, settings.model.key)

    def serve(pipe: Pipe, note: int) -> None:
        channel = WorkerChannel(pipe, note)
        use_request_source(channel.current_request)
        run_instance(channel, runner, _name(settings))
        runner.close(None)

    return Loaded(copy.signature), serve


def _load_steps(settings: WorkerSettings, server: Control) -> tuple[Loaded, Serve]:
    server.send(Progress("loading", f"loading {_name(settings)}"))
    step_model, state_bytes = load_steps(settings.model)
    runner = step_runner(settings.model, step_model, _name(settings))

    def serve(pipe: Pipe, note: int) -> None:
        channel = WorkerStepChannel(pipe, note)
        use_request_source(channel.current_request)
        runner.run(channel)

    language = step_model.facts() if isinstance(step_model, LanguageModel) else None
    return Loaded(None, state_bytes=state_bytes, language=language), serve


def _name(settings: WorkerSettings) -> str:
    return f"{settings.model.key}#{settings.index}"


def _import_project(settings: WorkerSettings) -> None:
    prepare_environment()
    look_after_gpu_memory(settings.gpu, (settings.model,), threading.Event().wait)
    # As the server read it when it loaded the model: the files may say something else by now.
    inference = InferenceConfig(models=(settings.model,))
    Project(
        folder=Path(settings.folder),
        inference=inference,
        server=ServerConfig(),
        metadata="",
        inference_file=Path(),
        descriptions=(),
    ).import_user_code()


def _log_to(server: Control, level: str) -> None:
    handler = ControlHandler(server)
    for target in LOGGERS.values():
        target.addHandler(handler)
        target.propagate = False
    _set_level(level)
    log_printed()


def _end_with(server: Control) -> None:
    """End at once when the server has exited, whatever user code is doing."""
    server.follow_levels(_set_level)
    os._exit(0)


def _set_level(level: str) -> None:
    for target in LOGGERS.values():
        target.setLevel(level.upper())


if __name__ == "__main__":
    run_and_end(lambda: main(*(int(argument) for argument in sys.argv[1:4])))
