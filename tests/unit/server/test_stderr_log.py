"""``GRPS_LOG_STDERR``."""

from __future__ import annotations

import json

import pytest

from grps.errors import DeployError
from grps.server.stderr_log import VARIABLE, json_line, stderr_format


@pytest.mark.parametrize(("value", "expected"), [("", None), ("json", "json"), ("text", "text")])
def test_the_format(monkeypatch: pytest.MonkeyPatch, value: str, expected: str | None) -> None:
    monkeypatch.setenv(VARIABLE, value)
    assert stderr_format() == expected


def test_another_value_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "Json")
    with pytest.raises(DeployError, match="GRPS_LOG_STDERR is 'Json'; use json or text"):
        stderr_format()


def test_a_line_of_json() -> None:
    line = json_line("ERROR", 'two\nlines and a "quote"')
    assert len(line.splitlines()) == 1
    read = json.loads(line)
    assert (read["level"], read["message"]) == ("ERROR", 'two\nlines and a "quote"')
