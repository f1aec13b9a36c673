"""The client of GRPS for Python: calls a service over HTTP, gRPC and bRPC.

from grps.client import Client

with Client("127.0.0.1:7080") as client:
    print(client.predict("hello", model="echo").text)
"""

from __future__ import annotations

from grps.client.async_client import AsyncClient
from grps.client.client import Client
from grps.client.errors import (
    CallError,
    Cancelled,
    ConnectionFailed,
    DeadlineExceeded,
    InvalidRequest,
    ModelError,
    NotFound,
    PermissionDenied,
    TooLarge,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
    Unsupported,
)
from grps.client.result import Result
from grps.client.retry import Retry
from grps.client.settings import Limits, Tls
from grps.client.streams import AsyncStream, Stream

__all__ = [
    "AsyncClient",
    "AsyncStream",
    "CallError",
    "Cancelled",
    "Client",
    "ConnectionFailed",
    "DeadlineExceeded",
    "InvalidRequest",
    "Limits",
    "ModelError",
    "NotFound",
    "PermissionDenied",
    "Result",
    "Retry",
    "Stream",
    "Tls",
    "TooLarge",
    "TooManyRequests",
    "Unauthenticated",
    "Unavailable",
    "Unsupported",
]
