"""Several hosts on one machine, as network namespaces on a bridge. Needs root.

A host has its own network, ``/tmp`` and ``/dev/shm``; host 1 has the address 10.78.0.1.
"""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

SWITCH = "grps-switch"
_STAY = """
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /tmp
echo
exec sleep infinity
"""


def _ip(line: str, *, check: bool = True) -> None:
    subprocess.run(
        ["ip", *shlex.split(line)], check=check, stderr=None if check else subprocess.DEVNULL
    )


class Hosts:
    """Hosts that are connected with each other and nothing else."""

    def __init__(self, count: int) -> None:
        """Make them; ``close`` removes them."""
        self._numbers = range(1, count + 1)
        self._places: dict[int, subprocess.Popen[bytes]] = {}
        self.close()
        _ip(f"netns add {SWITCH}")
        _ip(f"-n {SWITCH} link add bridge type bridge")
        _ip(f"-n {SWITCH} link set bridge up")
        for number in self._numbers:
            self._connect(number)

    def _connect(self, number: int) -> None:
        name = _name(number)
        _ip(f"netns add {name}")
        _ip(f"link add wire netns {name} type veth peer name port{number} netns {SWITCH}")
        _ip(f"-n {SWITCH} link set port{number} master bridge up")
        _ip(f"-n {name} addr add {address(number)}/24 dev wire")
        _ip(f"-n {name} link set wire up")
        _ip(f"-n {name} link set lo up")
        place = subprocess.Popen(
            ["ip", "netns", "exec", name, "unshare", "--mount", "bash", "-c", _STAY],
            stdout=subprocess.PIPE,
        )
        assert place.stdout is not None
        place.stdout.readline()
        self._places[number] = place

    def command(self, number: int, command: Sequence[str]) -> list[str]:
        """Return the command that runs another one on a host."""
        return ["nsenter", "--target", str(self._places[number].pid), "--net", "--mount", *command]

    def run(self, number: int, command: Sequence[str], **options: Any) -> str:
        """Run a command on a host and return what it prints.

        Raises:
            CalledProcessError: It failed.
        """
        out: str = subprocess.check_output(self.command(number, command), text=True, **options)
        return out

    def start(self, number: int, command: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
        """Start a command on a host."""
        return subprocess.Popen(self.command(number, command), **options)

    def unplug(self, number: int) -> None:
        """Pull the cable of a host: packets are lost without an answer."""
        _ip(f"-n {SWITCH} link set port{number} down")

    def plug(self, number: int) -> None:
        """Connect it again."""
        _ip(f"-n {SWITCH} link set port{number} up")

    def close(self) -> None:
        """Remove the hosts; what runs on them must have ended."""
        for place in self._places.values():
            place.kill()
            place.wait()
        self._places.clear()
        for number in self._numbers:
            _ip(f"netns del {_name(number)}", check=False)
        _ip(f"netns del {SWITCH}", check=False)


def address(number: int) -> str:
    """Return the address of a host."""
    return f"10.78.0.{number}"


def _name(number: int) -> str:
    return f"grps-host-{number}"


@contextmanager
def connected(count: int) -> Iterator[Hosts]:
    """Make hosts until the block ends."""
    hosts = Hosts(count)
    try:
        yield hosts
    finally:
        hosts.close()
