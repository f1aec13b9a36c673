"""Chats of the OpenAI API, against a server whose answers are known."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner

from grps.cli.main import main
from tests.support import REPOSITORY

SCHEMA = json.loads((REPOSITORY / "docs" / "reference" / "perf-result.schema.json").read_text())
WORDS = 5
TOKENS = 7


class Chats(BaseHTTPRequestHandler):
    """Answers each chat with words, of more tokens; a chat without a model fails in the middle."""

    protocol_version = "HTTP/1.1"
    asked: list[dict[str, Any]] = []  # noqa: RUF012 - the server has one class for all connections

    def do_GET(self) -> None:
        self._respond(200, json.dumps({"data": [{"id": "talker"}]}))

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.asked.append({"path": self.path, **asked})
        if asked["model"] == "unknown":
            self._respond(404, json.dumps({"error": {"message": "no such model"}}))
            return
        role = {"choices": [{"delta": {"role": "assistant", "content": ""}}]}
        word = {"choices": [{"delta": {"content": "word "}}]}
        usage = {"choices": [], "usage": {"completion_tokens": TOKENS}}
        broken = {"error": {"message": "out of memory", "code": 507}}
        last = broken if asked["model"] == "broken" else usage
        events = [role, *[word] * WORDS, last]
        text = "".join(f"data: {json.dumps(event)}\n\n" for event in events)
        self._respond(200, f"{text}data: [DONE]\n\n", "text/event-stream")

    def _respond(self, status: int, text: str, kind: str = "application/json") -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def address() -> Iterator[str]:
    Chats.asked.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Chats) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


def perf(*words: str, code: int = 0) -> str:
    done = CliRunner().invoke(main, ["perf", *words, "--protocol", "openai", "--warmup", "0"])
    assert done.exit_code == code, done.output
    return done.output


def test_prompts_are_made_and_tokens_counted(address: str, tmp_path: Path) -> None:
    file = tmp_path / "result.json"
    flags = ("-n", "20", "-c", "2", "--prompt_words", "3", "--output_tokens", "9")
    shown = perf(address, *flags, "--json", str(file))
    assert "TOKENS/S" in shown
    found = json.loads(file.read_text())
    jsonschema.validate(found, SCHEMA)
    stream = found["loads"][0]["stream"]
    assert (stream["chunks"], stream["tokens"]) == (20 * WORDS, 20 * TOKENS)
    assert stream["first_chunk_ms"]["count"] == 20
    assert stream["between_chunks_ms"]["count"] == 20 * (WORDS - 1)
    asked = Chats.asked[-1]
    assert asked["path"] == "/v1/chat/completions"
    assert (asked["model"], asked["max_tokens"], asked["stream"]) == ("talker", 9, True)
    assert len(asked["messages"][0]["content"].split()) == 3
    # A cache of prefixes does not answer them all.
    assert len({one["messages"][0]["content"] for one in Chats.asked}) > 10


def test_prompts_of_a_file_and_of_the_command_line(address: str, tmp_path: Path) -> None:
    file = tmp_path / "chats.jsonl"
    file.write_text('{"messages": [{"role": "user", "content": "a"}], "temperature": 0}\n')
    perf(f"http://{address}/api/chat/completions", "--input", str(file), "-n", "2")
    asked = Chats.asked[-1]
    assert (asked["path"], asked["temperature"]) == ("/api/chat/completions", 0)
    perf(f"{address}", "--text", "hello", "-n", "2")
    assert Chats.asked[-1]["messages"] == [{"role": "user", "content": "hello"}]


def test_failures_of_chats_are_seen(address: str) -> None:
    assert "HTTP 404: no such model" in perf(address, "-m", "unknown", code=1)
    assert "status 507: out of memory" in perf(address, "-m", "broken", code=1)
