"""Sends requests of any protocol over HTTP by httpx."""

from __future__ import annotations

import ssl
import time
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx

from grps.client.call import Call, has_passed, remaining
from grps.client.errors import (
    CallError,
    Cancelled,
    ConnectionFailed,
    DeadlineExceeded,
    InvalidRequest,
    TooLarge,
    Unavailable,
)
from grps.client.result import Result
from grps.client.settings import Settings
from grps.client.transports.base import Description
from grps.client.transports.http_form import HttpForm, HttpRequest, HttpResponse
from grps.client.transports.http_pool import AsyncHttpPool, HttpPool
from grps.client.transports.lines import Lines

_SLACK_S = 0.005
"""A deadline that ends within this time is the one that the service has seen pass."""
_MOST_URLS = 256


class _Common:
    """What blocking and asynchronous transports have in common: all but sending."""

    def __init__(self, settings: Settings, form: HttpForm) -> None:
        scheme = "https" if settings.tls is not None else "http"
        self._base = f"{scheme}://{settings.address}"
        self._form = form
        self._limits = settings.limits
        common = {"host": settings.address, "user-agent": "grps-client", "accept": "*/*"}
        if settings.key is not None:
            common["authorization"] = f"Bearer {settings.key}"
        self._common = [(name.encode(), value.encode()) for name, value in common.items()]
        self._urls: dict[str, httpx.URL] = {}
        self._is_closed = False

    def _connection(self, settings: Settings) -> dict[str, Any]:
        """Return the arguments of a transport of httpx with one connection."""
        limits = httpx.Limits(max_connections=1, max_keepalive_connections=1)
        tls = settings.tls
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if tls is None else tls.context()
        return {"verify": context, "limits": limits, "trust_env": False}

    def _request(self, request: HttpRequest, deadline: float | None) -> httpx.Request:
        if self._is_closed:
            raise Cancelled("the client is closed")
        url = self._urls.get(request.target)
        if url is None:
            url = httpx.URL(self._base + request.target)
            if len(self._urls) < _MOST_URLS:
                self._urls[request.target] = url
        timeout = remaining(deadline)
        try:
            headers = self._headers(request, timeout)
        except UnicodeEncodeError as error:
            raise InvalidRequest(f"a header is not ASCII: {error}") from error
        connect = self._limits.connect_s
        timeouts = {
            "connect": connect if timeout is None else min(timeout, connect),
            "read": timeout,
            "write": timeout,
            "pool": timeout,
        }
        return httpx.Request(
            request.method,
            url,
            headers=headers,
            stream=httpx.ByteStream(request.body),  # type: ignore[arg-type]
            extensions={"timeout": timeouts},
        )

    def _headers(self, request: HttpRequest, timeout: float | None) -> list[tuple[bytes, bytes]]:
        headers = [*self._common]
        headers += [
            (name.encode("ascii"), value.encode("ascii")) for name, value in request.headers
        ]
        headers.append((b"content-length", b"%d" % len(request.body)))
        if timeout is not None:
            headers.append((b"x-request-timeout-ms", b"%d" % max(1, int(timeout * 1000))))
        return headers

    def _check_size(self, size: int) -> None:
        most = self._limits.response_bytes
        if size > most:
            raise TooLarge(f"the response is larger than response_bytes ({most} bytes)")

    def _collected(self, response: httpx.Response, parts: list[bytes]) -> HttpResponse:
        body = parts[0] if len(parts) == 1 else b"".join(parts)
        return HttpResponse(response.status_code, response.headers, body)

    def _expected_size(self, response: httpx.Response) -> None:
        self._check_size(int(response.headers.get("content-length", 0)))


def _translate(error: Exception, deadline: float | None) -> Exception:
    """Return the error of a call for one of httpx or of a protocol."""
    if isinstance(error, Unavailable) and has_passed(deadline, _SLACK_S):
        # The Open Inference Protocol has one status for both.
        return DeadlineExceeded(error.message, request_id=error.request_id)
    if isinstance(error, CallError):
        return error
    if isinstance(error, httpx.TransportError):
        return _transport_error(error, deadline)
    if isinstance(error, (ValueError, KeyError)):
        return CallError(f"the response can't be read: {error}", 502)
    return error


def _transport_error(error: httpx.TransportError, deadline: float | None) -> CallError:
    text = str(error) or type(error).__name__
    if isinstance(error, httpx.LocalProtocolError):
        return InvalidRequest(f"the request can't be sent: {text}")
    is_late = isinstance(error, httpx.TimeoutException)
    if is_late and (has_passed(deadline, _SLACK_S) or not isinstance(error, httpx.ConnectTimeout)):
        return DeadlineExceeded("the timeout of the call passed")
    if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout)):
        is_refused = "certificate" not in text.lower()
        return ConnectionFailed(f"there is no connection: {text}", is_refused=is_refused)
    return ConnectionFailed(f"the connection ended: {text}")


class HttpTransport(_Common):
    """Blocking calls over HTTP."""

    def __init__(self, settings: Settings, form: HttpForm) -> None:
        """Make a pool of connections; none is opened before the first call."""
        super().__init__(settings, form)
        options = self._connection(settings)
        most = settings.limits.connections
        self._pool = HttpPool(lambda: httpx.HTTPTransport(**options), most)

    def predict(self, call: Call) -> Result:
        """Call a model."""
        request = self._form.predict(call)
        try:
            return self._form.result(self._exchange(request, call.deadline))
        except Exception as error:
            raise _translate(error, call.deadline) from error.__cause__

    def stream(self, call: Call) -> Generator[Result, None, None]:
        """Call a model and yield the pieces of its output."""
        request = self._request(self._form.stream(call), call.deadline)
        try:
            with self._open(request, call.deadline) as response:
                if response.status_code >= 400:
                    self._form.result(self._collected(response, list(self._parts(response))))
                lines = Lines(self._limits.response_bytes)
                for part in response.stream:  # type: ignore[union-attr]
                    for line in lines.feed(part):
                        yield self._form.piece(line)
                    _check_deadline(call.deadline)
        except Exception as error:
            raise _translate(error, call.deadline) from error.__cause__

    def is_ready(self, deadline: float | None) -> bool:
        """Whether the service is ready."""
        try:
            self._form_check(self._exchange(self._form.ready, deadline))
        except Unavailable:
            return False
        except httpx.HTTPError as error:
            raise _translate(error, deadline) from error
        return True

    def metadata(self, model: str, deadline: float | None) -> Description:
        """Return the description of a model."""
        try:
            return self._form.description(self._exchange(self._form.metadata(model), deadline))
        except Exception as error:
            raise _translate(error, deadline) from error.__cause__

    def close(self) -> None:
        """Close all connections."""
        self._is_closed = True
        self._pool.close()

    def _form_check(self, response: HttpResponse) -> None:
        if response.status >= 400:
            self._form.result(response)

    def _exchange(self, request: HttpRequest, deadline: float | None) -> HttpResponse:
        with self._open(self._request(request, deadline), deadline) as response:
            parts = []
            for part in self._parts(response):
                parts.append(part)
                if len(parts) > 1:
                    _check_deadline(deadline)
        return self._collected(response, parts)

    @contextmanager
    def _open(self, request: httpx.Request, deadline: float | None) -> Iterator[httpx.Response]:
        connection = self._pool.take(remaining(deadline))
        try:
            response = connection.handle_request(request)
            try:
                yield response
            finally:
                response.stream.close()  # type: ignore[union-attr]
        finally:
            self._pool.put(connection)

    def _parts(self, response: httpx.Response) -> Iterator[bytes]:
        self._expected_size(response)
        size = 0
        for part in response.stream:  # type: ignore[union-attr]
            size += len(part)
            self._check_size(size)
            yield part


class AsyncHttpTransport(_Common):
    """Calls over HTTP for an event loop."""

    def __init__(self, settings: Settings, form: HttpForm) -> None:
        """Make a pool of connections; none is opened before the first call."""
        super().__init__(settings, form)
        options = self._connection(settings)
        most = settings.limits.connections
        self._pool = AsyncHttpPool(lambda: httpx.AsyncHTTPTransport(**options), most)

    async def predict(self, call: Call) -> Result:
        """Call a model."""
        request = self._form.predict(call)
        try:
            return self._form.result(await self._exchange(request, call.deadline))
        except Exception as error:
            raise _translate(error, call.deadline) from error.__cause__

    async def stream(self, call: Call) -> AsyncGenerator[Result, None]:
        """Call a model and yield the pieces of its output."""
        request = self._request(self._form.stream(call), call.deadline)
        try:
            async with self._open(request, call.deadline) as response:
                if response.status_code >= 400:
                    self._form.result(await self._collect(response, call.deadline))
                lines = Lines(self._limits.response_bytes)
                async for part in response.stream:  # type: ignore[union-attr]
                    for line in lines.feed(part):
                        yield self._form.piece(line)
                    _check_deadline(call.deadline)
        except Exception as error:
            raise _translate(error, call.deadline) from error.__cause__

    async def is_ready(self, deadline: float | None) -> bool:
        """Whether the service is ready."""
        try:
            response = await self._exchange(self._form.ready, deadline)
            if response.status >= 400:
                self._form.result(response)
        except Unavailable:
            return False
        except httpx.HTTPError as error:
            raise _translate(error, deadline) from error
        return True

    async def metadata(self, model: str, deadline: float | None) -> Description:
        """Return the description of a model."""
        try:
            response = await self._exchange(self._form.metadata(model), deadline)
            return self._form.description(response)
        except Exception as error:
            raise _translate(error, deadline) from error.__cause__

    async def close(self) -> None:
        """Close all connections."""
        self._is_closed = True
        await self._pool.close()

    async def _exchange(self, request: HttpRequest, deadline: float | None) -> HttpResponse:
        async with self._open(self._request(request, deadline), deadline) as response:
            return await self._collect(response, deadline)

    @asynccontextmanager
    async def _open(
        self, request: httpx.Request, deadline: float | None
    ) -> AsyncIterator[httpx.Response]:
        connection = await self._pool.take(remaining(deadline))
        try:
            response = await connection.handle_async_request(request)
            try:
                yield response
            finally:
                await response.stream.aclose()  # type: ignore[union-attr]
        finally:
            self._pool.put(connection)

    async def _collect(self, response: httpx.Response, deadline: float | None) -> HttpResponse:
        self._expected_size(response)
        parts, size = [], 0
        async for part in response.stream:  # type: ignore[union-attr]
            size += len(part)
            self._check_size(size)
            parts.append(part)
            if len(parts) > 1:
                _check_deadline(deadline)
        return self._collected(response, parts)


def _check_deadline(deadline: float | None) -> None:
    if deadline is not None and time.monotonic() >= deadline:
        raise DeadlineExceeded("the timeout of the call passed")
