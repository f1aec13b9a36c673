"""Conversations for the templates of this folder, and the prompts that ``jinja2`` renders of them.

It is set up as ``transformers`` sets it up. ``python -m tests.chat_templates.cases`` writes
``golden.json``, which the native renderer is compared with.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
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
ORDER = {
    "type": "function",
    "function": {
        "name": "order",
        "description": "Orders.\nAt once.",
        "strict": True,
        "parameters": {
            "type": "object",
            "required": ["items"],
            "properties": {
                "items": {
                    "type": "array",
                    "items": {"type": "object", "properties": {"keys": {"type": "number"}}},
                    "default": None,
                },
                "get": {"type": ["string", "null"], "default": 0.5, "description": ' "é" '},
                "size": {"type": "string", "enum": ["S", "M's"], "default": "S"},
                "values": {"oneOf": [{"type": "integer", "description": "n"}, {"type": "array"}]},
                "empty": {},
                "deep": {"type": "object", "default": {"b": [], "a": True}, "maximum": 1e16},
            },
        },
    },
}
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
CALLS = {
    "role": "assistant",
    "content": "Wait. ",
    "tool_calls": [
        {
            "id": "call_123456789",
            "type": "function",
            "function": {"name": "time", "arguments": {}},
        },
        {
            "id": "call_987654321",
            "type": "function",
            "function": {
                "name": "order",
                "arguments": {"items": [{"keys": 1.0}, None, "a'b"], "get": "<é>", "ok": False},
            },
        },
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
    "calls": [USER, CALLS, RESULT, {**RESULT, "tool_call_id": "call_987654321"}, USER],
    "null": [USER, {**CALLS, "content": None}, RESULT],
    "characters": [
        {"role": "user", "content": "\x1c\u2028 👩‍👩‍👧 שלום \x85\\n {{ x }} {% if %} \r\n\x1f"}
    ],
    "late": [USER, SYSTEM, ANSWER, USER],
    "none": [],
    "parts": [
        SYSTEM,
        {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "é"}]},
    ],
    "order": [ANSWER, ANSWER],
    "role": [USER, {"role": "king", "content": "x"}],
    "reasoning": [USER, {**ANSWER, "reasoning_content": "so"}, {"role": "user", "content": ""}],
}
VARIABLES: list[dict[str, Any]] = [
    {"add_generation_prompt": True},
    {"add_generation_prompt": False},
    {"add_generation_prompt": True, "tools": [WEATHER, TIME], "date_string": "3 May 2031"},
    {"add_generation_prompt": False, "tools": [ORDER], "custom": {"b": 1, "a": [None, 2.0]}},
    {"add_generation_prompt": True, "enable_thinking": False, "thinking": True},
    {"add_generation_prompt": True, "documents": [{"title": "T", "text": "long"}, {"text": "x"}]},
]


TAKES_PARTS = {"list_only.jinja", "masked_start.jinja", "pictures.jinja", "turn_parts.jinja"}
"""Templates for which the content of ``parts`` is not joined to one text before."""
NEEDS_PARTS = {"list_only.jinja"}
"""Templates that take no texts: the native renderer gives them lists of parts instead."""
NEEDS_TEXT = {"call_sections.jinja"}
"""Templates that take arguments of calls as JSON texts, which the native renderer gives them."""
VALUES: dict[str, Any] = {
    "text": "  Hello\n wörld 🦀\t",
    "number": 42,
    "float": 2.5,
    "integral": 3.0,
    "big": 1e22,
    "tiny": 1.5e-7,
    "huge": 12345678901234567890,
    "flag": True,
    "map": {"b": "ü", "a": 1},
    "tricky": {"type": "array", "items": {"type": "string"}, "get": 1, "keys": 2, "values": [3]},
    "nested": {"a": {"b": [{"c": None}, [], {}]}},
    "items": [
        {
            "name": "n2",
            "kind": "x",
            "size": 2,
            "children": [{"name": "c1", "kind": None}, {"name": "c2"}],
        },
        {"name": "n1", "kind": None, "size": 3},
        {"name": "n3", "size": 1, "kind": "y"},
    ],
}
"""Variables of ``constructs.txt`` and ``differences.txt``, which have a template per line."""


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


def _to_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | str | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    return json.dumps(
        value,
        ensure_ascii=ensure_ascii,
        indent=indent,
        separators=separators,
        sort_keys=sort_keys,
    )


def environment() -> ImmutableSandboxedEnvironment:
    """Return what renders templates in ``transformers``."""
    made = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols", _Generation]
    )
    made.filters["tojson"] = _to_json
    made.globals["raise_exception"] = _refuse
    made.globals["strftime_now"] = lambda format: datetime.now().strftime(format)
    return made


def _outcome(template: jinja2.Template, variables: Mapping[str, Any]) -> dict[str, Any]:
    given: dict[str, Any] = {
        "messages": [],
        "tools": None,
        "documents": None,
        "add_generation_prompt": True,
    }
    try:
        return {"text": template.render(**{**given, **variables})}
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        return {"fails": True}
    except jinja2.TemplateError as error:
        # Only the template itself raises the base class; others have texts of jinja2.
        is_refusal = type(error) is jinja2.TemplateError
        return {"refused": str(error)} if is_refusal else {"fails": True}


def _taken(name: str, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return messages in the form that a template takes, as the native renderer gives them."""
    taken: list[dict[str, Any]] = json.loads(json.dumps(messages))
    for message in taken:
        if name in NEEDS_PARTS and isinstance(message["content"], str):
            message["content"] = [{"type": "text", "text": message["content"]}]
        for call in message.get("tool_calls", ()) if name in NEEDS_TEXT else ():
            function = call["function"]
            function["arguments"] = _to_json(function["arguments"], separators=(",", ":"))
    return taken


def prompts(made: jinja2.Environment, path: Path) -> Iterator[dict[str, Any]]:
    """Render a template with each conversation; variables with the same outcome are one entry."""
    template = made.from_string(path.read_text("utf-8"))
    for name, messages in CONVERSATIONS.items():
        if name == "parts" and path.name not in TAKES_PARTS:
            continue
        found: dict[str, list[int]] = {}
        for index, variables in enumerate(VARIABLES):
            taken = _taken(path.name, messages)
            outcome = _outcome(template, {"messages": taken, **TOKENS, **variables})
            if name == "null" and "None" in outcome.get("text", "None"):
                continue  # the native renderer gives such a template an empty text instead
            found.setdefault(json.dumps(outcome), []).append(index)
        for written, indexes in found.items():
            known = {"template": path.name, "conversation": name, "variables": indexes}
            yield {**known, **json.loads(written)}


def lines(made: jinja2.Environment, name: str) -> list[dict[str, Any]]:
    """Render each line of a file, which is a template of its own."""
    outcomes = []
    for line in (FOLDER / name).read_text("utf-8").splitlines():
        try:
            outcome = _outcome(made.from_string(line), VALUES)
        except jinja2.TemplateSyntaxError:
            outcome = {"fails": True}
        outcomes.append({"source": line, **outcome})
    return outcomes


def golden_text() -> str:
    """Return what ``golden.json`` should contain, with a line for each case."""
    made = environment()
    templates = sorted(FOLDER.glob("*.jinja"))
    lists = {
        "variables": VARIABLES,
        "constructs": lines(made, "constructs.txt"),
        "differences": lines(made, "differences.txt"),
        "prompts": [case for path in templates for case in prompts(made, path)],
    }
    maps = {"tokens": TOKENS, "values": VALUES, "conversations": CONVERSATIONS}
    parts = [f'"{name}": {_to_json(value)}' for name, value in maps.items()]
    for name, entries in lists.items():
        written = ",\n".join(_to_json(entry) for entry in entries)
        parts.append(f'"{name}": [\n{written}\n]')
    return "{\n" + ",\n".join(parts) + "\n}\n"


if __name__ == "__main__":
    GOLDEN.write_text(golden_text(), "utf-8")
