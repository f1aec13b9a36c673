"""What is printed reaches its stream as it is, and the log line by line."""

from __future__ import annotations

import io
import logging
import os
import sys
import threading
from collections.abc import Iterator

import pytest

from grps.log import printed
from grps.server.printing import MOST_CHARS, PrintedStream, printed_is_logged


@pytest.fixture
def logged() -> Iterator[list[str]]:
    lines: list[str] = []

    class Keeper(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            sys.stdout.write("a handler may print itself\n")
            lines.append(record.getMessage())

    handler = Keeper()
    printed.addHandler(handler)
    printed.setLevel("INFO")
    yield lines
    printed.removeHandler(handler)
    printed.setLevel("NOTSET")


def test_lines_are_logged_at_their_ends(logged: list[str]) -> None:
    stream = io.StringIO()
    printing = PrintedStream(stream)
    printing.write("one\ntw")
    assert logged == ["one"]
    printing.writelines(iter(["o\n", "\n", "three"]))
    assert logged == ["one", "two"]
    printing.write("\n 10%\r 20%\r100%\r\n")
    assert logged == ["one", "two", "three", "100%"]
    assert stream.getvalue() == "one\ntwo\n\nthree\n 10%\r 20%\r100%\r\n"


def test_threads_do_not_mix_their_lines(logged: list[str]) -> None:
    printing = PrintedStream(io.StringIO())
    printing.write("mine ")
    thread = threading.Thread(target=printing.write, args=("another's\n",))
    thread.start()
    thread.join()
    printing.write("ends\n")
    assert logged == ["another's", "mine ends"]


def test_a_line_without_an_end_is_logged_in_pieces(logged: list[str]) -> None:
    printing = PrintedStream(io.StringIO())
    for _ in range(5):
        printing.write("x" * (MOST_CHARS // 2))
    assert set(map(len, logged)) == {MOST_CHARS}
    printing.write("\n")
    assert sum(map(len, logged)) == 5 * (MOST_CHARS // 2)


def test_a_forked_child_does_not_log(logged: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    printing = PrintedStream(stream)
    monkeypatch.setattr(os, "getpid", lambda: -1)
    printing.write("child\n")
    assert (logged, stream.getvalue()) == ([], "child\n")


@pytest.mark.parametrize(
    ("encoding", "text", "expected"),
    [("utf-8", "a\ud83db", rb"a\ud83db"), ("ascii", "\xe9\n", rb"\xe9" + b"\n")],
)
def test_text_that_a_stream_cannot_encode_is_escaped(
    logged: list[str], encoding: str, text: str, expected: bytes
) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, newline="\n")
    assert PrintedStream(stream).write(text) == len(text)
    stream.flush()
    assert raw.getvalue() == expected


def test_the_standard_streams_are_given_back(logged: list[str]) -> None:
    before = sys.stdout, sys.stderr
    with printed_is_logged():
        sys.stdout.write("out\n")
        sys.stderr.write("err\n")
        assert sys.stdout.encoding == before[0].encoding
    sys.stdout.write("after\n")
    assert logged == ["out", "err"]
    assert (sys.stdout, sys.stderr) == before
