"""Warming a copy with recorded requests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from grps.errors import ModelError, StopRequested
from grps.inference.channel import Batch
from grps.inference.context import GrpsContext
from grps.inference.inferer import ModelInferer
from grps.inference.message_runner import MessageModel, MessageRunner
from grps.server.loading.copies import LoadedCopy
from grps.server.loading.recorded import run_recorded


class Noting:
    """A runner that notes what it is asked and fails on one text."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []

    def run(self, batch: Batch) -> None:
        for entry in batch.entries():
            self.asked.append(entry.message())
            if b"bad" in self.asked[-1]:
                entry.fail("it is bad")
            else:
                entry.reply_message(b"")

    def close(self, timeout_s: float | None) -> bool:
        return True


def write(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text)
    return str(folder / name)


def test_each_runner_gets_each_request_once(tmp_path: Path) -> None:
    first, second = Noting(), Noting()
    files = tuple(
        write(tmp_path, f"{text}.json", f'{{"str_data": "{text}"}}') for text in ("one", "two")
    )
    run_recorded("m-1", files, LoadedCopy((first, second, first)))
    for runner in (first, second):
        assert [b"one" in runner.asked[0], b"two" in runner.asked[1]] == [True, True]
        assert len(runner.asked) == 2


@pytest.mark.parametrize(
    ("text", "cause"),
    [('{"str_data": "bad"}', "it is bad"), ("{", ""), (None, "No such file")],
)
def test_what_is_not_answered_is_an_error(tmp_path: Path, text: str | None, cause: str) -> None:
    file = str(tmp_path / "a.json")
    if text is not None:
        write(tmp_path, "a.json", text)
    with pytest.raises(ModelError, match=r"model m-1: warm-up with .*a\.json: ") as raised:
        run_recorded("m-1", (file,), LoadedCopy((Noting(),)))
    assert cause in str(raised.value)


class Raising(ModelInferer):
    """Raises an exception of one class."""

    def __init__(self, kind: type[BaseException]) -> None:
        self.kind = kind

    def init(self, path: str | None, device: str | None = None, args: Any = None) -> None: ...

    def load(self) -> None: ...

    def infer(self, inp: Any, context: GrpsContext) -> Any:
        raise self.kind("as told")


@pytest.mark.parametrize(
    ("kind", "raised"),
    [
        (SystemExit, ModelError),
        (GeneratorExit, ModelError),
        # A signal and Ctrl-C end what runs the model.
        (StopRequested, StopRequested),
        (KeyboardInterrupt, KeyboardInterrupt),
    ],
)
def test_what_user_code_raises_is_its_failure_and_a_signal_is_not(
    tmp_path: Path, kind: type[BaseException], raised: type[BaseException]
) -> None:
    file = write(tmp_path, "a.json", '{"str_data": "x"}')
    runner = MessageRunner(MessageModel(Raising(kind), None), "m-1")
    with pytest.raises(raised, match="as told"):
        run_recorded("m-1", (file,), LoadedCopy((runner,)))
