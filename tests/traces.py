"""A collector that receives the traces of a service, and the spans that it got."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support import wait_until
from tools.programs.collector import collecting

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"


@dataclass
class Collector:
    """A collector and the file that it writes."""

    endpoints: dict[str, str]
    file: Path

    def spans(self) -> list[dict[str, Any]]:
        """All spans that came, with the service's name."""
        found = []
        for line in self.file.read_text().splitlines() if self.file.exists() else ():
            for resource in json.loads(line)["resourceSpans"]:
                service = attributes(resource["resource"])["service.name"]
                for scope in resource["scopeSpans"]:
                    found += [{**span, "service": service} for span in scope["spans"]]
        return found

    def trace(self, trace_id: str, root: str) -> dict[str, dict[str, Any]]:
        """The spans of a trace by name, once the span called ``root`` has come."""

        def find() -> dict[str, dict[str, Any]]:
            spans = (span for span in self.spans() if span["traceId"] == trace_id)
            return {span["name"]: span for span in spans}

        wait_until(lambda: root in find(), f"the span {root}")
        return find()


def attributes(holder: dict[str, Any]) -> dict[str, Any]:
    """The attributes of a span or a resource by name."""
    return {one["key"]: next(iter(one["value"].values())) for one in holder.get("attributes", ())}


def free_port() -> int:
    """A port of the loopback that nothing listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def answers(address: str) -> bool:
    """Whether something listens on an address."""
    host, port = address.split(":")
    with socket.socket() as client:
        return client.connect_ex((host, int(port))) == 0


def parent(sampled: bool = True, trace: str = TRACE) -> str:
    """The header of a request that belongs to a trace."""
    return f"00-{trace}-{PARENT}-{'01' if sampled else '00'}"


@contextmanager
def receiving_traces(folder: Path) -> Iterator[Collector]:
    """Run a collector until the block ends."""
    addresses = {protocol: f"127.0.0.1:{free_port()}" for protocol in ("grpc", "http")}
    with collecting(folder, addresses) as file:
        for address in addresses.values():
            wait_until(lambda: answers(address), "the collector")  # noqa: B023
        yield Collector({key: f"http://{address}" for key, address in addresses.items()}, file)
