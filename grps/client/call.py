"""One call, as transports get it."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from grps.client.messages.content import Content

Output = Literal["message", "ndarray", "raw"]
OUTPUTS = ("message", "ndarray", "raw")
_TRACE_PARENT = "traceparent"


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a model.

    Attributes:
        content: What is sent.
        model: The name, with or without a version; empty for the default graph.
        deadline: When the call must end, by ``time.monotonic``.
        headers: Names in lower case and values: headers of HTTP, metadata of gRPC.
        output: The form of the result, which HTTP lets the client choose.
    """

    content: Content
    model: str = ""
    deadline: float | None = None
    headers: tuple[tuple[str, str], ...] = ()
    output: Output = "message"


def deadline_after(timeout: float | None) -> float | None:
    """Return when a timeout that begins at once ends."""
    return None if timeout is None else time.monotonic() + timeout


def remaining(deadline: float | None) -> float | None:
    """Return the seconds until a deadline, at least a millisecond; ``None`` without one."""
    return None if deadline is None else max(0.001, deadline - time.monotonic())


def has_passed(deadline: float | None, within_s: float = 0.0) -> bool:
    """Whether a deadline has passed, or will within some seconds."""
    return deadline is not None and time.monotonic() + within_s >= deadline


def headers_of(given: Mapping[str, str] | None) -> tuple[tuple[str, str], ...]:
    """Return the headers of a call; the trace is the one of OpenTelemetry unless one is given."""
    headers = tuple((name.lower(), value) for name, value in given.items()) if given else ()
    if "opentelemetry.trace" in sys.modules and all(name != _TRACE_PARENT for name, _ in headers):
        parent = _current_span()
        if parent is not None:
            headers += ((_TRACE_PARENT, parent),)
    return headers


def _current_span() -> str | None:
    """Return the current span of OpenTelemetry as the W3C writes it."""
    context = sys.modules["opentelemetry.trace"].get_current_span().get_span_context()
    if not context.is_valid:
        return None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def split_version(model: str) -> tuple[str, str]:
    """Return the name and the version of ``name-version``; the version needs a dot or a digit."""
    name, dash, version = model.rpartition("-")
    if dash and name and version[:1].isdecimal() and "." in version:
        return name, version
    return model, ""
