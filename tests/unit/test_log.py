"""Formats of log records: what clients send can't forge a record or control a terminal."""

from __future__ import annotations

import json
import logging

import pytest

from grps.log import (
    STDERR_VARIABLE,
    JsonFormatter,
    SafeFormatter,
    json_line,
    safe_record,
    stderr_format,
)

UNSAFE = "\x1b[2J\x9b1m\x7f\x00\x08\u202e\u2066\u2028\x85\r"


def record(message: str) -> logging.LogRecord:
    return logging.LogRecord("grps.user", logging.ERROR, "x.py", 1, message, None, None)


def test_further_lines_are_indented() -> None:
    assert SafeFormatter().format(record("one\n2030-01-01 ERROR two")) == (
        "one\n    2030-01-01 ERROR two"
    )


def test_control_characters_are_escaped() -> None:
    safe = safe_record(UNSAFE)
    assert safe.isascii() and safe.isprintable()
    assert safe.startswith("\\x1b[2J\\x9b1m\\x7f\\x00\\x08\\u202e")


@pytest.mark.parametrize("text", ["plain", "日本 é", "tab\tbed", ""])
def test_other_text_is_unchanged(text: str) -> None:
    assert safe_record(text) == text


def test_json_stays_json() -> None:
    line = JsonFormatter().format(record(f"é\n\t{UNSAFE}"))
    assert line.isprintable()
    assert json.loads(line)["message"] == f"é\n\t{UNSAFE}"


@pytest.mark.parametrize(("value", "expected"), [("", None), ("json", "json"), ("text", "text")])
def test_the_format_of_logs_on_standard_error(
    monkeypatch: pytest.MonkeyPatch, value: str, expected: str | None
) -> None:
    monkeypatch.setenv(STDERR_VARIABLE, value)
    assert stderr_format() == expected


def test_another_format_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(STDERR_VARIABLE, "Json")
    with pytest.raises(ValueError, match="GRPS_LOG_STDERR is 'Json'; use json or text"):
        stderr_format()


def test_what_is_said_before_the_log_starts_is_one_line() -> None:
    line = json_line("ERROR", 'two\nlines and a "quote"')
    assert len(line.splitlines()) == 1
    read = json.loads(line)
    assert (read["level"], read["message"]) == ("ERROR", 'two\nlines and a "quote"')
