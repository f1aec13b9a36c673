"""The text of sequences that give their slots away, and what keeps a model from starting."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.step_text_models import TextClient, text_model, write_text_project
from tests.support import START_TIMEOUT_S, RunningServer, launch, serving, state_of, wait_until

URGENT = {"X-Grps-Priority": "0"}
PATIENT = {"X-Grps-Priority": "2"}
TEXT = "Ein 👩‍👩‍👧‍👦 läuft weiter, stets ohne Halt."
PREEMPTIONS = ["save", "recompute"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    models = [
        text_model(
            name,
            {"stop": ["Halt"]},
            {"preemption": name},
            slots=1,
            queue={"priority_levels": 3},
            inferer_args={"notes": name, "delay": 0.001},
        )
        for name in PREEMPTIONS
    ]
    with serving(write_text_project(tmp_path_factory.mktemp("text"), models)) as running:
        yield running


def has_rows(client: TextClient, count: int) -> bool:
    return len(client.noted("rows")) > count


@pytest.mark.parametrize("model", PREEMPTIONS)
@pytest.mark.parametrize("streams", [False, True])
def test_the_text_goes_on_after_the_slot_was_taken(
    server: RunningServer, model: str, streams: bool
) -> None:
    client = TextClient(server, model)
    tokens = list(TEXT.encode())
    before, begun = len(client.noted("rows")), len(client.noted("begun"))

    def patient() -> str:
        if not streams:
            return client.whole(tokens, headers=PATIENT).text
        pieces = client.stream(tokens, headers=PATIENT)
        assert [at for piece in pieces for at in piece.at] == list(range(len(tokens) - 1))
        return "".join(piece.text for piece in pieces)

    with ThreadPoolExecutor() as threads:
        found = threads.submit(patient)
        # It gives its slot away within the bytes of a character, and elsewhere.
        for step in (5, 6, 7, 20, 40):
            wait_until(partial(has_rows, client, before + step), "it runs")
            urgent = client.whole(list(b"abc"), headers=URGENT)
            assert (urgent.text, urgent.tokens) == ("abc", [*b"abc"])
        assert found.result() == TEXT.removesuffix("Halt.")
    assert client.ended_for("stop_string") >= 1
    again = [line for line in client.noted("begun")[begun:] if not line.endswith(" 0")]
    assert bool(again) == (model == "recompute")


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ({"tokenizer": "none.json"}, "tokenizer: cannot read {folder}/none.json"),
        (
            {"tokenizer": "conf/inference.yml"},
            "tokenizer: {folder}/conf/inference.yml: not a valid tokenizer.json",
        ),
        ({"stop": ["a", ""]}, "stop: stop string 1 is empty"),
        (
            {"stop": ["x"] * 17},
            "stop: 17 stop strings, at most 16 are allowed",
        ),
        (
            {"stop": ["x" * 257]},
            "stop: stop string 0 has 257 bytes, at most 256 are allowed",
        ),
    ],
)
def test_a_wrong_key_keeps_the_service_from_starting(
    tmp_path: Path, text: dict[str, Any], cause: str
) -> None:
    write_text_project(tmp_path, [text_model("m", text)])
    assert launch(tmp_path).wait(START_TIMEOUT_S) == 1
    state = state_of(tmp_path)
    assert state is not None
    expected = f"model m-1.0.0: batching.steps.text.{cause.format(folder=tmp_path)}"
    assert expected in (state.error or "")
