"""What a client needs of a protocol."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from typing import Any, Protocol

from grps.client.call import Call
from grps.client.result import Result

Description = dict[str, Any]
"""What the service says about a model."""


class Transport(Protocol):
    """Blocking calls over one protocol; any thread may use it.

    Every method raises ``CallError``.
    """

    def predict(self, call: Call) -> Result:
        """Call a model."""

    def stream(self, call: Call) -> Generator[Result, None, None]:
        """Call a model and yield the pieces of its output; closing it cancels the call."""

    def is_ready(self, deadline: float | None) -> bool:
        """Whether the service is ready."""

    def metadata(self, model: str, deadline: float | None) -> Description:
        """Return the description of a model."""

    def close(self) -> None:
        """Close all connections; calls that run are cancelled."""


class AsyncTransport(Protocol):
    """The same calls for an event loop."""

    async def predict(self, call: Call) -> Result:
        """Call a model."""

    def stream(self, call: Call) -> AsyncGenerator[Result, None]:
        """Call a model and yield the pieces of its output; closing it cancels the call."""

    async def is_ready(self, deadline: float | None) -> bool:
        """Whether the service is ready."""

    async def metadata(self, model: str, deadline: float | None) -> Description:
        """Return the description of a model."""

    async def close(self) -> None:
        """Close all connections; calls that run are cancelled."""
