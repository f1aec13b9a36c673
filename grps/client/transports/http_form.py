"""What a protocol over HTTP says in its requests and responses, apart from sending them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from grps.client.call import Call
from grps.client.result import Result
from grps.client.transports.base import Description

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request without what all requests of a client have in common."""

    method: str
    target: str
    """The path and the query."""
    headers: Headers = ()
    body: bytes | memoryview = b""


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A response that has been read."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def request_id(self) -> str | None:
        """The id of the call in the log of the service."""
        return self.headers.get("x-request-id")


class HttpForm(Protocol):
    """The requests of one protocol over HTTP, and what their responses mean.

    What reads a response raises ``CallError`` for one that reports a failure.
    """

    ready: HttpRequest
    """Asks whether the service is ready."""

    def predict(self, call: Call) -> HttpRequest:
        """Return the request of a call."""

    def stream(self, call: Call) -> HttpRequest:
        """Return the request of a call with a streamed response."""

    def metadata(self, model: str) -> HttpRequest:
        """Return the request for the description of a model."""

    def result(self, response: HttpResponse) -> Result:
        """Read the response to a call."""

    def piece(self, line: bytes) -> Result:
        """Read a line of a streamed response."""

    def description(self, response: HttpResponse) -> Description:
        """Read the description of a model."""
