"""Pieces of an answer for a client that requested no stream."""

from __future__ import annotations

import pytest

from grps.errors import InputError
from grps.inference.pieces import Pieces
from grps.protocol.pb.grps_pb2 import GrpsMessage, Status


def joined(*messages: GrpsMessage) -> GrpsMessage:
    pieces = Pieces()
    for message in messages:
        pieces.add(message)
    return pieces.whole()


def text(data: str, model: str = "") -> GrpsMessage:
    return GrpsMessage(str_data=data, model=model)


def tensors() -> GrpsMessage:
    message = GrpsMessage()
    message.gtensors.tensors.add(name="x")
    return message


def test_texts_and_bytes_are_joined() -> None:
    assert joined(text("a"), text("b", "m")) == text("ab", "m")
    assert joined(GrpsMessage(bin_data=b"a"), GrpsMessage(bin_data=b"b")).bin_data == b"ab"
    assert joined(text("")).WhichOneof("data_oneof") == "str_data"


def test_pieces_without_data_change_nothing() -> None:
    assert joined(GrpsMessage(), text("a"), GrpsMessage()).str_data == "a"
    assert joined(GrpsMessage(), tensors(), GrpsMessage()) == tensors()
    assert joined(GrpsMessage()) == GrpsMessage()


@pytest.mark.parametrize(
    "messages",
    [(tensors(), tensors()), (text("a"), tensors()), (tensors(), text("a")),
     (text("a"), GrpsMessage(bin_data=b"b"))],
)  # fmt: skip
def test_anything_else_is_refused(messages: tuple[GrpsMessage, ...]) -> None:
    with pytest.raises(InputError, match="several pieces") as caught:
        joined(*messages)
    assert caught.value.status == 400


def test_a_failure_is_the_whole_answer() -> None:
    failure = GrpsMessage(status=Status(status=Status.FAILURE, msg="no more"))
    assert joined(text("a"), failure, text("b")) == failure


def test_a_message_may_be_used_again() -> None:
    message, pieces = text("a"), Pieces()
    pieces.add(message)
    message.str_data = "b"
    pieces.add(message)
    assert pieces.whole().str_data == "ab"


def test_statuses_that_refuse_nothing() -> None:
    for status in (200, 399, 500):
        with pytest.raises(ValueError, match="400 to 499"):
            InputError("x", status)
