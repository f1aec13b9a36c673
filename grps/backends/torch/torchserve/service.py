"""A model archive's handler, loaded: the function that runs a batch, and its context."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

from grps.backends.torch.torchserve.metrics import Metrics
from grps.backends.torch.torchserve.modules import NAME, provide_modules
from grps.errors import ModelError

MANIFEST = Path("MAR-INF") / "MANIFEST.json"
ENTRY = "handle"
HANDLERS = "ts.torch_handler"


@dataclass(frozen=True, slots=True)
class Service:
    """A handler that has loaded its model."""

    entry: Callable[[Any, Any], Any]
    """Takes the requests of a batch and the context."""
    context: Any
    """``ts.context.Context``."""


def load_service(folder: Path, gpu_id: int | None, batch_size: int) -> Service:
    """Import the handler of an unpacked model archive and let it load its model.

    From here on the folder is the working directory and the first place of modules, as in a
    worker of TorchServe: it is for processes that run nothing else.

    Raises:
        ModelError: There is no such archive or no such handler.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise ModelError(f"{path} is missing; is {folder} an unpacked archive of TorchServe?")
    manifest = json.loads(path.read_text(encoding="utf-8"))
    model = manifest["model"]
    sys.path.insert(0, str(folder))
    os.chdir(folder)
    provide_modules()
    ts = importlib.import_module("ts")
    context = importlib.import_module("ts.context").Context(
        model["modelName"],
        str(folder),
        manifest,
        batch_size,
        gpu_id,
        ts.__version__,
        True,
        Metrics(),
        _yaml_config(folder, model.get("configFile")),
    )
    name, _, function = model["handler"].partition(":")
    try:
        entry, initialize = _entry_of(_import_handler(folder, name), function or ENTRY)
        initialize(context)
    except ModuleNotFoundError as error:
        raise ModelError(_missing(name, error)) from error
    return Service(entry, context)


def _missing(handler: str, error: ModuleNotFoundError) -> str:
    """Return what to do about a module that a handler imports and that is absent."""
    package = (error.name or "").partition(".")[0]
    if not package or package == NAME:
        return str(error)
    return (
        f"the handler {handler} needs the module {error.name}: install {package} beside grpst, or "
        "name its package in the archive's requirements file"
    )


def _yaml_config(folder: Path, name: str | None) -> dict[str, Any]:
    if not name:
        return {}
    read = yaml.safe_load((folder / name).read_text(encoding="utf-8"))
    return read if isinstance(read, dict) else {}


def _import_handler(folder: Path, name: str) -> ModuleType:
    """Import a handler: a file of the archive, else one of TorchServe's own."""
    plain = name.rpartition("/")[2].removesuffix(".py")
    file = folder / f"{plain}.py"
    if not file.is_file():
        return importlib.import_module(f"{HANDLERS}.{plain}")
    # By its file, as a module of the same name may be imported already.
    spec = importlib.util.spec_from_file_location(plain, file)
    if spec is None or spec.loader is None:
        raise ModelError(f"{file} can't be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[plain] = module
    spec.loader.exec_module(module)
    return module


def _entry_of(
    module: ModuleType, function: str
) -> tuple[Callable[[Any, Any], Any], Callable[[Any], Any]]:
    """Return what runs a batch, and what loads the model."""
    entry = getattr(module, function, None)
    if entry is not None:
        return entry, lambda context: entry(None, context)
    handler = _only_class(module, function)()
    found = getattr(handler, function)
    return found, handler.initialize


def _only_class(module: ModuleType, function: str) -> type[Any]:
    classes = [
        one
        for _, one in inspect.getmembers(module, inspect.isclass)
        if one.__module__ == module.__name__ and hasattr(one, function)
    ]
    # A class that another one of the module derives from is not the handler.
    leaves = [one for one in classes if not any(one in other.__mro__[1:] for other in classes)]
    if len(leaves) != 1:
        names = ", ".join(one.__name__ for one in leaves) or "none"
        raise ModelError(
            f"the handler {module.__name__} must have a function {function}, or one class with a "
            f"method {function}; it has: {names}"
        )
    return leaves[0]
