"""Step models in C++ in both servers do what those in Python do: the same tests, other models."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.plugins.conftest import STEP_SERVERS, step_plugin
from tests.integration.scheduling.test_steps import (
    MODELS,
    client,
    test_a_client_that_leaves_frees_its_slot,
    test_a_full_queue_refuses,
    test_a_long_wait_refuses,
    test_a_passed_deadline_frees_the_slot,
    test_a_prefill_beyond_the_cost_of_a_step_is_refused,
    test_a_prefill_is_done_in_parts_beside_the_steps_of_others,
    test_a_sequence_ends_after_the_most_steps,
    test_a_slow_reader_stalls_only_itself,
    test_a_whole_answer_joins_the_steps,
    test_a_whole_answer_over_grpc,
    test_each_step_is_a_chunk_over_http,
    test_each_step_is_a_message_over_grpc,
    test_end_comes_once_for_each_sequence_though_clients_leave,
    test_outputs_do_not_depend_on_who_shares_the_batch,
    test_sequences_join_and_leave_a_running_batch,
    test_several_instances_share_what_waits,
)
from tests.step_models import Client, expected, series_model
from tests.support import RunningServer, serving, wait_until, write_project

__all__ = [
    "client",
    "test_a_client_that_leaves_frees_its_slot",
    "test_a_full_queue_refuses",
    "test_a_long_wait_refuses",
    "test_a_passed_deadline_frees_the_slot",
    "test_a_prefill_beyond_the_cost_of_a_step_is_refused",
    "test_a_prefill_is_done_in_parts_beside_the_steps_of_others",
    "test_a_sequence_ends_after_the_most_steps",
    "test_a_slow_reader_stalls_only_itself",
    "test_a_whole_answer_joins_the_steps",
    "test_a_whole_answer_over_grpc",
    "test_each_step_is_a_chunk_over_http",
    "test_each_step_is_a_message_over_grpc",
    "test_end_comes_once_for_each_sequence_though_clients_leave",
    "test_outputs_do_not_depend_on_who_shares_the_batch",
    "test_sequences_join_and_leave_a_running_batch",
    "test_several_instances_share_what_waits",
]


WORDS = dict(zip(["one ", "🦀", " stop", " never"], expected(0, 4), strict=True))
TOKENIZER = {
    "version": "1.0",
    "added_tokens": [],
    "decoder": {"type": "Fuse"},
    "model": {"type": "WordLevel", "unk_token": "one ", "vocab": WORDS},
}
"""Words for the first numbers of a sequence."""
TEXT = {"tokenizer": "tokenizer.json", "token_output": "y", "stop": [" stop"]}


@pytest.fixture(scope="module", params=STEP_SERVERS)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, steps_library: Path
) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("steps")
    (folder / "tokenizer.json").write_text(json.dumps(TOKENIZER))
    texts = series_model("texts", {"steps": {"text": TEXT}})
    program, isolation = request.param
    models = [step_plugin(model, steps_library, isolation) for model in [*MODELS, texts]]
    with serving(write_project(folder, models), program) as running:
        yield running


def test_steps_are_counted(server: RunningServer) -> None:
    client = Client(server, "short")
    before = client.gauge("grps_model_step_outputs_total")
    assert client.whole(300, 4) == expected(300, 4)
    client.all_ended()
    wait_until(lambda: client.gauge("grps_model_slots_in_use") == 0, "the slot is free")
    assert client.gauge("grps_model_step_outputs_total") == before + 4
    assert client.gauge("grps_model_slots") > 0


@pytest.mark.parametrize("steps", [2, 4], ids=["the-model-ends", "a-stop-string-ends"])
def test_text_is_made_of_the_tokens(server: RunningServer, steps: int) -> None:
    client = Client(server, "texts")
    tensors = client.post(0, steps).json()["gtensors"]["tensors"]
    found = {tensor["name"]: tensor.get("flat_string") for tensor in tensors}
    assert (found["text"], found["finish_reason"]) == (["one 🦀"], ["stop"])
    client.all_ended()
