"""The service that ``grpst call`` calls, through the client for Python."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np

from grps.cli.calling.inputs import Content, Value, to_content
from grps.cli.calling.outputs import Output
from grps.cli.calling.types import types_of
from grps.client import CallError, Client, Result, Tls
from grps.client.caller import DEFAULT_TIMEOUT_S
from grps.client.messages.content import Binary, Map, Text
from grps.client.settings import PROTOCOLS, Protocol
from grps.deploy.admin import running_service

KEY_VARIABLE = "GRPS_KEY"
REFUSED = 400
__all__ = ["KEY_VARIABLE", "PROTOCOLS", "CalledService", "Connection", "connect"]


class CallFailed(click.ClickException):
    """The call failed; its text has the status."""

    docs = CallError.docs

    def __init__(self, message: str, advice: str = "") -> None:
        """Remember a command that works, if one is known."""
        super().__init__(message)
        self.advice = advice


@dataclass(frozen=True, slots=True)
class Connection:
    """The flags that say which service is called, and how."""

    protocol: Protocol
    service: str | None
    address: str | None
    tls: bool
    ca: Path | None
    key_file: Path | None
    timeout: float | None
    """Seconds; ``None`` for the client's default, and no limit of a stream."""

    def where(self) -> tuple[str, bool]:
        """Return the address, and whether it takes TLS.

        Raises:
            UsageError: The flags do not go together.
            DeployError: No service runs, or several.
        """
        if self.address is None:
            address, tls = _address_of(self.service)
            return address, tls or self.ca is not None
        if self.service is not None:
            raise click.UsageError("give either --address or --service")
        return self.address, self.tls or self.ca is not None

    def client(self, address: str, tls: bool) -> Client:
        """Make the client.

        Raises:
            UsageError: The address has another form, or --ca is no file of certificates.
        """
        verified = Tls(ca=self.ca) if tls else None
        try:
            if verified is not None:
                # gRPC would find a wrong file only when it connects.
                verified.context()
            return Client(
                address,
                protocol=self.protocol,
                key=self.key(),
                tls=verified,
                timeout=self.timeout or DEFAULT_TIMEOUT_S,
            )
        except ValueError as error:
            raise click.UsageError(str(error)) from None
        except ssl.SSLError as error:
            raise click.UsageError(f"--ca {self.ca}: {error.reason or error}") from None

    def key(self) -> str | None:
        """Return the key or token to send."""
        if self.key_file is not None:
            return self.key_file.read_text(encoding="utf-8").strip()
        return os.environ.get(KEY_VARIABLE) or None


def _address_of(service: str | None) -> tuple[str, bool]:
    """Return the address of a service of this machine, and whether it takes TLS."""
    found = running_service(service)
    state = found.state
    if state is None or not state.ports:
        raise click.ClickException(f"service {found.name!r} does not listen yet")
    host = f"[{state.host}]" if ":" in state.host else state.host
    # Every port supports every protocol.
    return f"{host}:{state.ports[0]}", state.tls


class CalledService:
    """A service that is connected."""

    def __init__(
        self, client: Client, where: tuple[str, bool], stream_timeout: float | None
    ) -> None:
        """Remember the client, where it calls and whether with TLS, and the timeout of streams."""
        self._client = client
        self._address, self._tls = where
        self._stream_timeout = stream_timeout

    def content(self, model: str, given: Value | Mapping[str, Value]) -> Content:
        """Return what is sent; an array of JSON gets the element type of the model's input."""
        return to_content(given, lambda: self._types(model))

    def predict(self, model: str, content: Content) -> Output:
        """Call a model once.

        Raises:
            CallFailed: It fails.
        """
        with self._explaining(model):
            return _output(self._client.predict(content, model=model or None))

    def stream(self, model: str, content: Content) -> Iterator[Output]:
        """Call a model and yield the pieces of its stream as they come.

        Raises:
            CallFailed: It fails.
        """
        with (
            self._explaining(model),
            self._client.stream(content, model or None, self._stream_timeout) as pieces,
        ):
            yield from map(_output, pieces)

    @contextmanager
    def _explaining(self, model: str) -> Iterator[None]:
        try:
            yield
        except CallError as error:
            advice = self._example(model) if error.code == REFUSED else ""
            raise _failed(error, self._address, advice) from error

    def _example(self, model: str) -> str:
        """Return a request that the model takes; empty if none is known."""
        from grps.cli.output.example import make_example

        metadata = self._metadata(model)
        host, _, port = self._address.rpartition(":")
        # The description by another protocol says less.
        if self._tls or "inferer_type" not in metadata or not port.isdecimal():
            return ""
        found = make_example(metadata, host.strip("[]"), int(port), model)
        return found.line if found.exact else ""

    def _types(self, model: str) -> Mapping[str, np.dtype[Any]]:
        """Return the element types of the model's inputs; none if it does not report them."""
        return types_of(self._metadata(model))

    def _metadata(self, model: str) -> Mapping[str, Any]:
        try:
            return self._client.metadata(model)
        except CallError:
            # The default graph and some models have no description; the call says what is wrong.
            return {}


def _output(result: Result) -> Output:
    match result.content:
        case Text(text):
            return Output(text=text)
        case Binary(data):
            return Output(data=bytes(data))
        case Map(values):
            return Output(values=dict(values))
        case _:
            return Output(tensors=result.tensors)


def _failed(error: CallError, address: str, advice: str = "") -> CallFailed:
    # Without a status, nothing that answered is at fault: the address may be.
    return CallFailed(f"{error.code or address}: {error.message}", advice)


@contextmanager
def connect(connection: Connection) -> Iterator[CalledService]:
    """Connect to the service until the block ends; report a failed call with its status."""
    address, tls = connection.where()
    try:
        with connection.client(address, tls) as client:
            yield CalledService(client, (address, tls), connection.timeout)
    except CallError as error:
        raise _failed(error, address) from error
    except TypeError as error:
        # The protocol has no such element type, or no such content.
        raise CallFailed(str(error)) from error
