"""The client for event loops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping
from types import TracebackType
from typing import Any

from grps.client.call import Output
from grps.client.caller import DEFAULT_TIMEOUT_S, Caller, settings_of
from grps.client.errors import CallError
from grps.client.mapping import map_async
from grps.client.result import Result
from grps.client.retry import Retry
from grps.client.settings import Limits, Protocol, Settings, Tls
from grps.client.streams import AsyncStream, async_pieces_of
from grps.client.transports.base import Description
from grps.client.transports.choice import open_async_transport


class AsyncClient:
    """Calls a service from an event loop; cancelling a task cancels its call.

    One client keeps its connections; use it for all calls of a loop, and close it at the end:
    ``async with AsyncClient("127.0.0.1:7080") as client: …``.
    """

    def __init__(  # noqa: PLR0913 - each is named by who uses it
        self,
        address: str,
        protocol: Protocol = "http",
        *,
        key: str | None = None,
        tls: bool | Tls | None = None,
        timeout: float | None = DEFAULT_TIMEOUT_S,
        retries: int | Retry = 2,
        limits: Limits = Limits(),  # noqa: B008 - it can't be changed
    ) -> None:
        """Prepare a client; it connects at the first call.

        Args:
            address: ``host:port`` of the service; ``https://`` before it switches TLS on.
            protocol: ``http``, ``grpc``, ``oip-http``, ``oip-grpc`` or ``brpc``.
            key: The key or token of the service.
            tls: ``True``, or what to verify the service by; by default there is no TLS.
            timeout: Seconds of a call, with all its attempts; ``None`` for no limit.
            retries: How often a call that did not run is repeated, or when.
            limits: Limits of connections and responses.

        Raises:
            ValueError: The address or the protocol is wrong.
            MissingExtraError: A package for the protocol is not installed.
        """
        self._settings: Settings = settings_of(
            address, protocol, tls, retries, key=key, timeout=timeout, limits=limits
        )
        self._caller = Caller(self._settings)
        self._transport = open_async_transport(self._settings)

    async def predict(
        self,
        inputs: Any,
        model: str | None = None,
        timeout: float | None = None,
        *,
        output: Output = "message",
        headers: Mapping[str, str] | None = None,
    ) -> Result:
        """Call a model and return its output.

        ``inputs``, ``model``, ``timeout``, ``output`` and ``headers`` are those of
        ``Client.predict``, and so are the errors.
        """
        call = self._caller.call(inputs, model, timeout, output, headers)
        attempt = 0
        while True:
            try:
                return await self._transport.predict(call)
            except CallError as error:
                pause = self._settings.retry.pause(error, attempt, call.deadline)
                if pause is None:
                    raise
            await asyncio.sleep(pause)
            attempt += 1

    def stream(
        self,
        inputs: Any,
        model: str | None = None,
        timeout: float | None = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> AsyncStream:
        """Call a model and return the pieces of its output.

        ``inputs``, ``model``, ``timeout`` and ``headers`` are those of ``Client.stream``.
        """
        call = self._caller.stream_call(inputs, model, timeout, headers)
        return AsyncStream(async_pieces_of(self._transport, call, self._settings.retry))

    def map(
        self,
        inputs: Iterable[Any] | AsyncIterable[Any],
        model: str | None = None,
        timeout: float | None = None,
        *,
        concurrency: int = 16,
        progress: bool = False,
    ) -> AsyncIterator[Result]:
        """Call a model with each of the inputs and yield the results in their order.

        ``inputs``, which may also be an asynchronous iterable, ``model``, ``timeout``,
        ``concurrency`` and ``progress`` are those of ``Client.map``.
        """
        calls = map_async(
            lambda one: self.predict(one, model, timeout), inputs, concurrency, progress
        )
        return calls

    async def is_ready(self) -> bool:
        """Whether the service is ready.

        Raises:
            CallError: It can't be asked.
        """
        return await self._transport.is_ready(self._caller.deadline())

    async def metadata(self, model: str) -> Description:
        """Return what the service says about the model ``model``; see ``Client.metadata``."""
        return await self._transport.metadata(model, self._caller.deadline())

    async def close(self) -> None:
        """Close all connections; calls that run are cancelled."""
        await self._transport.close()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()
