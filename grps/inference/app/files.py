"""Importing the file whose functions and classes are models."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

from grps.config.suggest import hint
from grps.errors import ModelError, StopRequested
from grps.inference.app.decorator import names_once
from grps.inference.app.faults import located
from grps.inference.app.inferers import AppInferer
from grps.inference.app.names import name_of
from grps.inference.registry import inferer_register


def import_app(file: Path, named: str | None = None) -> dict[str, AppInferer]:
    """Import a file and return its models by the names of their functions and classes.

    Each is registered as ``inferer_name: FILE.py:NAME``. The file is run anew even if it was
    imported before; if that fails, the module from before stays.

    Args:
        file: The file; its folder is put where modules are imported from.
        named: How ``inference.yml`` names the file; its name when ``None``.

    Raises:
        ModelError: It can't be read, raises, or has no model; the text says where and what to do.
    """
    file = file.absolute()
    if not file.is_file():
        raise ModelError(f"{file}: no such file")
    before = dict(inferer_register.model_inferer_dict)
    _run(file)
    found = {
        name: inferer
        for name, inferer in inferer_register.model_inferer_dict.items()
        if isinstance(inferer, AppInferer) and inferer is not before.get(name)
    }
    if not found:
        raise ModelError(f"{file}: no model; put @grps.model before a function or a class")
    _check_names(file, found)
    for name, inferer in found.items():
        inferer_register.register(name_of(named or file.name, name), inferer)
    return found


def require(file: Path, target: str, found: dict[str, AppInferer]) -> None:
    """Check that a file has a model.

    Raises:
        ModelError: It has not.
    """
    if target not in found:
        known = ", ".join(found)
        raise ModelError(
            f"{file}: no model is called {target!r}{hint(target, found)}; it has: {known}"
        )


def _run(file: Path) -> None:
    if str(file.parent) not in sys.path:
        sys.path.insert(0, str(file.parent))
    name = _module_name(file)
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    earlier = sys.modules.get(name)
    sys.modules[name] = module
    try:
        with names_once():
            spec.loader.exec_module(module)
    except BaseException as error:
        _put_back(name, earlier)
        if isinstance(error, (StopRequested, KeyboardInterrupt)):
            raise
        raise ModelError(located(error, file)) from error


def _put_back(name: str, earlier: ModuleType | None) -> None:
    if earlier is None:
        del sys.modules[name]
    else:
        sys.modules[name] = earlier


def _module_name(file: Path) -> str:
    """Return the name of the file as a module, so that others of its folder can import it."""
    stem = file.stem
    loaded = sys.modules.get(stem)
    is_free = loaded is None or getattr(loaded, "__file__", None) == str(file)
    return stem if stem.isidentifier() and is_free else f"grps_app_{stem}"


def _check_names(file: Path, found: dict[str, AppInferer]) -> None:
    seen: dict[tuple[str, str], int] = {}
    for inferer in found.values():
        options, line = inferer.declared.options, inferer.declared.line
        key = (options.name, options.version)
        if key in seen:
            raise ModelError(
                f"{file}:{line}: the model {options.name!r} is there already in line {seen[key]}; "
                "give one of them another name or version"
            )
        seen[key] = line
