"""Chooses how the requests of a load test are made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from grps.client.settings import PROTOCOLS as CLIENT_PROTOCOLS
from grps.perf.errors import PerfError
from grps.perf.requests.asking import ask_inputs, choose_model
from grps.perf.requests.forms import encode, encode_lines
from grps.perf.requests.openai import make_chats, read_chats
from grps.perf.requests.prepared import Headers, Prepared
from grps.perf.requests.raw import raw_requests
from grps.perf.requests.signature import Input, generate
from grps.perf.target import Target

PROTOCOLS = (*CLIENT_PROTOCOLS, "openai")
_VARIANTS = 16
"""Requests that differ, if they are generated."""
_MOST_BYTES = 64 << 20
"""Bytes of all generated requests, if there is more than one."""
_MOST_FILE_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class Content:
    """What requests contain.

    Attributes:
        given: The inputs of each request, as the client for Python takes them.
        file: A file of bodies instead: a line of JSON for each.
        batch: The first size of generated inputs that leave it open.
        shapes: Shapes of generated inputs by name.
        seed: Equal seeds make equal inputs.
        prompt_words: Words of generated prompts.
        output_tokens: Most tokens of an answer to them.
        method: The method of requests to a URL with a path.
        headers: Headers of requests to a URL with a path.
    """

    given: Any = None
    file: Path | None = None
    batch: int = 1
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    seed: int = 1
    prompt_words: int = 64
    output_tokens: int = 64
    method: str | None = None
    headers: Headers = ()


def make_requests(
    protocol: str, target: Target, model: str | None, content: Content, *, streaming: bool
) -> Prepared:
    """Make the requests of a load test.

    Args:
        protocol: One of ``PROTOCOLS``. A target with a path gets requests of HTTP as they are,
            unless the protocol is ``openai``.
        target: The server.
        model: The model; ``None`` for the only one.
        content: What they contain.
        streaming: Whether responses are streams.

    Raises:
        PerfError: They can't be made.
        OSError: The file can't be read.
    """
    if protocol not in PROTOCOLS:
        raise PerfError(f"protocol {protocol!r}: use one of {', '.join(PROTOCOLS)}")
    lines = None if content.file is None else read_lines(content.file)
    if target.path and protocol != "openai":
        return _raw(protocol, target, content, lines, streaming)
    if content.method is not None or content.headers:
        raise PerfError("--method and --header are for a URL with a path")
    named = choose_model(protocol, target, model)
    source = "" if content.file is None else f"requests of {content.file.name}"
    if protocol == "openai":
        return _chats(target, named, content, lines, source)
    if lines is not None:
        made = encode_lines(protocol, target, named, lines, streaming)
        return _about(made, named, source)
    if content.given is not None:
        made = encode(protocol, target, named, [content.given], streaming)
        return _about(made, named, "given inputs")
    return _generated(protocol, target, named, content, streaming)


def _raw(
    protocol: str, target: Target, content: Content, lines: list[bytes] | None, streaming: bool
) -> Prepared:
    if protocol != "http":
        raise PerfError(
            f"{protocol} has paths of its own: give the address without {target.path!r}"
        )
    bodies = lines or []
    if content.given is not None:
        bodies = [_body(content.given)]
    return raw_requests(
        target, bodies, method=content.method, headers=content.headers, streaming=streaming
    )


def _body(given: Any) -> bytes:
    if isinstance(given, (str, bytes)):
        return given.encode() if isinstance(given, str) else given
    if isinstance(given, np.ndarray):
        given = given.tolist()
    try:
        return msgspec.json.encode(given, enc_hook=lambda array: array.tolist())
    except (TypeError, AttributeError) as error:
        raise PerfError(f"the input can't be sent as JSON: {error}") from error


def _chats(
    target: Target, model: str, content: Content, lines: list[bytes] | None, source: str
) -> Prepared:
    if content.given is not None:
        given = content.given
        if not isinstance(given, str):
            raise PerfError("openai takes a text as its input")
        body = {"messages": [{"role": "user", "content": given}]}
        body["max_tokens"] = content.output_tokens  # type: ignore[assignment]
        lines, source = [msgspec.json.encode(body)], "a given prompt"
    if lines is not None:
        return _about(read_chats(target, model, lines), model, source)
    made = make_chats(
        target,
        model,
        np.random.default_rng(content.seed),
        count=_VARIANTS * 4,
        prompt_words=content.prompt_words,
        output_tokens=content.output_tokens,
    )
    return _about(made, model, made.about)


def _generated(
    protocol: str, target: Target, model: str, content: Content, streaming: bool
) -> Prepared:
    inputs = ask_inputs(protocol, target, model)
    if not inputs:
        of = f"model {model!r}" if model else "the default graph"
        raise PerfError(
            f"{of} does not say which inputs it takes; give inputs as for grpst call, a file of "
            "requests by --input, or another model by --model"
        )
    random = np.random.default_rng(content.seed)
    contents: list[dict[str, Any]] = []
    while len(contents) < _VARIANTS:
        made = generate(inputs, random, batch=content.batch, shapes=content.shapes)
        contents.append(made)
        bytes_of_one = sum(array.nbytes for array in made.values())
        if bytes_of_one * (len(contents) + 1) > _MOST_BYTES:
            break
    shown = ", ".join(_shown(name, array) for name, array in contents[0].items())
    prepared = encode(protocol, target, model, contents, streaming)
    items = _items(inputs, contents[0], content.batch)
    return replace(_about(prepared, model, f"generated {shown}"), items=items)


def _items(inputs: tuple[Input, ...], arrays: Mapping[str, Any], batch: int) -> int:
    """Return the rows of a request, if its inputs agree in what their first size is."""
    sizes = {arrays[one.name].shape[0] for one in inputs if one.shape and one.shape[0] is None}
    return int(sizes.pop()) if len(sizes) == 1 else 1


def _shown(name: str, array: Any) -> str:
    sizes = "×".join(map(str, array.shape)) or "scalar"  # noqa: RUF001 - it is the sign of products
    dtype = "string" if array.dtype.kind == "O" else array.dtype.name
    return f"{name or 'input'} {dtype} {sizes}"


def _about(prepared: Prepared, model: str, what: str) -> Prepared:
    of = f"model {model}: " if model else ""
    return replace(prepared, about=f"{of}{what}")


def read_lines(path: Path) -> list[bytes]:
    """Return the lines of a file of requests.

    Raises:
        PerfError: A line is not JSON, or there is none.
        OSError: It can't be read.
    """
    if path.stat().st_size > _MOST_FILE_BYTES:
        raise PerfError(f"{path}: has more than {_MOST_FILE_BYTES >> 20} MiB")
    lines = []
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        text = line.strip()
        if not text:
            continue
        try:
            msgspec.json.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise PerfError(
                f"{path}:{number}: is no JSON ({error}); each line is the body of a request"
            ) from None
        lines.append(text)
    if not lines:
        raise PerfError(f"{path}: has no requests; each line is the body of a request in JSON")
    return lines
