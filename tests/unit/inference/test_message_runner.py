"""The user's converter and inferer on messages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from grps.inference.context import GrpsContext
from grps.inference.converter import Converter
from grps.inference.inferer import ModelInferer
from grps.inference.message_runner import BatchingMessageRunner, MessageModel, MessageRunner
from grps.protocol.pb.grps_pb2 import GrpsMessage
from tests.unit.inference.entries import FakeBatch, FakeEntry, text

Infer = Callable[[Any, GrpsContext], Any]


class Inferer(ModelInferer):
    """Runs a function; its batches are lists."""

    def __init__(self, function: Infer) -> None:
        self.function = function
        self.sizes: list[int] = []

    def init(self, path: str | None, device: str | None = None, args: Any = None) -> None: ...

    def load(self) -> None: ...

    def infer(self, inp: Any, context: GrpsContext) -> Any:
        return self.function(inp, context)

    def batch_infer(self, inp: Any, contexts: list[GrpsContext]) -> Any:
        self.sizes.append(len(inp))
        return [self.function(one, context) for one, context in zip(inp, contexts, strict=True)]


class Upper(Converter):
    """Upper case in, brackets out; fails where it is told to."""

    def __init__(self, fails: str = "") -> None:
        self.fails = fails

    def init(self, path: str | None = None, args: Any = None) -> None: ...

    def preprocess(self, inp: GrpsMessage, context: GrpsContext) -> str:
        if self.fails == "preprocess":
            context.set_err_msg("bad input")
        return inp.str_data.upper()

    def postprocess(self, inp: str, context: GrpsContext) -> GrpsMessage:
        return GrpsMessage(str_data=f"[{inp}]")

    def batch_preprocess(self, inps: list[GrpsMessage], contexts: list[GrpsContext]) -> list[str]:
        return [inp.str_data.upper() for inp in inps]

    def batch_postprocess(self, inp: list[str], contexts: list[GrpsContext]) -> list[GrpsMessage]:
        return [GrpsMessage(str_data=f"[{one}]") for one in inp]


def run(entry: FakeEntry, function: Infer, converter: Converter | None = None) -> Any:
    MessageRunner(MessageModel(Inferer(function), converter), "m").run(FakeBatch([entry]))
    assert entry.outcome is not None
    kind, what = entry.outcome
    return what.str_data if kind == "message" else entry.outcome


def echo(inp: Any, context: GrpsContext) -> Any:
    return inp


def boom(inp: Any, context: GrpsContext) -> Any:
    raise ValueError("boom\nin two lines")


def test_an_inferer_alone_works_on_messages() -> None:
    assert run(text("a"), echo) == "a"


def test_a_converter_stands_around_the_inferer() -> None:
    assert run(text("a"), lambda inp, context: inp + "!", Upper()) == "[A!]"


def test_failures_are_told_in_one_line() -> None:
    assert run(text("a"), boom) == ("failed", "ValueError: boom in two lines (request id id-1)")
    told = "Output type must be GrpsMessage. The model returned int."
    assert run(text("a"), lambda inp, context: 5) == ("failed", told)


def test_an_error_in_the_context_ends_the_steps() -> None:
    assert run(text("a"), boom, Upper("preprocess")) == ("failed", "bad input")

    def mark(inp: Any, context: GrpsContext) -> GrpsMessage:
        context.set_has_err(True)
        return GrpsMessage(str_data="ignored")

    assert run(text("a"), mark) == ("failed", "")


def test_malformed_messages_are_refused() -> None:
    class Broken(FakeEntry):
        def message(self) -> bytes:
            return b"\xff"

    entry = Broken([])
    MessageRunner(MessageModel(Inferer(echo), None), "m").run(FakeBatch([entry]))
    assert entry.outcome is not None
    assert entry.outcome[0] == "refused"


def test_the_context_goes_on_to_the_next_model() -> None:
    entry = text("a")

    def remember(inp: Any, context: GrpsContext) -> Any:
        context.put_user_data("trace", (context.get_user_data("trace") or "") + "x")
        return GrpsMessage(str_data=context.get_user_data("trace"))

    assert run(entry, remember) == "x"
    entry.outcome = None
    assert run(entry, remember) == "xx"


def pieces(inp: Any, context: GrpsContext) -> Iterator[Any]:
    for index in range(3):
        yield f"{inp}{index}" if isinstance(inp, str) else GrpsMessage(str_data=str(index))


@pytest.mark.parametrize(
    ("converter", "expected"), [(None, ["0", "1", "2"]), (Upper(), ["[A0]", "[A1]", "[A2]"])]
)
def test_what_a_generator_yields_is_streamed(
    converter: Converter | None, expected: list[str]
) -> None:
    entry = text("a", streaming=True)
    run(entry, pieces, converter)
    assert [chunk.str_data for chunk in entry.chunks] == expected
    # Without a stream, the client gets all of it as one text.
    assert run(text("a"), pieces, converter) == "".join(expected)


def test_a_generator_is_closed_when_the_client_leaves() -> None:
    entry = text("a", streaming=True)
    closed: list[bool] = []

    def endless(inp: Any, context: GrpsContext) -> Iterator[GrpsMessage]:
        try:
            while True:
                entry.cancelled = len(entry.chunks) == 4
                yield GrpsMessage(str_data="x")
        finally:
            closed.append(True)

    run(entry, endless)
    assert (closed, len(entry.chunks)) == ([True], 5)


def batch(entries: list[FakeEntry], inferer: ModelInferer, converter: Converter | None) -> Any:
    BatchingMessageRunner(MessageModel(inferer, converter), "m").run(FakeBatch(entries))
    found = [entry.outcome for entry in entries]
    return [
        outcome[1].str_data if outcome and outcome[0] == "message" else outcome for outcome in found
    ]


@pytest.mark.parametrize(("converter", "expected"), [(None, ["a", "b"]), (Upper(), ["[A]", "[B]"])])
def test_requests_are_batched(converter: Converter | None, expected: list[str]) -> None:
    inferer = Inferer(echo)
    assert batch([text("a"), text("b")], inferer, converter) == expected
    assert inferer.sizes == [2]


def test_a_bad_request_fails_alone() -> None:
    def picky(inp: Any, context: GrpsContext) -> Any:
        if inp.str_data == "bad":
            raise ValueError("bad one")
        if inp.str_data == "marked":
            context.set_err_msg("marked one")
        return inp

    inferer = Inferer(picky)
    entries = [text(data) for data in ("a", "bad", "b", "marked")]
    assert batch(entries, inferer, None) == [
        "a",
        ("failed", "ValueError: bad one (request id id-1)"),
        "b",
        ("failed", "marked one"),
    ]
    assert inferer.sizes == [4, 1, 1, 1, 1]


def test_as_many_answers_as_requests() -> None:
    class Short(Inferer):
        def batch_infer(self, inp: Any, contexts: list[GrpsContext]) -> Any:
            return [GrpsMessage(str_data="only one")]

    wrong = batch([text("a"), text("b")], Short(echo), None)
    # Each is tried again by itself, where one answer is right.
    assert wrong == ["only one", "only one"]

    class Wrong(Inferer):
        def batch_infer(self, inp: Any, contexts: list[GrpsContext]) -> Any:
            return GrpsMessage()

    (outcome,) = batch([text("a")], Wrong(echo), None)
    assert outcome[0] == "failed"
    assert "must get a list of as many answers, got GrpsMessage" in outcome[1]
