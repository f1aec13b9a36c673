"""Every module, class and function that projects of upstream may import is there."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

CONTRACT = Path(__file__).parent / "data" / "python_api.md"
MODULE = re.compile(r"### `(?P<name>[\w.]+)`")
CLASS = re.compile(r"- \*\*class (?P<name>\w+)")
METHOD = re.compile(r"  - `(?P<mark>@\w+ )?(?P<name>\w+)\((?P<parameters>.*?)\)(?: -> .*)?`")
FUNCTION = re.compile(r"- `def (?P<name>\w+)\((?P<parameters>.*?)\)`")
VALUE = re.compile(r"(?:  )?- `\(?(?P<name>\w+)[\w, ]*\)? = ")

OUR_OWN = {
    # What upstream's monitor and logger are made of inside; ours is native.
    *("MetricsHistory", "MetricsCompose", "MetricsPiece", "executors", "scheduler", "log"),
    # Upstream's server starts and stops its monitor, and hands it a scheduler; here nobody does.
    *("Monitor.__init__", "Monitor.start", "Monitor.stop"),
}
"""Names of the contract that projects have no use for."""


@dataclass(frozen=True, slots=True)
class Promise:
    """One name of the contract."""

    module: str
    owner: str | None
    """The class it belongs to."""
    name: str
    parameters: tuple[str, ...] | None
    """``None`` when it is no function."""

    @property
    def path(self) -> str:
        """The name within its module."""
        return self.name if self.owner is None else f"{self.owner}.{self.name}"


def promises() -> Iterator[Promise]:
    """Read the contract."""
    _, text = CONTRACT.read_text(encoding="utf-8").split("## Public modules")
    module, owner = "", None
    for line in text.splitlines():
        if found := MODULE.match(line):
            module, owner = found["name"], None
        elif found := CLASS.match(line):
            owner = found["name"]
            yield Promise(module, None, owner, None)
        elif found := METHOD.match(line):
            is_property = found["mark"] == "@property "
            parameters = None if is_property else names(found["parameters"])
            yield Promise(module, owner, found["name"], parameters)
        elif found := FUNCTION.match(line):
            yield Promise(module, None, found["name"], names(found["parameters"]))
        elif (found := VALUE.match(line)) and not found["name"].startswith("__"):
            yield Promise(module, owner if line.startswith(" ") else None, found["name"], None)


def names(parameters: str) -> tuple[str, ...]:
    """Return the names of parameters without types and defaults."""
    return tuple(re.split(r"[:=]", part)[0].strip() for part in parameters.split(",") if part)


def is_ours(promise: Promise) -> bool:
    """Tell whether we need not keep a promise."""
    return bool(OUR_OWN & {promise.path, promise.name, promise.owner})


KEPT = [promise for promise in promises() if not is_ours(promise)]


def test_the_contract_is_read() -> None:
    assert len(KEPT) > 100
    assert Promise("grps_framework.constant", None, "GRPS_MAJOR", None) in KEPT
    assert (
        Promise(
            "grps_framework.context.context",
            "GrpsContext",
            "stream_respond",
            ("self", "msg", "final"),
        )
        in KEPT
    )


@pytest.mark.parametrize("promise", KEPT, ids=lambda promise: f"{promise.module}.{promise.path}")
def test_a_name_is_there(promise: Promise) -> None:
    owner = importlib.import_module(promise.module)
    if promise.owner is not None:
        owner = getattr(owner, promise.owner)
    value = inspect.getattr_static(owner, promise.name)
    if promise.parameters is not None:
        assert tuple(inspect.signature(value).parameters) == promise.parameters
