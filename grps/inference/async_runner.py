"""Running ``async def`` user code: one event loop per instance, many requests in flight."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from inspect import isasyncgenfunction, iscoroutinefunction
from typing import Any, Protocol

from grps.inference.channel import Batch, Entry
from grps.inference.context import GrpsContext
from grps.inference.inferer import ModelInferer
from grps.inference.loop_sink import LoopSink, wait_for_room
from grps.inference.message_runner import MessageModel, answer
from grps.inference.runner import report
from grps.log import coroutine_request, logger


def is_async(inferer: ModelInferer) -> bool:
    """Return whether an inferer's ``infer`` is a coroutine function or an async generator."""
    return iscoroutinefunction(inferer.infer) or isasyncgenfunction(inferer.infer)


class Heartbeat(Protocol):
    """Shows whether an event loop that has work goes round."""

    @property
    def interval_s(self) -> float:
        """Seconds between two beats."""

    def expect(self) -> None:
        """Expect a beat from here on, unless one is expected already."""

    def beat(self) -> None:
        """Beat."""

    def rest(self) -> None:
        """Expect no beat: the loop has no work."""


class AsyncMessageRunner:
    """Starts the user's coroutine for each request; ``max_concurrency`` bounds how many run.

    While coroutines run, the loop itself beats: code that blocks it makes the model not ready.
    """

    def __init__(self, model: MessageModel, name: str) -> None:
        """Run ``model``, called ``name`` in the log, on an event loop of its own."""
        self._model = model
        self._name = name
        self._loop = asyncio.new_event_loop()
        self._heartbeat: Heartbeat | None = None
        self._running = 0
        self._beats = False
        self._closed = False
        self._thread = threading.Thread(target=self._run_loop, name=f"{name} loop", daemon=True)
        self._thread.start()

    def beat_with(self, heartbeat: Heartbeat) -> None:
        """Show by ``heartbeat``, until the runner is closed, whether the loop goes round."""
        self._heartbeat = heartbeat

    def run(self, batch: Batch) -> None:
        """Start each request's coroutine; it replies later."""
        if self._heartbeat is not None:
            self._heartbeat.expect()
        for entry in batch.entries():
            asyncio.run_coroutine_threadsafe(self._serve(entry), self._loop)

    def close(self, timeout_s: float | None) -> bool:
        """Wait for all coroutines, then end the event loop; see ``Runner.close``."""
        try:
            asyncio.run_coroutine_threadsafe(_finish(), self._loop).result(timeout_s)
        except FutureTimeoutError:
            return False
        self._closed = True
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._heartbeat = None
        return True

    def _run_loop(self) -> None:
        """Run the loop until the runner is closed, whatever user code does to it."""
        while not self._closed:
            try:
                self._loop.run_forever()
            except BaseException:
                # Such as the SystemExit of a task that user code has started.
                logger.exception(
                    "%s: a task of user code ended the event loop; it goes on", self._name
                )
            if self._loop.is_closed() and not self._closed:
                self._loop = asyncio.new_event_loop()

    def _beat(self) -> None:
        """Beat again and again while coroutines run."""
        heartbeat = self._heartbeat
        self._beats = heartbeat is not None and self._running > 0
        if heartbeat is None:
            return
        if self._beats:
            heartbeat.beat()
            self._loop.call_later(heartbeat.interval_s, self._beat)
        else:
            heartbeat.rest()

    async def _serve(self, entry: Entry) -> None:
        # A coroutine has a context of its own, so that this is not seen by others.
        coroutine_request.set(entry.id)
        self._running += 1
        try:
            if not self._beats:
                self._beat()
            request, context = self._model.open(entry)
            context.use_sink(LoopSink)
            with context.http_application():
                outcome = await self._infer(request, context)
                if context.has_streamed_response(outcome):
                    await _run_in_own_thread(answer, entry, context, outcome)
                else:
                    answer(entry, context, outcome)
        except BaseException as error:
            # The loop would end by SystemExit and KeyboardInterrupt: they cost their request only.
            report(entry, error, self._name)
        finally:
            self._running -= 1

    async def _infer(self, request: Any, context: GrpsContext) -> Any:
        converter = self._model.converter
        prepared = request
        if converter is not None:
            prepared = converter.preprocess(request, context)
            context.mark("preprocess")
        if context.has_err():
            return None
        running = self._model.inferer.infer(prepared, context)
        if hasattr(running, "__aiter__"):
            return await self._drain(running, context)
        raw = await running
        context.mark("infer")
        if converter is None or context.has_err():
            return raw
        if raw is None and context.needs_no_return():
            return None
        return converter.postprocess(raw, context)

    async def _drain(self, pieces: Any, context: GrpsContext) -> Any:
        """Send what an async generator yields; without a stream, the context joins it."""
        converter = self._model.converter
        last: Any = None
        async for piece in pieces:
            last = piece
            if converter is not None:
                context.mark("infer")
                last = converter.postprocess(piece, context)
                context.mark("postprocess")
            if context.if_streaming():
                # A slow client must block this request only, neither the loop nor a thread.
                await wait_for_room(context)
            context.stream_respond(last)
            if context.needs_no_more():
                await pieces.aclose()
                break
        return last if context.if_streaming() else None


async def _run_in_own_thread(function: Callable[..., None], *arguments: Any) -> None:
    """Run code that may block, such as the pieces of a response that wait for a slow client.

    The default executor has few threads, which slow clients would take from user code.
    """
    own = ThreadPoolExecutor(1, thread_name_prefix="response")
    try:
        call = functools.partial(contextvars.copy_context().run, function, *arguments)
        await asyncio.get_running_loop().run_in_executor(own, call)
    finally:
        own.shutdown(wait=False)


async def _finish() -> None:
    """Wait for all coroutines of this loop, then for those that close what they left open."""
    running = asyncio.all_tasks() - {asyncio.current_task()}
    await asyncio.gather(*running, return_exceptions=True)
    await asyncio.get_running_loop().shutdown_asyncgens()
    await asyncio.get_running_loop().shutdown_default_executor()
