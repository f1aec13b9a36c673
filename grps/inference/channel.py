"""What the runner needs of the engine, so that one loop serves threads and processes alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Protocol

import numpy as np

NamedArray = tuple[str, np.ndarray]
Stage = Literal["preprocess", "infer", "postprocess"]


class Exchange(Protocol):
    """An HTTP request that user code reads and responds to."""

    @property
    def streaming(self) -> bool:
        """Whether the client requested a stream; any response may be one."""

    @property
    def alone(self) -> bool:
        """Whether one model answers the request; False in a graph of several."""

    @property
    def method(self) -> str:
        """Method, such as ``POST``."""

    @property
    def path(self) -> str:
        """Path as sent, percent-encoded."""

    @property
    def query(self) -> str:
        """Query as sent, without the question mark."""

    @property
    def headers(self) -> Sequence[tuple[str, bytes]]:
        """Header names in lower case, and values."""

    @property
    def body(self) -> bytes:
        """The whole body."""

    @property
    def peer(self) -> tuple[str, int]:
        """Address and port of the other end of the connection."""

    def reply(self, status: int, headers: Sequence[tuple[str, str]], body: bytes) -> None:
        """Set the response; it replaces an earlier one.

        With chunks of the request's stream, it is their status and headers, and has no body.
        """


class Entry(Protocol):
    """One request: its input and its single response."""

    @property
    def id(self) -> str:
        """Identifier of the request."""

    @property
    def traceparent(self) -> str | None:
        """The request's place in a trace, as W3C's header of that name; ``None`` without one."""

    @property
    def tracestate(self) -> str | None:
        """Values of the caller's tracing systems that are passed on."""

    def make_current(self) -> None:
        """Make it the request that log lines of this thread are about."""

    def mark(self, stage: Stage) -> None:
        """Note that a step has ended that began with the end of the one before it."""

    def tensors(self) -> list[NamedArray]:
        """Take the input as named arrays in the model's order; they own their memory."""

    def message(self) -> bytes:
        """Take the input as an encoded ``GrpsMessage``."""

    def is_cancelled(self) -> bool:
        """Return whether the client is disconnected or the deadline has passed."""

    def is_answered(self) -> bool:
        """Return whether the request has a response."""

    def is_streaming(self) -> bool:
        """Return whether the client requested a stream."""

    def stream_message(self, message: bytes) -> bool:
        """Send an encoded message as a chunk; False when the client is disconnected."""

    def stream_raw(self, data: bytes) -> bool:
        """Send bytes as a chunk; False when the client is disconnected."""

    def has_room(self) -> bool:
        """Return whether a chunk can be sent without waiting for the client."""

    def push_message(self, message: bytes) -> bool:
        """Like ``stream_message``, but does not wait; ends the stream when too much waits."""

    def push_raw(self, data: bytes) -> bool:
        """Like ``stream_raw``, but does not wait; ends the stream when too much waits."""

    def end_stream(self) -> None:
        """End the stream ahead of the model's return."""

    def exchange(self) -> Exchange | None:
        """Return the HTTP request as it came, when user code writes the response."""

    def session(self) -> Any:
        """Take what an earlier model of the graph left for this request, or ``None``."""

    def set_session(self, value: Any, filled: bool) -> None:
        """Leave something for the next model of the graph; ``filled`` by user code or empty."""

    def left_elsewhere(self) -> bool:
        """Return whether user code of an earlier model stored user data in another process."""

    def reply_tensors(self, tensors: Sequence[NamedArray]) -> None:
        """Reply with C-contiguous arrays."""

    def reply_message(self, message: bytes) -> None:
        """Reply with an encoded ``GrpsMessage``."""

    def fail(self, message: str) -> None:
        """Fail the request: the model or the user's code failed."""

    def refuse(self, message: str, status: int = 400) -> None:
        """Fail the request: the input does not fit the model, or user code refuses it."""


class Batch(Protocol):
    """Requests that an instance runs at once; at least one."""

    def __len__(self) -> int:
        """Return the number of requests."""

    @property
    def rows(self) -> int | None:
        """Rows that every output must have; ``None``: the only request gets all as they are."""

    def entries(self) -> Sequence[Entry]:
        """Return the requests."""

    def make_current(self) -> None:
        """Make its requests those that log lines of this thread are about."""

    def tensors(self) -> list[NamedArray]:
        """Take the input, the rows of all requests joined, in the model's order."""

    def reply_tensors(self, outputs: Sequence[NamedArray]) -> None:
        """Give every request without a response its rows of C-contiguous arrays."""

    def singles(self) -> Sequence[Batch]:
        """Return the requests without a response, each as a batch of its own."""


class Channel(Protocol):
    """Where an instance pulls its work from."""

    def next(self) -> Batch | None:
        """Wait, without the GIL, for requests; ``None`` once the service or instance stops."""

    def detach(self, down: str | None = None) -> None:
        """Note that the instance has ended; ``down`` is the cause, if it should not have."""
