"""W6 by uvicorn alone: an ASGI application that writes events, each token sent alone."""

import json
import time
from typing import Any

from bench_ticks import MODEL, Engine

engine = Engine()


def event(delta: dict[str, str], reason: str | None = None) -> bytes:
    """Return a chunk of a chat."""
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
    chunk = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": int(time.time()),
        "model": MODEL,
        "system_fingerprint": None,
        "choices": [choice],
    }
    return b"data: " + json.dumps(chunk, separators=(",", ":")).encode() + b"\n\n"


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answer a chat by a stream."""
    body, has_more = b"", True
    while has_more:
        message = await receive()
        body += message.get("body", b"")
        has_more = message.get("more_body", False)
    request = json.loads(body)
    headers = [(b"content-type", b"text/event-stream")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})

    async def write(part: bytes, has_more: bool = True) -> None:
        await send({"type": "http.response.body", "body": part, "more_body": has_more})

    await write(event({"role": "assistant", "content": ""}))
    for _ in range(request["max_tokens"]):
        await write(event({"content": await engine.token()}))
    await write(event({}, "length") + b"data: [DONE]\n\n")
    await write(b"", has_more=False)
