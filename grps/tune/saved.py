"""What an interrupted search has measured, kept for the next one of the same model and machine."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import platform
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from grps.backends.table import ENGINES
from grps.config.schema import ModelConfig
from grps.deploy.paths import home
from grps.machine import memory_limit, usable_cpus
from grps.server.files import write_atomically
from grps.tune.curves.curve import Curves
from grps.tune.curves.orders import Loaded

FORMAT = "grps-tune-state/1"
_BLOCK = 1 << 20
_CPU_INFO = Path("/proc/cpuinfo")


@dataclass(frozen=True, slots=True)
class Saved:
    """The state of a search.

    Attributes:
        format: Of the file.
        curves: What was measured in process.
        loaded: What was found of the model; ``None`` before.
        failed: Variants that can't be used, with the cause, by their text.
    """

    format: str = FORMAT
    curves: tuple[Curves, ...] = ()
    loaded: Loaded | None = None
    failed: dict[str, str] = field(default_factory=dict)


class StateFile:
    """The file of a search; it is gone after a verdict."""

    def __init__(self, key: str, folder: Path | None = None) -> None:
        """Name the file of the search with this key."""
        self.path = (folder or home() / ".tune") / f"{key}.json"

    def read(self) -> Saved | None:
        """Return what an interrupted search has left; ``None`` if nothing."""
        try:
            saved = msgspec.json.decode(self.path.read_bytes(), type=Saved)
        except (OSError, msgspec.DecodeError):
            return None
        return saved if saved.format == FORMAT and saved.curves else None

    def write(self, saved: Saved) -> None:
        """Keep the state; a folder that can't be written costs only that."""
        with suppress(OSError):
            write_atomically(self.path, msgspec.json.encode(saved))

    def remove(self) -> None:
        """Forget the state."""
        with suppress(OSError):
            self.path.unlink(missing_ok=True)


def with_curves(saved: Saved, curves: Curves, loaded: Loaded) -> Saved:
    """Return the state with the curves of another variant."""
    return replace(saved, curves=(*saved.curves, curves), loaded=saved.loaded or loaded)


def key_of(config: ModelConfig, engines: Iterable[str], more: object) -> str:
    """Return what tells searches apart: the content of the model, the machine, and the versions.

    Args:
        config: The model.
        engines: The engines that are tried.
        more: What else the measurements depend on; anything that JSON holds.
    """
    digest = hashlib.sha256()
    for file in _files(Path(config.inferer_path or "")):
        digest.update(file.name.encode())
        with file.open("rb") as stream:
            while block := stream.read(_BLOCK):
                digest.update(block)
    facts = (machine_facts(), [_version(name) for name in engines], _plain(config), more)
    digest.update(msgspec.json.encode(facts))
    return digest.hexdigest()[:32]


def _plain(config: ModelConfig) -> object:
    return msgspec.to_builtins(config)


def _files(path: Path) -> list[Path]:
    """Return the files of a model: of its folder, or those that begin with its name."""
    if path.is_dir():
        return sorted(file for file in path.rglob("*") if file.is_file())
    beside = {path, *path.parent.glob(f"{path.stem}.*"), *path.parent.glob(f"{path.name}*")}
    return sorted(file for file in beside if file.is_file())


def machine_facts() -> dict[str, object]:
    """Return what of the machine decides how fast it is."""
    model = ""
    with suppress(OSError):
        lines = _CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines()
        model = next((line for line in lines if line.startswith("model name")), "")
    return {
        "cpu": model.partition(":")[2].strip() or platform.machine(),
        "cpus": usable_cpus(),
        "threads": os.cpu_count(),
        "memory_bytes": memory_limit(),
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


def _version(engine: str) -> str:
    for name in ENGINES[engine].distributions:
        with suppress(importlib.metadata.PackageNotFoundError):
            return f"{name} {importlib.metadata.version(name)}"
    return engine
