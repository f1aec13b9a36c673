"""What handlers return, as responses."""

from __future__ import annotations

import io

import pytest
import torch

from grps.backends.torch.torchserve.response import (
    BINARY,
    JSON,
    TEXT,
    encode,
    failure,
    http_answer,
    message_answer,
)
from grps.errors import ModelError


def test_the_kinds_of_answers() -> None:
    assert encode(b"a") == (b"a", BINARY)
    assert encode(bytearray(b"a")) == (b"a", BINARY)
    assert encode("h\u00e9") == ("h\u00e9".encode(), TEXT)
    assert encode({"a": [1]}) == (b'{\n  "a": [\n    1\n  ]\n}', JSON)
    saved, content_type = encode(torch.tensor([1, 2]))
    assert torch.load(io.BytesIO(saved)).tolist() == [1, 2]
    assert content_type == BINARY


def test_what_is_no_answer() -> None:
    with pytest.raises(ModelError, match="the handler returned a set that is no JSON"):
        encode({1, 2})


def test_the_headers_of_the_handler_win() -> None:
    body, status, headers = http_answer({}, 201, {"Content-Type": "text/html", "X-A": "b"})
    assert (body, status, headers) == (b"{}", 201, {"Content-Type": "text/html", "X-A": "b"})
    assert http_answer({}, 200, {"ts_stream_next": "true"})[2] == {"content-type": JSON}


def test_messages_of_other_protocols() -> None:
    assert message_answer(b"\xff").bin_data == b"\xff"
    assert message_answer([1]).str_data == "[\n  1\n]"


def test_failures_have_the_form_of_torchserve() -> None:
    body, status, _ = failure(507, "Out of resources")
    assert (status, b'"type": "InternalServerException"' in body) == (507, True)
