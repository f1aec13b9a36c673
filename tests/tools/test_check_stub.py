from __future__ import annotations

import _heapq
from pathlib import Path
from types import ModuleType

import pytest

from tools.checks.stub import check, compare, module_names, stub_names

BUILT = """
LIMIT = 3
_hidden = 1

def run(channel, *items, timeout_ms=None, **rest): ...

class Channel:
    def __init__(self, size): ...
    def next(self, wait): ...
    def __len__(self): return 0
    def __repr__(self): return ""
    @property
    def depth(self): return 0
    @staticmethod
    def open(path): ...
    @classmethod
    def make(cls, size): ...

class Closed(Exception):
    pass
"""
STUB = """
from typing import Any
LIMIT: int
def run(channel: Channel, *items: Any, timeout_ms: int | None = None, **rest: Any) -> None: ...
class Channel:
    def __new__(cls, size: int) -> Channel: ...
    def next(self, wait: bool) -> int: ...
    def __len__(self) -> int: ...
    @property
    def depth(self) -> int: ...
    @staticmethod
    def open(path: str) -> Channel: ...
    @classmethod
    def make(cls, size: int) -> Channel: ...
class Closed(Exception): ...
"""


@pytest.fixture
def built() -> ModuleType:
    module = ModuleType("sample")
    exec(BUILT, vars(module))
    return module


def problems(stub: str, module: ModuleType) -> list[str]:
    return compare(stub_names(stub), module_names(module))


def test_agreeing(built: ModuleType) -> None:
    assert problems(STUB, built) == []


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("LIMIT: int", "", "LIMIT: in the module only"),
        ("LIMIT: int", "LIMIT: int\nMORE: int", "MORE: in the stub only"),
        (
            "wait: bool",
            "timeout: bool",
            "Channel.next: the stub takes (timeout), the module (wait)",
        ),
        (
            "cls, size: int) -> Channel: ...\n    def n",
            "cls) -> Channel: ...\n    def n",
            "Channel: ",
        ),
        ("    @property\n    def depth", "    def depth", "Channel.depth: "),
        ("*items: Any, ", "", "run: "),
        ("class Closed(Exception): ...", "", "Closed: in the module only"),
        ("    def __len__(self) -> int: ...\n", "", "Channel.__len__: in the module only"),
    ],
)
def test_disagreeing(built: ModuleType, old: str, new: str, problem: str) -> None:
    assert STUB.count(old) == 1
    found = problems(STUB.replace(old, new), built)
    assert len(found) == 1
    assert found[0].startswith(problem)


def test_native_signatures_are_read() -> None:
    names = module_names(_heapq)
    assert names["heappush"] == ["heap", "item"]
    assert "heappop: in the stub only" in compare({"heappop": ["heap"]}, {})


def test_missing_stub_is_a_difference(built: ModuleType, tmp_path: Path) -> None:
    assert "run: in the module only" in check(tmp_path / "none.pyi", built)
