"""A loaded model, and how it is put behind the native server."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from grps.backends.base import Signature
from grps.backends.signature import describe
from grps.config.schema import ModelConfig
from grps.inference.runner import Runner, run_instance
from grps.server.native import Model, NativeModel, Server


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model whose instances are loaded and warm."""

    config: ModelConfig
    description: dict[str, Any]
    """Its own lines of ``inference.yml``."""
    runners: tuple[Runner, ...]
    """One per instance."""
    takes_tensors: bool
    """Whether instances take decoded tensors; else they take encoded messages."""
    signature: Signature | None = None
    """Inputs and outputs; ``None`` when user code decides."""
    grows: bool = False
    """Whether more threads may run it while requests wait: user code may wait for others."""

    def serve(self, server: Server, max_concurrency: int) -> None:
        """Register the model and start the threads of its instances.

        Args:
            server: Where it is registered.
            max_concurrency: Most threads of a model that grows and does not say how many.
        """
        model = server.add_model(
            NativeModel(
                name=self.config.name,
                version=self.config.version,
                takes_tensors=self.takes_tensors,
                signature=self.signature,
                metadata=self._metadata(),
            )
        )
        names = (f"{self.config.key}#{index}" for index in itertools.count())
        for runner in self.runners:
            _start(run_instance, model.attach(), runner, next(names))
        if self.grows:
            most = self.config.max_threads or max_concurrency
            _start(_grow, model, self.runners, names, most)

    def _metadata(self) -> str:
        description = dict(self.description)
        if self.signature is not None:
            description.update(describe(self.signature))
        return yaml.safe_dump(description, allow_unicode=True)


def _start(target: Callable[..., None], *arguments: Any) -> None:
    """Run a function in a thread that does not keep the process alive."""
    threading.Thread(target=target, args=arguments, name=target.__name__, daemon=True).start()


def _grow(model: Model, runners: tuple[Runner, ...], names: Iterator[str], most: int) -> None:
    """Start one more runner thread whenever it helps, until the service stops."""
    shared = itertools.cycle(runners)
    while model.needs_runner(len(runners), most):
        _start(run_instance, model.attach(), next(shared), next(names))
