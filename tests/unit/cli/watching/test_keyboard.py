"""The keys of a terminal."""

from __future__ import annotations

import os
import pty
import termios
from collections.abc import Iterator

import pytest

from grps.cli.watching.keyboard import Keyboard, keys_in


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("jk", ["j", "k"]),
        ("\x1b[A\x1b[B\x1bOA", ["up", "down", "up"]),
        ("\x1b[5~\x1b[6~\x1b[H\x1b[4~", ["page_up", "page_down", "home", "end"]),
        ("\x1b", ["escape"]),
        ("\x1bq", ["escape", "q"]),
        ("\r\n\x7f", ["enter", "enter", "backspace"]),
        ("\x1b[1;5C\x1b[200~x", ["x"]),
        ("AB猫", ["A", "B", "猫"]),
        ("\x01\t", []),
    ],
)
def test_keys_have_names(text: str, keys: list[str]) -> None:
    assert keys_in(text) == keys


@pytest.fixture
def ends() -> Iterator[tuple[int, int]]:
    master, slave = pty.openpty()
    yield master, slave
    os.close(slave)
    os.close(master)


def test_keys_come_at_once_and_the_terminal_is_restored(ends: tuple[int, int]) -> None:
    master, slave = ends
    before = termios.tcgetattr(slave)
    with Keyboard(slave) as keyboard:
        assert termios.tcgetattr(slave) != before
        assert keyboard.read(0.0) == []
        os.write(master, "é".encode()[:1])
        assert keyboard.read(60) == []
        os.write(master, "é".encode()[1:] + b"j\x1b[A")
        keys: list[str] = []
        while len(keys) < 3:
            keys += keyboard.read(60)
        assert keys == ["é", "j", "up"]
        os.write(master, b"\x1b")
        assert keyboard.read(60) == ["escape"]
    assert termios.tcgetattr(slave) == before
