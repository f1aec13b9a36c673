"""Sends the messages of any service over gRPC by grpcio, which only this module imports."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Iterable
from pathlib import Path
from typing import Any

import grpc

from grps.client.call import Call, remaining
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
from grps.client.settings import Settings, Tls
from grps.client.transports.base import Description
from grps.client.transports.grpc_form import GrpcForm
from grps.client.transports.oip_http import NO_STREAMS

_KINDS: dict[grpc.StatusCode, type[CallError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidRequest,
    grpc.StatusCode.UNAUTHENTICATED: Unauthenticated,
    grpc.StatusCode.PERMISSION_DENIED: PermissionDenied,
    grpc.StatusCode.NOT_FOUND: NotFound,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceeded,
    grpc.StatusCode.CANCELLED: Cancelled,
    grpc.StatusCode.INTERNAL: ModelError,
    grpc.StatusCode.UNIMPLEMENTED: Unsupported,
}
_PUSHBACK, _REQUEST_ID = "grpc-retry-pushback-ms", "x-request-id"
_NOT_CONNECTED = ("failed to connect", "name resolution", "dns resolution", "connection refused")
_MOST_BYTES = 2**31 - 1


def _translate(error: grpc.RpcError) -> CallError:
    """Return the error of a call for the status of an rpc."""
    code, text = error.code(), error.details() or ""
    trailing = dict[str, str](error.trailing_metadata() or ())  # type: ignore[arg-type]
    request_id, seconds = trailing.get(_REQUEST_ID), _seconds(trailing.get(_PUSHBACK))
    kind = _KINDS.get(code)
    if kind is ModelError and request_id is None:
        # The service has not said so: the call was cut off on the way.
        return ConnectionFailed(f"the connection ended: {text}")
    if kind is not None:
        return kind(text or code.name, request_id=request_id)
    if code == grpc.StatusCode.RESOURCE_EXHAUSTED:
        if seconds is None:  # only a full queue or a rate has an end
            return TooLarge(text, request_id=request_id)
        return TooManyRequests(text, retry_after=seconds, request_id=request_id, is_refused=True)
    if code == grpc.StatusCode.UNAVAILABLE:
        return _unavailable(text, request_id, seconds)
    return CallError(f"{code.name}: {text}", request_id=request_id)


def _seconds(pushback: str | None) -> float | None:
    """Return the seconds of ``grpc-retry-pushback-ms``; ``None`` if it is no time to wait."""
    return int(pushback) / 1000 if pushback is not None and pushback.isdecimal() else None


def _unavailable(text: str, request_id: str | None, seconds: float | None) -> CallError:
    """Return the error of a service that refuses calls or of a connection: they share one."""
    if request_id is not None:
        return Unavailable(text, retry_after=seconds, request_id=request_id, is_refused=True)
    is_new = any(sign in text.lower() for sign in _NOT_CONNECTED)
    is_refused = is_new and "ssl" not in text.lower() and "certificate" not in text.lower()
    return ConnectionFailed(f"the connection failed: {text}", is_refused=is_refused)


class _Common:
    """What blocking and asynchronous transports have in common: all but sending."""

    def __init__(self, settings: Settings, form: GrpcForm) -> None:
        self._form = form
        self._settings = settings
        key = settings.key
        self._common = () if key is None else (("authorization", f"Bearer {key}"),)
        self._credentials = None if settings.tls is None else _credentials(settings.tls)
        self._is_closed = False

    def _options(self) -> list[tuple[str, Any]]:
        most = min(self._settings.limits.response_bytes, _MOST_BYTES)
        return [
            ("grpc.max_receive_message_length", most),
            ("grpc.max_send_message_length", -1),
            # A connection of this client alone, which ends with it.
            ("grpc.use_local_subchannel_pool", 1),
            # This client decides what is repeated.
            ("grpc.enable_retries", 0),
            ("grpc.primary_user_agent", "grps-client"),
            ("grpc.enable_http_proxy", 0),
        ]

    def _metadata(self, call: Call) -> tuple[tuple[str, str], ...]:
        return self._common + call.headers if call.headers else self._common

    def _stream_method(self) -> str:
        if self._form.stream_method is None:
            raise Unsupported(NO_STREAMS)
        return self._form.stream_method

    def _check_open(self) -> None:
        if self._is_closed:
            raise Cancelled("the client is closed")


def _credentials(tls: Tls) -> grpc.ChannelCredentials:
    ca, key, cert = (None if path is None else Path(path).read_bytes() for path in _paths(tls))
    return grpc.ssl_channel_credentials(ca, key, cert)


def _paths(tls: Tls) -> Iterable[str | Path | None]:
    return tls.ca, tls.key, tls.cert


class GrpcTransport(_Common):
    """Blocking calls over gRPC; one connection carries all of them."""

    def __init__(self, settings: Settings, form: GrpcForm) -> None:
        """Make a channel; it connects at the first call."""
        super().__init__(settings, form)
        if self._credentials is None:
            channel = grpc.insecure_channel(settings.address, self._options())
        else:
            channel = grpc.secure_channel(settings.address, self._credentials, self._options())
        self._channel = channel
        # Messages are bytes here: the form encodes them.
        self._predict: Any = channel.unary_unary(form.predict_method)
        self._ready: Any = channel.unary_unary(form.ready_method)
        self._describe: Any = channel.unary_unary(form.metadata_method)
        if form.stream_method is not None:
            self._stream: Any = channel.unary_stream(form.stream_method)

    def predict(self, call: Call) -> Result:
        """Call a model."""
        message = self._form.predict(call)
        self._check_open()
        try:
            response = self._predict(
                message, timeout=remaining(call.deadline), metadata=self._metadata(call)
            )
        except grpc.RpcError as error:
            raise _translate(error) from None
        except ValueError as error:
            raise _closed(error) from None
        return self._form.result(response)

    def stream(self, call: Call) -> Generator[Result, None, None]:
        """Call a model and yield the pieces of its output."""
        self._stream_method()
        message = self._form.predict(call)
        self._check_open()
        timeout = remaining(call.deadline)
        pieces = self._stream(message, timeout=timeout, metadata=self._metadata(call))
        try:
            for piece in pieces:
                yield self._form.result(piece)
        except grpc.RpcError as error:
            raise _translate(error) from None
        finally:
            pieces.cancel()

    def is_ready(self, deadline: float | None) -> bool:
        """Whether the service is ready."""
        return self._form.is_ready(self._ask(self._ready, b"", deadline))

    def metadata(self, model: str, deadline: float | None) -> Description:
        """Return the description of a model."""
        question = self._form.metadata(model)
        return self._form.description(self._ask(self._describe, question, deadline))

    def close(self) -> None:
        """Close the connection."""
        self._is_closed = True
        self._channel.close()

    def _ask(self, method: Any, message: bytes, deadline: float | None) -> bytes:
        self._check_open()
        try:
            answer: bytes = method(message, timeout=remaining(deadline), metadata=self._common)
        except grpc.RpcError as error:
            raise _translate(error) from None
        return answer


def _closed(error: ValueError) -> Exception:
    """Return the error of a call whose channel was closed at the same time."""
    return Cancelled("the client is closed") if "closed channel" in str(error) else error


class AsyncGrpcTransport(_Common):
    """Calls over gRPC for an event loop; one connection carries all of them."""

    def __init__(self, settings: Settings, form: GrpcForm) -> None:
        """Remember the settings: a channel belongs to the loop of its first call."""
        super().__init__(settings, form)
        self._channel: Any = None
        self._methods: dict[str, Any] = {}

    async def predict(self, call: Call) -> Result:
        """Call a model."""
        message = self._form.predict(call)
        method = self._unary(self._form.predict_method)
        try:
            response = await method(
                message, timeout=remaining(call.deadline), metadata=self._metadata(call)
            )
        except grpc.RpcError as error:
            raise _translate(error) from None
        return self._form.result(response)

    async def stream(self, call: Call) -> AsyncGenerator[Result, None]:
        """Call a model and yield the pieces of its output."""
        name = self._stream_method()
        message = self._form.predict(call)
        method = self._open().unary_stream(name)
        timeout = remaining(call.deadline)
        pieces = method(message, timeout=timeout, metadata=self._metadata(call))
        try:
            async for piece in pieces:
                yield self._form.result(piece)
        except grpc.RpcError as error:
            raise _translate(error) from None
        finally:
            pieces.cancel()

    async def is_ready(self, deadline: float | None) -> bool:
        """Whether the service is ready."""
        return self._form.is_ready(await self._ask(self._form.ready_method, b"", deadline))

    async def metadata(self, model: str, deadline: float | None) -> Description:
        """Return the description of a model."""
        question = self._form.metadata(model)
        answer = await self._ask(self._form.metadata_method, question, deadline)
        return self._form.description(answer)

    async def close(self) -> None:
        """Close the connection."""
        self._is_closed = True
        if self._channel is not None:
            await self._channel.close()

    def _open(self) -> Any:
        self._check_open()
        if self._channel is None:
            address, options = self._settings.address, self._options()
            if self._credentials is None:
                self._channel = grpc.aio.insecure_channel(address, options)
            else:
                self._channel = grpc.aio.secure_channel(address, self._credentials, options)
        return self._channel

    def _unary(self, name: str) -> Any:
        method = self._methods.get(name)
        if method is None or self._is_closed:
            method = self._methods[name] = self._open().unary_unary(name)
        return method

    async def _ask(self, name: str, message: bytes, deadline: float | None) -> bytes:
        method = self._unary(name)
        try:
            answer: bytes = await method(
                message, timeout=remaining(deadline), metadata=self._common
            )
        except grpc.RpcError as error:
            raise _translate(error) from None
        return answer
