"""The memory that this process may use."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from grps.config.schema import LimitsConfig
from grps.server import memory


@pytest.mark.parametrize("text", ["max\n", "", "nonsense"])
def test_without_a_containers_limit_it_is_the_machines(tmp_path: Path, text: str) -> None:
    (tmp_path / "limit").write_text(text)
    files = (tmp_path / "limit", tmp_path / "absent")
    assert memory.memory_limit(files) == psutil.virtual_memory().total


def test_the_containers_limit_counts(tmp_path: Path) -> None:
    (tmp_path / "limit").write_text("1048576\n")
    assert memory.memory_limit((tmp_path / "limit",)) == 1048576


def test_a_share_of_the_memory_may_be_in_flight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "memory_limit", lambda: 4000)
    assert memory.inflight_bytes(LimitsConfig(max_request_bytes=10)) == 1000
    assert memory.inflight_bytes(LimitsConfig(max_request_bytes=2000)) == 2000
    configured = LimitsConfig(max_request_bytes=10, max_inflight_bytes=20)
    assert memory.inflight_bytes(configured) == 20
