"""Answers of `/v1/chat/completions` that a test makes up, and the chat of the page."""

from __future__ import annotations

import json
from typing import Any

from playwright.sync_api import Page, Route, expect

COMPLETE = "The answer is complete."


def events(*deltas: Any, finish: str | None = "stop", done: bool = True) -> str:
    """The body of a stream; a delta is a text, or fields with ``logprobs`` perhaps."""
    chunks: list[dict[str, Any]] = []
    for delta in ("", *deltas):
        fields = {"content": delta} if isinstance(delta, str) else dict(delta)
        logprobs = fields.pop("logprobs", None)
        chunks.append(_chunk(fields, logprobs=logprobs))
    if finish is not None:
        chunks.append(_chunk({}, finish_reason=finish))
        usage = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
        chunks.append({"choices": [], "usage": usage})
    lines = [json.dumps(chunk) for chunk in chunks] + ["[DONE]"] * done
    return "".join(f"data: {line}\n\n" for line in lines)


def _chunk(delta: dict[str, Any], **fields: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": None, **fields}
    return {"choices": [choice]}


def failure(message: str, field: str | None = None) -> str:
    """The body of an error."""
    return json.dumps({"error": {"message": message, "param": field, "type": "x", "code": None}})


class Script:
    """Answers the requests of a page one after the other, and keeps what was asked."""

    def __init__(self, page: Page, *answers: str | tuple[int, str]) -> None:
        """Answer with these bodies of streams, or with these statuses and bodies."""
        self.asked: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self._answers = iter(answers)
        page.route("**/v1/chat/completions", self._answer)

    def _answer(self, route: Route) -> None:
        self.asked.append(json.loads(route.request.post_data or ""))
        self.headers.append(route.request.headers)
        answer = next(self._answers)
        status, body = (200, answer) if isinstance(answer, str) else answer
        kind = "text/event-stream" if status == 200 else "application/json"
        route.fulfill(status=status, content_type=kind, body=body)


def say(page: Page, text: str, state: str | None = COMPLETE) -> None:
    """Send a message, and wait for what the page says then."""
    page.locator("#chat-text").fill(text)
    page.locator("#chat-text").press("Enter")
    if state is not None:
        expect(page.locator("#chat-state")).to_have_text(state, timeout=60_000)
