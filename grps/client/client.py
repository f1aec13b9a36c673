"""The blocking client."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future
from types import TracebackType
from typing import Any

from grps.client.background import Background
from grps.client.call import Output
from grps.client.caller import DEFAULT_TIMEOUT_S, Caller, settings_of
from grps.client.errors import CallError
from grps.client.mapping import map_futures
from grps.client.result import Result
from grps.client.retry import Retry
from grps.client.settings import Limits, Protocol, Settings, Tls
from grps.client.streams import Stream, pieces_of
from grps.client.transports.base import Description
from grps.client.transports.choice import open_transport


class Client:
    """Calls a service; any thread may use it.

    One client keeps its connections; use it for all calls, and close it at the end:
    ``with Client("127.0.0.1:7080") as client: …``.
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
        self._transport = open_transport(self._settings)
        self._background = Background(self._settings)

    def predict(
        self,
        inputs: Any,
        model: str | None = None,
        timeout: float | None = None,
        *,
        output: Output = "message",
        headers: Mapping[str, str] | None = None,
    ) -> Result:
        """Call a model and return its output.

        Args:
            inputs: A text, bytes, an array (NumPy's, or any with ``__dlpack__`` in CPU memory), a
                map from names to arrays, a map from names to texts, bytes and numbers, or nested
                lists.
            model: The name, with or without ``-version``; by default the service's default graph.
            timeout: Seconds of the call with all its attempts; by default the client's. The
                service cancels the call then.
            output: Over HTTP, ``ndarray`` for nested lists, ``raw`` for the bytes of the only
                tensor; ``message`` for what the model returns.
            headers: Headers of HTTP, metadata of gRPC, such as ``x-request-id``,
                ``x-grps-priority`` and ``traceparent``. The span of OpenTelemetry is sent if there
                is one.

        Raises:
            CallError: The call failed; each kind of failure has a type.
            TypeError: The inputs can't be sent.
        """
        call = self._caller.call(inputs, model, timeout, output, headers)
        attempt = 0
        while True:
            try:
                return self._transport.predict(call)
            except CallError as error:
                pause = self._settings.retry.pause(error, attempt, call.deadline)
                if pause is None:
                    raise
            time.sleep(pause)
            attempt += 1

    def submit(
        self,
        inputs: Any,
        model: str | None = None,
        timeout: float | None = None,
        *,
        output: Output = "message",
        headers: Mapping[str, str] | None = None,
    ) -> Future[Result]:
        """Begin a call in the background; ``cancel`` of the future cancels it on the server.

        ``inputs``, ``model``, ``timeout``, ``output`` and ``headers`` are those of ``predict``.
        """
        return self._background.submit(
            lambda client: client.predict(inputs, model, timeout, output=output, headers=headers)
        )

    def stream(
        self,
        inputs: Any,
        model: str | None = None,
        timeout: float | None = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> Stream:
        """Call a model and return the pieces of its output as an iterator.

        Args:
            inputs: As for ``predict``.
            model: As for ``predict``.
            timeout: Seconds of the whole stream; by default it has no limit.
            headers: As for ``predict``.

        Raises:
            TypeError: The inputs can't be sent. Errors of the call are raised by the iterator.
        """
        call = self._caller.stream_call(inputs, model, timeout, headers)
        return Stream(pieces_of(self._transport, call, self._settings.retry))

    def map(
        self,
        inputs: Iterable[Any],
        model: str | None = None,
        timeout: float | None = None,
        *,
        concurrency: int = 16,
        progress: bool = False,
    ) -> Iterator[Result]:
        """Call a model with each of the inputs and yield the results in their order.

        The inputs are read as they are needed: at most ``concurrency`` calls run, or wait to be
        yielded. The first error ends it and cancels the calls that run.

        Args:
            inputs: The inputs of all calls, each as for ``predict``.
            model: As for ``predict``.
            timeout: Seconds of each call.
            concurrency: Most calls at a time.
            progress: Whether to show a progress bar, if standard error is a terminal.

        Raises:
            ValueError: The concurrency is less than 1.
        """
        return map_futures(
            lambda one: self.submit(one, model, timeout), inputs, concurrency, progress
        )

    def is_ready(self) -> bool:
        """Whether the service is ready.

        Raises:
            CallError: It can't be asked.
        """
        return self._transport.is_ready(self._caller.deadline())

    def metadata(self, model: str) -> Description:
        """Return what the service says about a model.

        Over GRPS and bRPC, it is the model's configuration with its inputs and outputs; over the
        Open Inference Protocol, what that protocol defines.

        Args:
            model: The name, with or without ``-version``.

        Raises:
            CallError: The model is unknown, or the service can't be asked.
        """
        return self._transport.metadata(model, self._caller.deadline())

    def close(self) -> None:
        """Close all connections; calls that run are cancelled."""
        self._background.close()
        self._transport.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
