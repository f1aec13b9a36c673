"""The models of a running service: loaded at start, and loaded, unloaded or reloaded on demand."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from grps.backends.gpu_memory import check_engines
from grps.config.schema import InferenceConfig, ModelConfig
from grps.errors import ConfigError, GrpsError, InputError, ModelError
from grps.log import logger
from grps.server.loading.loaders import Report
from grps.server.loading.local_files import LocalModel, fetch_reporting
from grps.server.memory import give_back_memory
from grps.server.models.graphs import describe_graphs, put_traffic, serve_graphs
from grps.server.models.model import LoadedModel, ServiceOptions, load_model
from grps.server.models.remote import LONGEST_WAIT_S
from grps.server.models.shares import give_shares, gpu_of_a_process
from grps.server.native import Model, Server
from grps.server.project import Project, needs_user_code


class UnknownModelError(InputError):
    """No model of this name is configured, or none is served."""


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model behind the server."""

    loaded: LoadedModel
    model: Model
    since: float
    """When it was put there, in seconds since the epoch."""
    load_s: float
    """How long its loading took."""
    files: LocalModel
    """Where its files are; they are kept while it is served."""


class ServedModels:
    """All models behind one server.

    Changes are made one at a time. A change that fails leaves everything as it was.
    """

    def __init__(
        self,
        server: Server,
        options: ServiceOptions,
        read: Callable[[], Project],
        report: Report,
        set_own_level: Callable[[str], None],
    ) -> None:
        """Serve nothing yet.

        Args:
            server: Where models are put.
            options: The service's settings for every model.
            read: Reads the project as it is configured now.
            report: Receives the progress while the service starts.
            set_own_level: Changes the level of this process's logs.
        """
        self._set_own_level = set_own_level
        self._server = server
        self._options = options
        self._read = read
        self._report = report
        self._changing = threading.Lock()
        self._served: dict[str, ServedModel] = {}
        self._graphs = InferenceConfig(models=())

    def start(self, project: Project) -> None:
        """Load and serve all models and graphs of a project whose code is imported.

        Raises:
            GrpsError: A model can't be loaded, or the models of a graph do not fit together.
        """
        with self._changing:
            self._graphs = project.inference
            # Before the first version can get a request.
            put_traffic(self._server, self._graphs)
            # Two services may wait for models of each other: each has its own ones by then.
            models = sorted(project.inference.models, key=lambda one: one.remote is not None)
            count = len(models)
            for index, config in enumerate(models):
                of = f" ({index + 1} of {count})" if count > 1 else ""
                self._report("loading", f"loading model {config.key}{of}")
                self._put(project, config, self._report)
            serve_graphs(self._server, self._graphs, self._loaded())

    def stop(self, timeout_s: float) -> None:
        """End all instances, at the end of the service.

        Args:
            timeout_s: Longest wait for each; threads that run longer end with the process.
        """
        instances = [one for served in self._served.values() for one in served.loaded.instances]
        if instances:
            with ThreadPoolExecutor(len(instances)) as pool:
                list(pool.map(lambda instance: instance.stop(timeout_s), instances))

    def load(self, name: str) -> dict[str, Any]:
        """Serve a model that ``inference.yml`` has and that is not served.

        Args:
            name: ``name-version``, or a bare name when only one version is not served.

        Returns:
            Its description; see ``describe``.

        Raises:
            UnknownModelError: ``inference.yml`` has no such model.
            InputError: It is served already, or several versions could be meant.
            GrpsError: It can't be loaded, or a graph does not fit together with it.
        """
        with self._changing:
            project = self._read()
            configured = _named(name, project.inference.models)
            if not configured:
                known = ", ".join(model.key for model in project.inference.models)
                raise UnknownModelError(
                    f"{project.inference_file} has no model {name!r}; it has: {known}"
                )
            waiting = [model for model in configured if model.key not in self._served]
            if not waiting:
                raise InputError(f"model {configured[0].key} is served already; reload it instead")
            return self._replace(project, _only(name, waiting))

    def reload(self, name: str) -> dict[str, Any]:
        """Load a served model again, as it is configured now, and replace it.

        The previous one finishes all its requests and is then freed. Until the new one has
        taken over both are in memory.

        Args:
            name: ``name-version``, or a bare name when only one version is served.

        Returns:
            Its description; see ``describe``.

        Raises:
            UnknownModelError: No such model is served, or ``inference.yml`` has it no more.
            InputError: Several versions could be meant.
            GrpsError: It can't be loaded, or a graph does not fit together with it; the one before
                it goes on.
        """
        with self._changing:
            key = self._find(name)
            project = self._read()
            configured = [model for model in project.inference.models if model.key == key]
            if not configured:
                raise UnknownModelError(f"{project.inference_file} has no model {key!r} any more")
            return self._replace(project, configured[0])

    def unload(self, name: str) -> dict[str, Any]:
        """Take a model out of service; it is freed when all its requests are finished.

        Args:
            name: ``name-version``, or a bare name when only one version is served.

        Returns:
            Its name, and what keeps the service from being ready without it.

        Raises:
            UnknownModelError: No such model is served.
            InputError: Several versions could be meant.
        """
        with self._changing:
            key = self._find(name)
            self._server.remove_model(key)
            self._retire(self._served.pop(key))
            describe_graphs(self._server, self._graphs, self._loaded())
            logger.info("model %s is unloaded", key)
            return {"model": key, "state": "unloaded", "trouble": self._server.trouble()}

    def set_log_level(self, level: str) -> dict[str, Any]:
        """Write log lines of this level and above from here on, in worker processes too.

        Returns:
            The level before and the level now.
        """
        before, self._options.log_level.name = self._options.log_level.name, level
        self._set_own_level(level)
        for served in dict(self._served).values():
            for instance in served.loaded.instances:
                instance.set_log_level(level)
        return {"before": before, "level": level}

    def describe(self) -> list[dict[str, Any]]:
        """Describe all models that are served or can be loaded."""
        served = dict(self._served)
        described = [_describe(one) for one in served.values()]
        try:
            configured = self._read().inference.models
        except (ConfigError, OSError):
            configured = ()
        described += [
            {"model": model.key, "state": "unloaded"}
            for model in configured
            if model.key not in served
        ]
        return sorted(described, key=lambda model: str(model["model"]))

    def _replace(self, project: Project, config: ModelConfig) -> dict[str, Any]:
        if needs_user_code(config):
            project.reimport_user_code()
        self._put(project, config, _report_nothing, LONGEST_WAIT_S)
        describe_graphs(self._server, self._graphs, self._loaded())
        served = self._served[config.key]
        logger.info("model %s is loaded (%.2f s)", config.key, served.load_s)
        return _describe(served)

    def _put(
        self,
        project: Project,
        config: ModelConfig,
        report: Report,
        remote_limit_s: float | None = None,
    ) -> None:
        began = time.monotonic()
        models, options = project.inference.models, self._options
        check_engines(options.gpu, (config,))
        files = fetch_reporting(config, project.server.sources, report)
        shared = give_shares(files.config, models, options.gpu)
        gpu = gpu_of_a_process(models, options.gpu)
        options = replace(options, gpu=gpu, remote_limit_s=remote_limit_s)
        loaded = load_model(shared, project.description_of(config), options, report)
        model = loaded.start(self._options)
        try:
            self._server.put_model(model)
        except ValueError as error:
            model.close()
            loaded.join()
            raise ModelError(str(error)) from error
        before = self._served.get(config.key)
        load_s = time.monotonic() - began
        self._served[config.key] = ServedModel(loaded, model, time.time(), load_s, files)
        if before is not None:
            self._retire(before)

    def _retire(self, served: ServedModel) -> None:
        """Free a model, in a thread of its own, when all its requests are finished."""
        name = f"{served.loaded.config.key} retires"
        threading.Thread(target=_free, args=(served,), name=name, daemon=True).start()

    def _find(self, name: str) -> str:
        found = _named(name, [served.loaded.config for served in self._served.values()])
        if not found:
            known = ", ".join(self._served) or "none"
            raise UnknownModelError(f"no model {name!r} is served; served: {known}")
        return _only(name, found).key

    def _loaded(self) -> list[LoadedModel]:
        return [served.loaded for served in self._served.values()]


def answer(models: ServedModels, action: str, name: str) -> Any:
    """Run a command of an operator; see the methods of ``ServedModels``."""
    if action == "list":
        return {"models": models.describe()}
    if action == "set_log_level":
        return models.set_log_level(name)
    change = {"load": models.load, "unload": models.unload, "reload": models.reload}[action]
    try:
        return change(name)
    except GrpsError as error:
        logger.warning("%s of model %s failed: %s", action, name, error)
        raise


def _free(served: ServedModel) -> None:
    served.loaded.join()
    served.files.release()
    give_back_memory()
    logger.info("the former model %s is freed", served.loaded.config.key)


def _report_nothing(phase: object, detail: object) -> None:
    """Report a change in the log only: the service stays ready."""


def _named(name: str, models: tuple[ModelConfig, ...] | list[ModelConfig]) -> list[ModelConfig]:
    exact = [model for model in models if model.key == name]
    return exact or [model for model in models if model.name == name]


def _only(name: str, found: list[ModelConfig]) -> ModelConfig:
    if len(found) > 1:
        keys = ", ".join(model.key for model in found)
        raise InputError(f"{name!r} could be any of {keys}; give one of them")
    return found[0]


def _describe(served: ServedModel) -> dict[str, Any]:
    config = served.loaded.config
    instances = []
    for instance in served.loaded.instances:
        state = instance.state()
        described = {
            "name": instance.name,
            "state": state.life.value,
            "reason": state.reason,
            "restarts": state.restarts,
            "pid": state.pid,
        }
        instances.append({key: value for key, value in described.items() if value is not None})
    return {
        "model": config.key,
        "state": "served",
        "inferer": config.inferer_type,
        "isolation": config.isolation,
        "since": served.since,
        "load_s": round(served.load_s, 3),
        "queue_length": served.model.queue_length(),
        "instances": instances,
    }
