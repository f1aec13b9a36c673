"""Chats of the OpenAI API, as streams."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np

from grps.perf.errors import PerfError
from grps.perf.requests.forms import authorization
from grps.perf.requests.prepared import Prepared, Request
from grps.perf.requests.signature import words
from grps.perf.target import Target

_CHAT = "/chat/completions"
_COMPLETIONS = "/completions"


def chat_path(target: Target) -> str:
    """Return the path of chats: that of the URL if it is whole, else the usual one below it."""
    path = target.path.rstrip("/")
    if path.endswith(_COMPLETIONS):
        return path
    return f"{path or '/v1'}{_CHAT}"


def make_chats(
    target: Target,
    model: str,
    random: np.random.Generator,
    *,
    count: int,
    prompt_words: int,
    output_tokens: int,
) -> Prepared:
    """Return chats with random prompts.

    Args:
        target: The server.
        model: The model.
        random: Where the prompts come from.
        count: Prompts that differ: a cache of prefixes does not answer them all.
        prompt_words: Words of each.
        output_tokens: Most tokens of each answer.
    """
    bodies = [
        {
            "model": model,
            "messages": [{"role": "user", "content": words(random, prompt_words)}],
            "max_tokens": output_tokens,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        for _ in range(count)
    ]
    about = f"chats of {prompt_words} words, at most {output_tokens} tokens out"
    return _prepared(target, [json.dumps(body).encode() for body in bodies], about)


def read_chats(target: Target, model: str, lines: Sequence[bytes]) -> Prepared:
    """Return the chats of a file; they are made streams, with a count of tokens.

    Raises:
        PerfError: A line is no object of JSON.
    """
    bodies = []
    for number, line in enumerate(lines, start=1):
        body = json.loads(line)
        if not isinstance(body, dict):
            raise PerfError(f"request {number} is no object of JSON: {line[:40]!r}")
        body.setdefault("model", model)
        streamed = {"stream": True, "stream_options": {"include_usage": True}}
        bodies.append(json.dumps(body | streamed).encode())
    return _prepared(target, bodies, "chats")


def _prepared(target: Target, bodies: Sequence[bytes], about: str) -> Prepared:
    path = chat_path(target)
    headers = (("content-type", "application/json"), *authorization(target.key))
    requests = tuple(Request(path, body, headers=headers) for body in bodies)
    return Prepared("http", requests, about, streaming=True, counts_tokens=True)
