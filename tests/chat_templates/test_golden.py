"""The recorded prompts are those that `jinja2` renders."""

from __future__ import annotations

from tests.chat_templates.cases import GOLDEN, golden_text


def test_the_recorded_prompts_are_those_of_jinja2() -> None:
    assert GOLDEN.read_text("utf-8") == golden_text(), "python -m tests.chat_templates.cases"
