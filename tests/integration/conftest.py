"""Servers that the tests of one module share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support import RunningServer, serving, user_model, write_user_project
from tests.traces import Collector, receiving_traces

USER_MODELS = ("echo", "sleeper", "raiser", "failing")


@pytest.fixture(scope="module")
def user_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server of user code: echo by default, and models that sleep, raise and fail."""
    models = [user_model(name) for name in USER_MODELS]
    folder = write_user_project(tmp_path_factory.mktemp("user"), models, dag=["echo-1.0.0"])
    with serving(folder) as server:
        yield server


@pytest.fixture(scope="module")
def receiving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    """A collector of traces."""
    with receiving_traces(tmp_path_factory.mktemp("collector")) as collector:
        yield collector
