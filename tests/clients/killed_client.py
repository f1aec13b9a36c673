"""A client that gets into a state and stays there until it is killed; arguments: state, protocol.

It writes a line when it is in the state, except while it waits for the answer of a call: that is
seen at the service.
"""

from __future__ import annotations

import os
import signal
import socket
import ssl
import sys
import time
from collections.abc import Callable, Iterator
from typing import Literal, cast

from grps.client import Client, Result, Tls

Protocol = Literal["http", "grpc"]
FOREVER_MS = "600000"
HEAD = b"POST /grps/v1/infer/predict HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n"
BODY = b'\r\n{"str_data": '
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
PLAIN_BEGINNINGS = (b"", HEAD, HEAD + BODY, PREFACE)
"""What a connection has sent: nothing, a part of a head, of a body, the preface of HTTP/2."""
CLIENT_HELLO = b"\x16\x03\x01\x02\x00\x01"
"""The first bytes of a handshake of TLS."""
FILLED_S = 0.5
"""After this time, what is between the service and a client that does not read is full."""


def say() -> None:
    """Say that the state is reached."""
    sys.stdout.write("ready\n")
    sys.stdout.flush()


def stay() -> None:
    """Say that the state is reached, and wait."""
    say()
    signal.pause()


def plain(protocol: Protocol) -> Client:
    """A client of the instance without TLS."""
    return Client(os.environ[f"GRPS_{protocol.upper()}"], protocol, timeout=None)


def connected(prefix: str, protocol: Protocol) -> socket.socket:
    """A connection to an instance."""
    host, port = os.environ[f"{prefix}_{protocol.upper()}"].split(":")
    return socket.create_connection((host, int(port)))


def waiting(protocol: Protocol) -> None:
    """Wait for an answer."""
    with plain(protocol) as client:
        client.predict(FOREVER_MS, "sleep")


def waiting_over_tls(protocol: Protocol) -> None:
    """Wait for an answer over TLS."""
    address, tls = os.environ[f"GRPS_TLS_{protocol.upper()}"], Tls(ca=os.environ["GRPS_CA"])
    with Client(address, protocol, key=os.environ["GRPS_KEY"], tls=tls, timeout=None) as client:
        client.predict(FOREVER_MS, "sleep")


def pieces_of(protocol: Protocol, size: int) -> Iterator[Result]:
    """A stream without end."""
    with plain(protocol) as client, client.stream(f"-1 {size}", "count") as pieces:
        yield from pieces


def reading(protocol: Protocol) -> None:
    """Read a stream without end."""
    pieces = pieces_of(protocol, 1000)
    next(pieces)
    say()
    for _ in pieces:
        pass


def stalled(protocol: Protocol) -> None:
    """Read one piece of a stream, and no more."""
    pieces = pieces_of(protocol, 1_000_000)
    next(pieces)
    time.sleep(FILLED_S)
    stay()


def unfinished(protocol: Protocol) -> None:
    """Have a connection in each state in which there is no call yet."""
    connections = [connected("GRPS", protocol) for _ in PLAIN_BEGINNINGS]
    for connection, beginning in zip(connections, PLAIN_BEGINNINGS, strict=True):
        connection.sendall(beginning)
    in_the_handshake, after_it = (connected("GRPS_TLS", protocol) for _ in range(2))
    in_the_handshake.sendall(CLIENT_HELLO)
    context = ssl.create_default_context(cafile=os.environ["GRPS_CA"])
    with context.wrap_socket(after_it, server_hostname="localhost"):
        stay()


STATES: dict[str, Callable[[Protocol], None]] = {
    "waiting": waiting,
    "waiting_over_tls": waiting_over_tls,
    "reading": reading,
    "stalled": stalled,
    "unfinished": unfinished,
}

if __name__ == "__main__":
    STATES[sys.argv[1]](cast("Protocol", sys.argv[2]))
