"""What an engine declares of itself.

Each engine's package has one ``declaration.py`` with an ``ENGINE``. Everything that lists engines
derives from these: recognition of files, configuration, verbs and their flags, ``grpst doctor``,
limits of GPU memory, and shares of threads. A declaration does not import its framework.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFormat:
    """A format of model files, and what it is recognised by. Nothing is executed for that.

    A file is compared with ``head`` of all formats first, then with their ``suffixes``, and with
    their ``looks_like`` at last.
    """

    name: str
    title: str
    """Its name in a list of all formats."""
    head: Callable[[bytes], bool] | None = None
    """Whether a file that begins with these bytes certainly has this format."""
    suffixes: frozenset[str] = frozenset()
    """Endings of files of which the content does not show the format."""
    looks_like: Callable[[bytes, str], bool] | None = None
    """Whether a file with these first bytes and this ending probably has this format."""
    in_zip: Callable[[AbstractSet[str]], bool] | None = None
    """Whether a zip archive with these files has this format."""
    directory_files: frozenset[str] = frozenset()
    """Names of files any of which shows that their directory has this format."""
    directory_suffixes: tuple[str, ...] = ()
    """Endings that the files of a directory of this format have; exactly one has the first."""
    in_directory: Callable[[Path], bool] | None = None
    """Whether a directory has this format, by more than the names of its files; asked first."""
    reads_text: bool = False
    """Whether its models take tokens that the service makes of text: embeddings and scores."""
    also_verbs: frozenset[str] = frozenset()
    """Verbs of other engines that serve it too, by the engine whose format it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """A flag of the serve verbs that not every engine has."""

    name: str
    help: str
    """Without a full stop; the engines that have the flag are added."""
    kind: Literal["text", "switch", "number", "device"] = "text"
    default: int | None = None
    most: int | None = None
    """The largest number."""
    default_text: str = ""
    """Describes a default that is not a plain value."""
    is_argument: bool = True
    """Whether it sets the key of ``inferer_args`` with its name; else that key of the model."""
    is_for_cpu: bool = False
    """Whether a model with it runs on the CPU only."""


NATIVE = Flag(
    name="native",
    help="Run the model in native threads, and the service without Python",
    kind="switch",
    is_for_cpu=True,
)
"""Of the engines that there are in native code as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verb:
    """The verb that serves models with one engine."""

    name: str
    summary: str
    """For the list of verbs."""
    title: str
    """The first line of its help."""
    model: str
    """What MODEL is, as sentences that follow "MODEL is"."""
    examples: tuple[str, ...]
    """Arguments of the verb."""
    noun: str = "model"


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuMemory:
    """How the GPU memory of an engine can be limited."""

    manager: str
    """The class in the module ``gpu_memory`` of the engine's package."""
    can_collect: bool = True
    """Whether the engine can give unused memory back."""
    limit_argument: str | None = None
    """The key of ``inferer_args`` that limits one copy in MiB, where each has its own limit."""
    collect_argument: str | None = None
    """The key of ``inferer_args`` with the seconds between two collections of one copy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """One engine; its package is ``grps.backends.NAME``.

    The package has a module ``backend`` with ``load(model: ModelConfig) -> Backend``. Where the
    engine has its own tensors, ``inferer`` and ``converter`` put user code around it. A module
    ``probe`` says more about an installation than its version.
    """

    name: str
    """The ``inferer_type``."""
    title: str
    package: str
    """What its framework is imported as."""
    extra: str
    """The extra of ``grpst`` that installs it."""
    distributions: tuple[str, ...]
    """Distributions that contain ``package``; they overwrite each other's files."""
    verb: Verb
    formats: tuple[ModelFormat, ...]
    also_imports: tuple[str, ...] = ()
    """Other packages that its modules import when they are loaded."""
    requires: str = ""
    """What else must be present."""
    also_serves: tuple[str, ...] = ()
    """Names of other engines' formats that it serves when it is named."""
    converter: str = "numpy"
    """The ``converter_type`` that passes its tensors unchanged: its own name if it has its own."""
    flags: tuple[Flag, ...] = ()
    side_by_side: bool = False
    """Whether one loaded copy runs several requests at once: ``load_all(model)`` returns it once
    for each."""
    default_device: Literal["auto", "cpu", "cuda"] = "auto"
    """What the serve verbs choose; ``auto`` is a GPU where there is one."""
    runs_on_cpu: bool = True
    threads: Literal["per_run", "per_process", "caller"] = "caller"
    """Who owns its CPU threads: each run, the process for all runs, or the calling thread."""
    threads_variable: str | None = None
    """The environment variable that sets the threads of a process."""
    streams_on_cpu: bool = False
    """Whether ``inferer_args.streams`` runs share the CPU."""
    tuned_arguments: tuple[Mapping[str, str | int | float | bool], ...] = ()
    """``inferer_args`` that a search for the best settings tries as well, with several threads."""
    makes_steps: bool = False
    """Whether its models are step models: the package has a module ``step_model`` with
    ``create_step_model(model: ModelConfig) -> StepModel`` instead of ``backend``."""
    profiles: bool = False
    """Whether the package has a module ``profiler`` that records operators: see ``operators``."""
    gpu_memory: GpuMemory | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    """Environment variables that are set before its framework is imported, unless they are."""

    @property
    def has_own_tensors(self) -> bool:
        """Whether user code around it gets the framework's tensors instead of numpy arrays."""
        return self.converter == self.name

    def module(self, part: str) -> str:
        """Return the full name of a module of the engine's package."""
        return f"grps.backends.{self.name}.{part}"
