"""Calls in the background of a blocking client: one thread with an event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from grps.client.errors import Cancelled
from grps.client.result import Result
from grps.client.settings import Settings

if TYPE_CHECKING:
    from grps.client.async_client import AsyncClient

Begin = Callable[["AsyncClient"], Coroutine[Any, Any, Result]]


class Background:
    """Runs calls on an event loop of its own; the thread begins with the first one."""

    def __init__(self, settings: Settings) -> None:
        """Remember the settings; there is no thread yet."""
        self._settings = settings
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._client: AsyncClient | None = None
        self._thread: threading.Thread | None = None
        self._is_closed = False

    def submit(self, begin: Begin) -> Future[Result]:
        """Begin a call.

        Raises:
            Cancelled: It is closed.
        """
        loop, client = self._start()
        return asyncio.run_coroutine_threadsafe(begin(client), loop)

    def close(self) -> None:
        """Cancel all calls and end the thread."""
        with self._lock:
            self._is_closed = True
            loop, thread = self._loop, self._thread
            self._thread = None
        if loop is None or thread is None:
            return
        asyncio.run_coroutine_threadsafe(self._finish(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()

    def _start(self) -> tuple[asyncio.AbstractEventLoop, AsyncClient]:
        from grps.client.async_client import AsyncClient

        with self._lock:
            if self._is_closed:
                raise Cancelled("the client is closed")
            if self._loop is None or self._client is None:
                self._loop = asyncio.new_event_loop()
                settings = self._settings
                self._client = AsyncClient(
                    settings.address,
                    settings.protocol,
                    key=settings.key,
                    tls=settings.tls,
                    timeout=settings.timeout,
                    retries=settings.retry,
                    limits=settings.limits,
                )
                run = self._loop.run_forever
                self._thread = threading.Thread(target=run, name="grps-client", daemon=True)
                self._thread.start()
            return self._loop, self._client

    async def _finish(self) -> None:
        calls = asyncio.all_tasks() - {asyncio.current_task()}
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        if self._client is not None:
            await self._client.close()
