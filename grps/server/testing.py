"""Runs a project's models in the calling process, for the project's own tests.

No socket is opened and no server runs; configuration and models are loaded, and requests run, by
the server's own code.
"""

from __future__ import annotations

import logging
import unittest
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from grps.errors import ConfigError, ModelError
from grps.inference.context import GrpsContext
from grps.inference.user_tensors import name_inputs
from grps.log import USER_FORMAT, clogger
from grps.protocol.arrays import to_arrays, to_message
from grps.protocol.pb.grps_pb2 import GrpsMessage, Status
from grps.server.loading.copies import LoadedCopy
from grps.server.loading.loaders import copy_loaders
from grps.server.loading.local_entry import LocalBatch, LocalEntry
from grps.server.loading.local_files import local_model
from grps.server.loading.local_steps import LocalSteps, SequenceResult
from grps.server.project import Project
from grps.sources import Settings, Sources

FAILED = 500


class Executor:
    """The models and the default graph of the project in the current folder."""

    def __init__(self) -> None:
        """Load the project.

        Raises:
            GrpsError: Its configuration is wrong, or a model can't be loaded.
        """
        project = Project.read(Path.cwd())
        project.import_user_code()
        sources = Sources(Settings.of(project.server.sources))
        # The leases of what is fetched last as long as the models.
        self._files = [local_model(config, sources) for config in project.inference.models]
        self._configs = {local.config.key: local.config for local in self._files}
        # One copy of each model is enough: requests run one at a time.
        self._copies = {
            key: copy_loaders(config, lambda phase, detail: None)[0]()
            for key, config in self._configs.items()
            if not config.makes_steps
        }
        self._step_models = {
            key: LocalSteps(config) for key, config in self._configs.items() if config.makes_steps
        }
        dag = project.inference.dag
        self._default = [self._find(node.model) for node in dag.nodes] if dag is not None else []
        self._branches = dag is not None and dag.type == "graph"

    def infer(
        self, inp: GrpsMessage, context: GrpsContext, model_name: str | None = None
    ) -> GrpsMessage:
        """Run the default graph, or one model, on a message.

        Args:
            inp: The request.
            context: What the user's code sees of it; look at ``has_err()`` afterwards.
            model_name: ``name-version``, or a name alone for its latest version.

        Returns:
            The answer; one with status ``FAILURE`` when the user's code marked the request so.

        Raises:
            ConfigError: There is no such model, no default graph, or one of ``type: graph``, whose
                models run side by side in a server only; name the model to test.
            InputError: The message does not fit the model.
            ModelError: The model did not answer.
            Exception: What the user's code raised, as it is; of a step model, an ``InputError`` or
                a ``ModelError`` with its text.
        """
        if self._branches and not model_name:
            raise ConfigError("a dag of type graph runs in a server only; give model_name")
        keys = self._default if not model_name else [self._find(model_name)]
        if not keys:
            raise ConfigError("inference.yml has several models and no dag; give model_name")
        answer = inp
        for key in keys:
            if key in self._step_models:
                answer = _run_steps(key, self._step_models[key], answer)
            else:
                answer = _run(key, self._copies[key], answer, context)
            if context.has_err():
                break
        return answer

    def infer_with_model_name(
        self, inp: GrpsMessage, context: GrpsContext, model_name: str | None = None
    ) -> GrpsMessage:
        """Run ``model_name`` on the message ``inp`` with ``context``; see ``infer``."""
        return self.infer(inp, context, model_name)

    def infer_steps(
        self, inputs: Sequence[Mapping[str, np.ndarray]], model_name: str | None = None
    ) -> list[SequenceResult]:
        """Run sequences of a step model together, as a server does.

        They begin in this order, as many at once as the model has slots (``max_batch_size``); the
        others begin when a sequence ends. Prefill is divided by ``max_chunk``, and ``max_steps``
        ends a sequence. Priorities, preemption and the sharing of a step's cost are the server's.

        Args:
            inputs: The tensors of each sequence by name.
            model_name: ``name-version``, or a name alone for its latest version; not needed if the
                project has one step model.

        Returns:
            What became of each, in the same order.

        Raises:
            ConfigError: There is no such step model.
        """
        key = self._find(model_name) if model_name else None
        if key is None and len(self._step_models) == 1:
            (key,) = self._step_models
        if key not in self._step_models:
            known = ", ".join(self._step_models) or "none"
            raise ConfigError(f"give the model_name of a step model; inference.yml has: {known}")
        return self._step_models[key].infer(inputs)

    def _find(self, name: str) -> str:
        found = [key for key, config in self._configs.items() if name in (key, config.name)]
        if not found:
            known = ", ".join(self._configs)
            raise ConfigError(f"inference.yml has no model {name!r}; it has: {known}")
        return name if name in found else found[-1]


def _run(key: str, copy: LoadedCopy, inp: GrpsMessage, context: GrpsContext) -> GrpsMessage:
    entry = LocalEntry(inp, context, copy.signature)
    copy.runners[0].run(LocalBatch(entry))
    entry.wait()
    if entry.raised is not None:
        raise entry.raised
    if context.has_err():
        failure = Status(code=FAILED, msg=context.get_err_msg(), status=Status.FAILURE)
        return GrpsMessage(status=failure)
    if entry.failure is not None:
        raise ModelError(f"model {key}: {entry.failure}")
    return entry.answer


def _run_steps(key: str, model: LocalSteps, inp: GrpsMessage) -> GrpsMessage:
    (result,) = model.infer([name_inputs(to_arrays(inp))])
    if isinstance(result.error, ModelError):
        raise ModelError(f"model {key}: {result.error}")
    if result.error is not None:
        raise result.error
    return to_message(list(result.outputs.items()))


class GrpsTest(unittest.TestCase):
    """Base of a project's tests; run them from the project's folder.

    Attributes:
        executor: Runs the project's models, once ``test_init`` has run.
    """

    executor: Any = None
    """An ``Executor`` once ``test_init`` has run."""
    _loaded: ClassVar[dict[Path, Executor]] = {}

    def test_init(self) -> None:
        """Build ``self.executor``; the models are loaded once for all tests of the process."""
        if not clogger.handlers:
            shown = logging.StreamHandler()
            shown.setFormatter(logging.Formatter(USER_FORMAT, datefmt="%Y-%m-%d %H:%M:%S"))
            clogger.addHandler(shown)
            clogger.setLevel(logging.INFO)
        folder = Path.cwd()
        if folder not in GrpsTest._loaded:
            GrpsTest._loaded[folder] = Executor()
        self.executor = GrpsTest._loaded[folder]
