"""Reading of the ``port`` value, shared by the configuration and the command line."""

from __future__ import annotations

import re

PORT = re.compile(r"[0-9]{1,5}")
MAX_PORT = 65535
MAX_PORTS = 2
SHOWN_CHARS = 40


def parse_ports(value: str | int) -> tuple[int, ...]:
    """Read ``7080``, ``"7080"`` or ``"7080,7081"``.

    Raises:
        ValueError: The text is not one or two different ports from 0 to 65535.
    """
    parts = [part.strip() for part in str(value).split(",")]
    ports: list[int] = []
    for part in parts:
        if not PORT.fullmatch(part) or int(part) > MAX_PORT:
            shown = part if len(part) <= SHOWN_CHARS else part[:SHOWN_CHARS] + "…"
            raise ValueError(f"{shown!r} is not a port from 0 to {MAX_PORT}")
        ports.append(int(part))
    if len(ports) > MAX_PORTS:
        raise ValueError(f"{len(ports)} ports given, at most {MAX_PORTS} are used (HTTP,RPC)")
    if len(ports) == MAX_PORTS and ports[0] == ports[1] != 0:
        raise ValueError(f"port {ports[0]} is given twice; one port alone serves HTTP and RPC")
    return tuple(ports)
