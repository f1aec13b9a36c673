"""GRPS puts any model online in one command and keeps it fast."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from grps.inference.context import GrpsContext
    from grps.inference.converter import Converter
    from grps.inference.inferer import ModelInferer
    from grps.inference.registry import converter_register, inferer_register
    from grps.log import clogger
    from grps.server.testing import GrpsTest

__all__ = [
    "Converter",
    "GrpsContext",
    "GrpsTest",
    "ModelInferer",
    "clogger",
    "converter_register",
    "inferer_register",
]

_HOMES = {
    "Converter": "grps.inference.converter",
    "GrpsContext": "grps.inference.context",
    "GrpsTest": "grps.server.testing",
    "ModelInferer": "grps.inference.inferer",
    "clogger": "grps.log",
    "converter_register": "grps.inference.registry",
    "inferer_register": "grps.inference.registry",
}
"""Where each public name lives; its module is imported when the name is first used."""


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
