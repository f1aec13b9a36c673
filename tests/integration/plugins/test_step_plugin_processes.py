"""Step models in C++ whose instances run in worker processes of both servers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from grps.deploy.native import PROGRAM
from tests.integration.plugins.conftest import step_plugin
from tests.integration.scheduling.test_step_processes import (
    Service,
    model,
    test_a_sequence_sees_that_its_client_has_left,
    test_a_sequence_that_had_not_begun_begins_in_the_next_process,
    test_a_slow_client_does_not_keep_a_dead_instance,
    test_ends_under_load_cost_the_sequences_of_one_instance,
    test_inputs_and_outputs_of_any_size_pass,
    test_states_end_once_when_the_instance_is_stopped,
    test_what_waits_goes_on_when_the_only_instance_runs_again,
)
from tests.step_models import Client
from tests.support import serving, write_project

__all__ = [
    "test_a_sequence_sees_that_its_client_has_left",
    "test_a_sequence_that_had_not_begun_begins_in_the_next_process",
    "test_a_slow_client_does_not_keep_a_dead_instance",
    "test_ends_under_load_cost_the_sequences_of_one_instance",
    "test_inputs_and_outputs_of_any_size_pass",
    "test_states_end_once_when_the_instance_is_stopped",
    "test_what_waits_goes_on_when_the_only_instance_runs_again",
]


@pytest.fixture(params=[None, PROGRAM], ids=["python", "native"])
def service(request: pytest.FixtureRequest, steps_library: Path) -> Service:
    """What starts a service with a step model in processes."""

    @contextmanager
    def start(
        folder: Path, settings: dict[str, Any] | None = None, **keys: Any
    ) -> Iterator[Client]:
        models = [step_plugin(model(**keys), steps_library, "process")]
        with serving(write_project(folder, models, server=settings), request.param) as server:
            yield Client(server, "m")

    return start
