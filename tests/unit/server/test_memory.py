"""The memory that this process may use."""

from __future__ import annotations

import pytest

from grps.config.schema import LimitsConfig
from grps.server import memory


def test_a_share_of_the_memory_may_be_in_flight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "memory_limit", lambda: 4000)
    assert memory.inflight_bytes(LimitsConfig(max_request_bytes=10)) == 1000
    assert memory.inflight_bytes(LimitsConfig(max_request_bytes=2000)) == 2000
    configured = LimitsConfig(max_request_bytes=10, max_inflight_bytes=20)
    assert memory.inflight_bytes(configured) == 20
