"""Many calls with a bounded number at a time; results come in the order of the inputs."""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    Callable,
    Coroutine,
    Generator,
    Iterable,
    Sized,
)
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from grps.client.result import Result

Advance = Callable[[], None]


def map_futures(
    begin: Callable[[Any], Future[Result]],
    inputs: Iterable[Any],
    concurrency: int,
    progress: bool,
) -> Generator[Result, None, None]:
    """Begin a call for each input and yield the results.

    Raises:
        ValueError: The concurrency is less than 1.
    """
    _check(concurrency)
    return _map_futures(begin, inputs, concurrency, progress)


def _map_futures(
    begin: Callable[[Any], Future[Result]],
    inputs: Iterable[Any],
    concurrency: int,
    progress: bool,
) -> Generator[Result, None, None]:
    running: deque[Future[Result]] = deque()
    with _bar(inputs, progress) as advance:
        try:
            for one in inputs:
                if len(running) >= concurrency:
                    yield running.popleft().result()
                    advance()
                running.append(begin(one))
            while running:
                yield running.popleft().result()
                advance()
        finally:
            for call in running:
                call.cancel()


def map_async(
    begin: Callable[[Any], Coroutine[Any, Any, Result]],
    inputs: Iterable[Any] | AsyncIterable[Any],
    concurrency: int,
    progress: bool,
) -> AsyncGenerator[Result, None]:
    """Begin a call for each input and yield the results.

    Raises:
        ValueError: The concurrency is less than 1.
    """
    _check(concurrency)
    return _map_async(begin, inputs, concurrency, progress)


async def _map_async(
    begin: Callable[[Any], Coroutine[Any, Any, Result]],
    inputs: Iterable[Any] | AsyncIterable[Any],
    concurrency: int,
    progress: bool,
) -> AsyncGenerator[Result, None]:
    running: deque[asyncio.Task[Result]] = deque()
    with _bar(inputs, progress) as advance:
        try:
            async for one in _each(inputs):
                if len(running) >= concurrency:
                    yield await running[0]
                    running.popleft()
                    advance()
                running.append(asyncio.ensure_future(begin(one)))
            while running:
                yield await running[0]
                running.popleft()
                advance()
        finally:
            for call in running:
                call.cancel()
            await asyncio.gather(*running, return_exceptions=True)


async def _each(inputs: Iterable[Any] | AsyncIterable[Any]) -> AsyncGenerator[Any, None]:
    if isinstance(inputs, AsyncIterable):
        async for one in inputs:
            yield one
    else:
        for one in inputs:
            yield one


def _check(concurrency: int) -> None:
    if concurrency < 1:
        raise ValueError(f"concurrency {concurrency}: at least one call runs at a time")


def _bar(inputs: object, progress: bool) -> AbstractContextManager[Advance]:
    """Return a progress bar, or nothing where there is no terminal."""
    if not progress or not sys.stderr.isatty():
        return nullcontext(lambda: None)
    from grps.client.progress import Bar

    return Bar(len(inputs) if isinstance(inputs, Sized) else None)
