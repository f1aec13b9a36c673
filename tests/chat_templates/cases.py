"""Conversations for the templates of this folder, and the prompts that ``jinja2`` renders of them.

It is set up as ``transformers`` sets it up. ``python -m tests.chat_templates.cases`` writes
``golden.json``, which the native renderer is compared with.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2
from jinja2.ext import Extension
from jinja2.nodes import CallBlock, Node
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

FOLDER = Path(__file__).parent
GOLDEN = FOLDER / "golden.json"
TOKENS = {"bos_token": "<s>", "eos_token": "</s>"}
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Tells the weather, in °C.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1}},
            "required": ["city"],
        },
    },
}
TIME = {"type": "function", "function": {"name": "time", "parameters": {"type": "object"}}}
USER = {"role": "user", "content": '  Wie heißt du? 🦀 <b>&amp;</b> "quoted"\n'}
ANSWER = {"role": "assistant", "content": "<think>\nhm\n</think>\n\ni'm a 'model'.  "}
SYSTEM = {"role": "system", "content": "Be brief. /no_think "}
CALL = {
    "role": "assistant",
    "content": "",
    "tool_calls": [
        {
            "id": "call_123456789",
            "type": "function",
            "function": {"name": "weather", "arguments": {"city": "Zürich", "days": 2}},
        }
    ],
}
RESULT = {"role": "tool", "tool_call_id": "call_123456789", "content": '{"rain": true}'}
CONVERSATIONS: dict[str, list[dict[str, Any]]] = {
    "one": [USER],
    "system": [SYSTEM, USER],
    "turns": [SYSTEM, USER, ANSWER, {"role": "user", "content": "And\ttoday?"}],
    "answered": [USER, ANSWER],
    "tool": [USER, CALL, RESULT],
    "tools": [SYSTEM, USER, CALL, RESULT, RESULT, ANSWER, USER],
    "order": [ANSWER, ANSWER],
    "role": [USER, {"role": "king", "content": "x"}],
    "reasoning": [USER, {**ANSWER, "reasoning_content": "so"}, {"role": "user", "content": ""}],
}
VARIABLES: list[dict[str, Any]] = [
    {"add_generation_prompt": True},
    {"add_generation_prompt": False},
    {"add_generation_prompt": True, "tools": [WEATHER, TIME]},
    {"add_generation_prompt": True, "enable_thinking": False, "thinking": True},
    {"add_generation_prompt": True, "documents": [{"title": "T", "text": "long"}, {"text": "x"}]},
]


class _Generation(Extension):
    """``{% generation %}`` of ``transformers``, which only marks what a model generates."""

    tags = {"generation"}  # noqa: RUF012 - as jinja2 declares it

    def parse(self, parser: Parser) -> Node:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return CallBlock(self.call_method("_marked"), [], [], body).set_lineno(line)

    @staticmethod
    def _marked(caller: Any) -> str:
        return str(caller())


def _refuse(message: str) -> None:
    raise jinja2.TemplateError(message)


def _to_json(value: Any, **options: Any) -> str:
    return json.dumps(value, **{"ensure_ascii": False, **options})


def environment() -> ImmutableSandboxedEnvironment:
    """Return what renders templates in ``transformers``."""
    made = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols", _Generation]
    )
    made.filters["tojson"] = _to_json
    made.globals["raise_exception"] = _refuse
    return made


def golden() -> Iterator[dict[str, Any]]:
    """Render each template with each conversation."""
    made = environment()
    for path in sorted(FOLDER.glob("*.jinja")):
        template = made.from_string(path.read_text("utf-8"))
        for name, messages in CONVERSATIONS.items():
            for variables in VARIABLES:
                case: dict[str, Any] = {
                    "template": path.name,
                    "conversation": name,
                    "variables": variables,
                }
                given = {"tools": None, "documents": None, **TOKENS, **variables}
                try:
                    case["text"] = template.render(messages=messages, **given)
                except jinja2.TemplateError as error:
                    case["refused"] = str(error)
                except TypeError:
                    case["fails"] = True
                yield case


def golden_text() -> str:
    """Return what ``golden.json`` should contain."""
    document = {"tokens": TOKENS, "conversations": CONVERSATIONS, "cases": list(golden())}
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


if __name__ == "__main__":
    GOLDEN.write_text(golden_text(), "utf-8")
