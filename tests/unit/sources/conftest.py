"""A host, and sources whose cache is a folder of the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from grps.sources import Settings, Sources
from tests.unit.sources.host import Host, hosting

Make = Callable[..., Sources]


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    for name in ("HF_TOKEN", "HF_ENDPOINT", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "*")
    with hosting() as made:
        yield made


@pytest.fixture
def lines() -> list[str]:
    """What the sources warned of."""
    return []


@pytest.fixture
def sources(tmp_path: Path, lines: list[str], monkeypatch: pytest.MonkeyPatch) -> Make:
    """Make sources with settings."""
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))

    def make(**settings: Any) -> Sources:
        on_bytes = settings.pop("on_bytes", lambda what, done, total: None)
        found = Settings(**{"cache": tmp_path / "cache", **settings})
        return Sources(found, on_bytes=on_bytes, on_line=lines.append)

    return make
