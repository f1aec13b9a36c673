"""What a client is told once: where the service is, and how to call it."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from grps.client.errors import one_of
from grps.client.retry import Retry

Protocol = Literal["http", "grpc", "oip-http", "oip-grpc", "brpc"]
PROTOCOLS: tuple[Protocol, ...] = get_args(Protocol)
SECURE, PLAIN = ("https", "grpcs"), ("http", "grpc", "brpc")


@dataclass(frozen=True, slots=True)
class Tls:
    """How the service is verified, and who the client is.

    Attributes:
        ca: PEM file of the authorities to trust; those of the system by default.
        cert: PEM file of the client's certificate, for a service that asks for one.
        key: PEM file of its private key.
    """

    ca: str | Path | None = None
    cert: str | Path | None = None
    key: str | Path | None = None

    def context(self) -> ssl.SSLContext:
        """[For the client] Return the context of the connections.

        Raises:
            OSError: A file can't be read.
        """
        context = ssl.create_default_context(cafile=self.ca)
        if self.cert is not None:
            context.load_cert_chain(self.cert, self.key)
        return context


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of a client.

    Attributes:
        connections: Most connections at a time over HTTP and bRPC; gRPC needs one.
        response_bytes: Most bytes of a response, or of a piece of a stream.
        connect_s: Seconds to wait for a connection.
    """

    connections: int = 100
    response_bytes: int = 1 << 30
    connect_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of a client.

    Attributes:
        address: ``host:port``.
        protocol: How the service is called.
        key: The key or token that is sent.
        tls: How the service is verified; ``None`` for connections without TLS.
        timeout: Seconds of a call that has no timeout of its own; ``None`` for no limit.
        retry: When a failed call is repeated.
        limits: Limits of connections and responses.
    """

    address: str
    protocol: Protocol
    key: str | None
    tls: Tls | None
    timeout: float | None
    retry: Retry
    limits: Limits

    @property
    def host_and_port(self) -> tuple[str, int]:
        """The two parts of the address."""
        host, _, port = self.address.rpartition(":")
        return host.strip("[]"), int(port)


def read_address(given: str, tls: Tls | None) -> tuple[str, Tls | None]:
    """Return ``host:port`` and the TLS settings; ``https://`` and ``grpcs://`` switch TLS on.

    Raises:
        ValueError: The address has another form.
    """
    scheme, has_scheme, address = given.rpartition("://")
    address = address.rstrip("/")
    _, _, port = address.rpartition(":")
    if has_scheme and scheme not in SECURE + PLAIN:
        raise ValueError(f"address {given!r}: use {one_of(SECURE + PLAIN)} before ://")
    if not port.isdecimal() or address.startswith(":"):
        raise ValueError(f"address {given!r}: use host:port, such as 127.0.0.1:7080")
    if scheme in PLAIN and tls is not None:
        raise ValueError(f"address {given!r} is without TLS, but tls is given; use https://")
    return address, tls or (Tls() if scheme in SECURE else None)


def check_protocol(protocol: str) -> None:
    """Check the name of a protocol.

    Raises:
        ValueError: There is no such protocol.
    """
    if protocol not in PROTOCOLS:
        raise ValueError(f"protocol {protocol!r}: use {one_of(PROTOCOLS)}")
