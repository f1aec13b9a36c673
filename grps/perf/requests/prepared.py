"""Requests as the load generator sends them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Wire = Literal["http", "grpc", "brpc"]
Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Request:
    """One request; over gRPC the body is the message, over bRPC the whole packet."""

    path: str
    body: bytes = field(repr=False)
    method: str = "POST"
    headers: Headers = ()


@dataclass(frozen=True, slots=True)
class Prepared:
    """The requests of a load test, which are sent in turn.

    Attributes:
        wire: How they are sent.
        requests: At least one.
        about: What they are, for reports.
        streaming: Whether responses are streams, whose chunks are measured.
        grps_status: Whether responses have a status that may report a failure.
        counts_tokens: Whether responses say how many tokens they have.
        items: Items of a request, such as the rows of its batch.
    """

    wire: Wire
    requests: tuple[Request, ...]
    about: str
    streaming: bool = False
    grps_status: bool = False
    counts_tokens: bool = False
    items: int = 1
