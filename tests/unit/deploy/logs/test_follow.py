"""Following a log across rotation, truncation and late creation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from grps.deploy.logs.follow import follow, tail


def run(path: Path, lines: int, *steps: Callable[[], object]) -> str:
    """Follow ``path``; each time all was read, take the next step; end after the last."""
    left = list(steps)

    def wait() -> bool:
        if not left:
            return False
        left.pop(0)()
        return True

    return "".join(follow(path, lines, wait))


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as stream:
        stream.write(data)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "grps_server.log"
    path.write_text("".join(f"line {number}\n" for number in range(5)))
    return path


@pytest.mark.parametrize(("lines", "expected"), [(0, b""), (2, b"line 3\nline 4\n")])
def test_tail(log: Path, lines: int, expected: bytes) -> None:
    assert tail(log, lines) == (expected, 35)


def test_tail_of_more_than_there_is(log: Path) -> None:
    assert tail(log, 100)[0] == log.read_bytes()


def test_tail_across_chunks(tmp_path: Path) -> None:
    path = tmp_path / "big.log"
    path.write_text("".join(f"{number:079}\n" for number in range(4000)))
    kept = tail(path, 2000)[0].decode().split()
    assert [int(line) for line in kept] == list(range(2000, 4000))


def test_growth(log: Path) -> None:
    assert run(log, 1, lambda: append(log, b"more\n")) == "line 4\nmore\n"


def test_last_words_are_read_after_the_end(log: Path) -> None:
    def wait() -> bool:
        append(log, b"bye\n")
        return False

    assert "".join(follow(log, 0, wait)) == "bye\n"


def test_rotation_loses_nothing(log: Path) -> None:
    def rotate() -> None:
        append(log, b"before\n")
        log.rename(log.with_suffix(".log.1"))
        append(log.with_suffix(".log.1"), b"late\n")
        append(log, b"after\n")

    assert run(log, 0, rotate, lambda: append(log, b"more\n")) == "before\nlate\nafter\nmore\n"


def test_rotation_with_a_gap(log: Path) -> None:
    old = log.with_suffix(".log.1")
    text = run(
        log, 0, lambda: log.rename(old), lambda: append(old, b"a\n"), lambda: append(log, b"b\n")
    )
    assert text == "a\nb\n"


def test_truncation(log: Path) -> None:
    assert run(log, 0, lambda: log.write_bytes(b"new\n")) == "new\n"


def test_late_creation(tmp_path: Path) -> None:
    path = tmp_path / "late.log"
    assert run(path, 10, lambda: append(path, b"a\n")) == "a\n"


def test_split_characters(log: Path) -> None:
    data = "é\n".encode()
    assert run(log, 0, lambda: append(log, data[:1]), lambda: append(log, data[1:])) == "é\n"
