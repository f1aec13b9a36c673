"""Gives a model archive's process the modules that handlers import: the package ``ts``."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType

NAME = "ts"
OWN = f"{__package__}.{NAME}"


def provide_modules() -> None:
    """Make ``import ts`` work from here on: torchserve's own if it is installed, else ours."""
    if any(isinstance(finder, _Finder) for finder in sys.meta_path):
        return
    if find_spec(NAME) is None:
        sys.meta_path.insert(0, _Finder())


class _Finder(MetaPathFinder):
    """Finds our modules under TorchServe's names."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """Return the module; ``None`` for one that is not of ``ts``.

        Raises:
            ModuleNotFoundError: It is of ``ts``, and GRPS has none.
        """
        del path, target
        if fullname != NAME and not fullname.startswith(f"{NAME}."):
            return None
        own = OWN + fullname.removeprefix(NAME)
        found = find_spec(own)
        if found is None:
            raise ModuleNotFoundError(
                f"{fullname} is a module of TorchServe that GRPS does not have; install torchserve "
                "beside grpst, or name it in the archive's requirements file",
                name=fullname,
            )
        is_package = found.submodule_search_locations is not None
        return ModuleSpec(fullname, _Loader(own), is_package=is_package)


class _Loader(Loader):
    """Returns a module that is loaded under another name."""

    def __init__(self, own: str) -> None:
        self._own = own

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Return the module under its own name."""
        del spec
        return importlib.import_module(self._own)

    def exec_module(self, module: ModuleType) -> None:
        """Do nothing: the module is loaded."""
