"""Profiles the Python code of a project, in this process and without a server."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grps.backends.environment import prepare_environment
from grps.backends.table import ENGINES
from grps.config.schema import ModelConfig
from grps.errors import ModelError
from grps.inference.context import GrpsContext
from grps.inference.runner import describe
from grps.profile.curves import Point, Timing, time_runs
from grps.profile.errors import ProfileError
from grps.profile.memory import Memory, peak, reset_peak, resident
from grps.profile.model import Report
from grps.profile.sampling import Frame, Sampler, Samples
from grps.protocol.pb.grps_pb2 import GrpsMessage
from grps.server.loading.copies import LoadedCopy
from grps.server.loading.loaders import copy_loaders, runs_user_code
from grps.server.loading.local_entry import LocalBatch, LocalEntry
from grps.server.models.shares import give_shares
from grps.server.native import json_to_message
from grps.server.project import Project

_GRPS = Path(__file__).parents[1]
_WARM_UP = 2
_CLOSE_S = 5.0
"""What runs ``async`` code has a thread that ends within this time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UserProfile:
    """A profile of a project's converter and inferer.

    Attributes:
        project: The folder.
        model: The model's name and version.
        request: What the requests were, in words.
        plain: Requests without the sampler.
        requests: Requests with it.
        samples: What it saw.
        memory: Resident memory.
        folder: Where the project's code is.
    """

    project: str
    model: str
    request: str
    plain: Point
    requests: int
    samples: Samples
    memory: Memory
    folder: Path

    @property
    def own(self) -> float:
        """The share of the time in the project's code and in what it calls."""
        return self.samples.share(self.is_own)

    @property
    def explained(self) -> float:
        """That share, and the one of an engine or a built-in converter beside the code."""
        return self.samples.share(lambda frame: self.is_own(frame) or _is_of_models(frame))

    def is_own(self, frame: Frame) -> bool:
        """Return whether a function is the project's."""
        return Path(frame.file).is_relative_to(self.folder)


def is_project(path: Path) -> bool:
    """Return whether a path is the folder of a project."""
    return (path / "conf" / "inference.yml").is_file()


def choose_config(project: Project, name: str | None) -> ModelConfig:
    """Return a model of a project.

    Args:
        project: The project.
        name: ``name-version``, or a name alone; the only model if ``None``.

    Raises:
        ProfileError: There is no such model, or it runs in a server only.
    """
    models = project.inference.models
    known = ", ".join(model.key for model in models)
    found = [model for model in models if name in (None, model.key, model.name)]
    if not found:
        raise ProfileError(f"the project has no model {name!r}; it has: {known}")
    if len(found) > 1:
        raise ProfileError(f"the project has several models; give --model, one of: {known}")
    (config,) = found
    if config.makes_steps or config.inferer_type not in ("customized", "identity", *ENGINES):
        raise ProfileError(
            f"model {config.key} runs in a server only: {config.inferer_type}"
            f"{' with continuous batching' if config.makes_steps else ''}; measure its service by "
            "grpst perf"
        )
    return config


def is_user_code(config: ModelConfig) -> bool:
    """Return whether a model runs code of its project, which is sampled."""
    return runs_user_code(config)


def profile_user_code(
    project: Project,
    config: ModelConfig,
    request: GrpsMessage | None,
    *,
    budget_s: float = 3.0,
    on_step: Report = lambda step, detail: None,
) -> UserProfile:
    """Run a model of a project on one request for some time, and sample its code.

    Args:
        project: The project.
        config: The model.
        request: The request; the first of ``warm_up_requests`` if ``None``.
        budget_s: Seconds of the samples.
        on_step: Receives the progress.

    Raises:
        ProfileError: No request is known.
        GrpsError: The project or the model can't be loaded, or it fails on the request.
    """
    prepare_environment()
    message, words = _request_of(config, request)
    with _in_folder(project.folder):
        on_step("loading", config.key)
        before = resident()
        project.import_user_code()
        config = give_shares(config, project.inference.models, None)
        copy = copy_loaders(config, lambda phase, detail: None)[0]()
        loaded = resident()
        on_step("requests", "without the sampler")

        def run() -> None:
            _run(config.key, copy, message)

        knows_peak = reset_peak()
        plain = Point(1, tuple(time_runs(run, Timing(warmup=_WARM_UP, budget_s=budget_s / 3))))
        highest = peak() if knows_peak else None
        on_step("samples", f"{budget_s:g} s of requests")
        timing = Timing(warmup=0, most=1_000_000, budget_s=budget_s)
        try:
            with Sampler() as sampler:
                sampled = time_runs(run, timing)
        finally:
            for runner in dict.fromkeys(copy.runners):
                runner.close(_CLOSE_S)
    return UserProfile(
        project=str(project.folder),
        model=config.key,
        request=words,
        plain=plain,
        requests=len(sampled),
        samples=sampler.samples.without_outer(_is_of_profiles),
        memory=Memory(before, loaded, highest, 0),
        folder=project.folder.absolute(),
    )


def _is_of_models(frame: Frame) -> bool:
    """Return whether a function is of an engine or a built-in converter."""
    return any(Path(frame.file).is_relative_to(_GRPS / name) for name in ("backends", "converters"))


def _is_of_profiles(frame: Frame) -> bool:
    return Path(frame.file).parent == Path(__file__).parent


def _request_of(config: ModelConfig, request: GrpsMessage | None) -> tuple[GrpsMessage, str]:
    if request is not None:
        return request, "given"
    if not config.warm_up_requests:
        raise ProfileError(
            f"model {config.key}: no request is known, as its code decides what it takes; give "
            "inputs as for grpst call, after the project, or warm_up_requests in inference.yml"
        )
    file = config.warm_up_requests[0]
    try:
        return GrpsMessage.FromString(json_to_message(Path(file).read_bytes())), file
    except (OSError, ValueError) as error:
        raise ProfileError(f"{file}: {describe(error)}") from error


def _run(key: str, copy: LoadedCopy, message: GrpsMessage) -> None:
    entry = LocalEntry(message, GrpsContext(), copy.signature)
    copy.runners[0].run(LocalBatch(entry))
    entry.wait()
    if entry.raised is not None or entry.failure is not None:
        cause = entry.failure or describe(entry.raised or ModelError(""))
        raise ModelError(f"model {key} fails on the request: {cause}")


@contextmanager
def _in_folder(folder: Path) -> Iterator[None]:
    """Run in the folder of a project, as a server does."""
    before: Any = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
