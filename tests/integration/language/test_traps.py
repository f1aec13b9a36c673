"""What clients of the OpenAI API trip over, with a real language model whose text is forced."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest
import requests

from tests.integration.language.models import smol_model
from tests.support import GUARD_S, RunningServer, serving, write_project

MESSAGES: list[Any] = [{"role": "user", "content": "Hi"}]
UNUSUAL = "naïve 🦀 日本 🇫🇷 café"
TEMPLATE = """{%- if tools %}<|im_start|>system
Answer by <tool_call></tool_call>.<|im_end|>
{% endif %}{% for message in messages %}<|im_start|>{{ message.role }}
{{ message.content }}{% for call in message.tool_calls or [] %}<tool_call>
{{ call.function | tojson }}
</tool_call>{% endfor %}<|im_end|>
{% endfor %}<|im_start|>assistant
"""
TOOLS: list[Any] = [
    {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}}
    for name in ("weather", "time")
]
CALLS = [
    {"name": "weather", "arguments": {"city": "Paris", "days": [1, {"deep": "🦀 {"}]}},
    {"name": "time", "arguments": {}},
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("traps")
    (folder / "template.jinja").write_text(TEMPLATE)
    model = smol_model(inferer_args={"chat_template": str(folder / "template.jinja")})
    with serving(write_project(folder, [model])) as made:
        yield made


@pytest.fixture(scope="module")
def client(server: RunningServer) -> Any:
    return openai.OpenAI(base_url=server.url("/v1"), api_key="none", max_retries=0)


def forced(text: str, **asked: Any) -> dict[str, Any]:
    """Return a request whose answer has this text."""
    return {
        "model": "smol",
        "messages": MESSAGES,
        "max_tokens": 200,
        "extra_body": {"guided_choice": [text]},
        **asked,
    }


def test_characters_of_several_tokens_come_whole(client: Any) -> None:
    chunks = list(client.chat.completions.create(**forced(UNUSUAL, stream=True, logprobs=True)))
    choices = [chunk.choices[0] for chunk in chunks]
    pieces = [choice.delta.content or "" for choice in choices]
    assert "".join(pieces) == UNUSUAL
    assert all("\N{REPLACEMENT CHARACTER}" not in piece for piece in pieces)
    # The first has the role, the last the reason.
    assert all(pieces[1:-1]), "no chunk is empty"
    tokens = [token for choice in choices if choice.logprobs for token in choice.logprobs.content]
    assert len(tokens) > len(pieces), "some characters have several tokens"
    assert b"".join(bytes(token.bytes) for token in tokens).decode().startswith(UNUSUAL)


@pytest.mark.parametrize("stop", ["🦀", "本 🇫", "é"])
def test_a_stop_string_is_found_within_unusual_text(client: Any, stop: str) -> None:
    asked = forced(UNUSUAL, stop=[stop])
    whole = client.chat.completions.create(**asked).choices[0]
    assert (whole.message.content, whole.finish_reason) == (UNUSUAL.partition(stop)[0], "stop")
    chunks = client.chat.completions.create(**asked, stream=True)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert text == whole.message.content


def test_parallel_calls_are_streamed_whole(client: Any) -> None:
    text = "\n".join(f"<tool_call>\n{json.dumps(call)}\n</tool_call>" for call in CALLS)
    asked = forced(text, tools=TOOLS)
    whole = client.chat.completions.create(**asked).choices[0]
    made = [(call.function.name, json.loads(call.function.arguments))
            for call in whole.message.tool_calls]  # fmt: skip
    assert made == [(call["name"], call["arguments"]) for call in CALLS]
    assert (whole.finish_reason, whole.message.content) == ("tool_calls", None)
    parts: dict[int, dict[str, str]] = {}
    reasons = []
    for chunk in client.chat.completions.create(**asked, stream=True):
        reasons.append(chunk.choices[0].finish_reason)
        for call in chunk.choices[0].delta.tool_calls or []:
            begun = parts.setdefault(call.index, {"arguments": ""})
            assert (call.id is None) == ("id" in begun), "only the first part has the id"
            if call.id is not None:
                begun |= {"id": call.id, "name": call.function.name}
            assert call.function.arguments is not None
            begun["arguments"] += call.function.arguments
    assert sorted(parts) == [0, 1]
    streamed = [(part["name"], json.loads(part["arguments"])) for part in parts.values()]
    assert streamed == made
    assert parts[0]["id"] != parts[1]["id"]
    assert reasons[-1] == "tool_calls" and not any(reasons[:-1])


@pytest.mark.parametrize("path", ["/v1/none", "/v1/chat/none", "/v1", "/v1/embeddings/x"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_unknown_route_has_the_shape_of_errors(
    server: RunningServer, path: str, method: str
) -> None:
    response = requests.request(method, server.url(path), json={}, timeout=GUARD_S)
    assert response.status_code == 404
    assert response.json()["error"]["type"] == "invalid_request_error"
    assert response.headers["x-should-retry"] == "false"


def test_a_stream_that_fails_ends_without_done(server: RunningServer) -> None:
    body = {
        "model": "smol",
        "messages": MESSAGES,
        "max_tokens": 8000,
        "ignore_eos": True,
        "stream": True,
    }
    headers = {"X-Request-Timeout-Ms": "1500"}
    lines: list[str] = []
    url = server.url("/v1/chat/completions")
    with requests.post(url, json=body, headers=headers, stream=True, timeout=GUARD_S) as response:
        assert response.status_code == 200
        lines += response.iter_lines(decode_unicode=True)
    events = [
        json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")
    ]
    assert events[-1]["error"]["code"] == "timeout"
    assert all("error" not in event for event in events[:-1])
    assert "data: [DONE]" not in lines


def test_a_failed_stream_raises_in_the_client(client: Any) -> None:
    asked: dict[str, Any] = {"model": "smol", "messages": MESSAGES, "max_tokens": 8000}
    extra = {"extra_headers": {"X-Request-Timeout-Ms": "1500"}, "extra_body": {"ignore_eos": True}}
    with pytest.raises(openai.APIError, match="deadline"):
        list(client.chat.completions.create(**asked, **extra, stream=True))
